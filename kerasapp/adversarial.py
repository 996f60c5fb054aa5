"""Training against a discriminator: what `fit` sees in place of the model that is trained."""

import keras


class Adversarial(keras.Model):
    """A model and the discriminator that it is trained against, as one for `fit` (Goodfellow et al. 2014,
    arXiv:1406.2661).

    A subclass has the `train_step`. The generator alone is validated, stored and served; all that both learn
    with is saved at each checkpoint, so that such a run goes on like any other.

    Args:
        generator: the model that answers. discriminator: a built model.
        discriminator_rate: learning rate of the discriminator's Adam; the generator has the optimiser and the
            schedule of the run.
        losses: names of the running means that a step reports by `report`; "loss" is among them.
    """

    def __init__(self, generator, discriminator, discriminator_rate, losses, **kwargs):
        super().__init__(**kwargs)
        self.generator, self.discriminator = generator, discriminator
        # Gradients of a loss that asks for "real" and "not real" at once: less momentum than Adam's own
        # (Radford, Metz & Chintala 2016, arXiv:1511.06434).
        self.discriminator_optimizer = keras.optimizers.Adam(
            discriminator_rate, beta_1=0.5, global_clipnorm=1.0, name="discriminator_adam"
        )
        self.means = [keras.metrics.Mean(name=name) for name in losses]
        self.built = True

    def compile(self, optimizer, loss=None, **options):
        """As of `keras.Model`; the generator has the `loss`, for `self.generator.compute_loss`."""
        super().compile(optimizer=optimizer, **options)
        self.generator.compile(loss=loss, **options)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def call(self, inputs, training=False):
        return self.generator(inputs, training=training)

    @property
    def metrics(self):
        return self.means

    def report(self, **values):
        """Brings the running means up to date: name -> scalar. Returns all of them, name -> scalar."""
        for mean in self.means:
            if mean.name in values:
                mean.update_state(values[mean.name])
        return {mean.name: mean.result() for mean in self.means}


def generator(model):
    """The model that answers: that of an `Adversarial`, or the model itself."""
    return model.generator if isinstance(model, Adversarial) else model
