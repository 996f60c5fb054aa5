"""A voice that is trained against a discriminator of its spectrograms, so that they are less blurred."""

import keras
import tensorflow as tf

from kerasapp.adversarial import Adversarial
from kerasapp.models.synthesis import PADDING


class AdversarialSynthesis(Adversarial):
    """A `SynthesisModel` that also learns to write frames that a discriminator takes for recorded ones.

    The usual losses want each value near its expectation, and what may be this or that comes out as the blur
    between. What fools a discriminator is one of both (least squares: Mao et al. 2017, arXiv:1611.04076;
    beside a usual loss, for spectrograms: Kaneko et al. 2017; Yang et al. 2017, arXiv:1707.01670).

    Beside the recorded frames the discriminator sees those after the postnet, each group written with the
    recording's own frames before it: they lie in step with the recording, at its loudness and speed, and what
    is left to tell them apart is the texture. What the decoder does after frames of its own is not judged.

    Before step `start` of the optimiser the model learns as without, to the bit, and the discriminator does
    not learn at all: it would see faults that go away by themselves (as in Yamamoto et al. 2020,
    arXiv:1910.11480, where both begin together too).

    Args:
        generator: a `SynthesisModel`. discriminator: a `MelDiscriminator` of its mels.
        weight: of the loss that wants the discriminator fooled.
        start: steps of the generator before the adversarial training.
        discriminator_rate: learning rate.

    A step reports, beside what `fit` does without: "adversarial_loss", times its weight a part of "loss", and
    "discriminator_loss", 0 where all is told apart and 0.5 where nothing is. Both are 0 before `start`.
    """

    def __init__(self, generator, discriminator, weight, start, discriminator_rate, **kwargs):
        losses = "loss", "adversarial_loss", "discriminator_loss"
        super().__init__(generator, discriminator, discriminator_rate, losses, **kwargs)
        self.weight, self.start = weight, start

    @property
    def metrics(self):
        return super().metrics + self._parts

    @property
    def _parts(self):
        """The running means of the usual losses, by output."""
        return [metric for metric in self.generator.metrics if metric.name != "loss"]

    def train_step(self, data):
        inputs, targets, _ = keras.utils.unpack_x_y_sample_weight(data)
        recorded = targets["mel_out"]  # [batch, frames, mels]
        begun = self.optimizer.iterations >= self.start
        with tf.GradientTape() as tape:
            outputs = self.generator(inputs, training=True)
            refined = outputs["mel_out"][:, :, self.generator.mels :]
            written = tf.where(recorded > PADDING / 2, refined, PADDING)
            adversarial = tf.cond(begun, lambda: self._distance(written, 1.0), lambda: 0.0)
            loss = self.generator.compute_loss(inputs, targets, outputs) + self.weight * adversarial
        variables = self.generator.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        told = tf.cond(begun, lambda: self._teach_discriminator(recorded, written), lambda: 0.0)
        parts = {metric.name: metric.result() for metric in self._parts}
        return {**self.report(loss=loss, adversarial_loss=adversarial, discriminator_loss=told), **parts}

    def _teach_discriminator(self, recorded, written):
        with tf.GradientTape() as tape:
            loss = self._distance(recorded, 1.0) + self._distance(tf.stop_gradient(written), 0.0)
        variables = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def _distance(self, mel, wanted):
        """Mean squared distance of the scores of the frames [batch, frames, mels] from the score wanted."""
        found = self.discriminator({"mel": mel}, training=True)
        squares = (found["scores"] - wanted) ** 2 * found["counted"]
        return tf.reduce_sum(squares) / tf.maximum(tf.reduce_sum(found["counted"]), 1.0)
