"""The optimiser of a run, and the moving average of the weights that it keeps."""

import contextlib

import keras


class _Averaging:
    """An optimiser whose moving average of the weights forgets its first values in short runs too.

    The momentum is at most (1 + step) / (10 + step), as in `tf.train.ExponentialMovingAverage`.
    """

    @property
    def ema_momentum(self):
        step = keras.ops.cast(self.iterations, "float32")
        return keras.ops.minimum(self._most_momentum, (1.0 + step) / (10.0 + step))

    @ema_momentum.setter
    def ema_momentum(self, value):
        self._most_momentum = value

    def finalize_variable_values(self, trainable_variables):
        """Keeps the weights as they are: `fit` would end with their averages in them (see `averaged`)."""


class _Adam(_Averaging, keras.optimizers.Adam):
    pass


class _AdamW(_Averaging, keras.optimizers.AdamW):
    pass


def make_optimizer(config):
    """Adam, or AdamW where `weight_decay` is set; the schedule sets the learning rate of each step."""
    options = {"learning_rate": config.learning_rate, "global_clipnorm": config.clip_norm or None}
    if config.average:
        options |= {"use_ema": True, "ema_momentum": config.average}
    if not config.weight_decay:
        return _Adam(name="adam", **options)
    optimizer = _AdamW(weight_decay=config.weight_decay, name="adamw", **options)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


@contextlib.contextmanager
def averaged(model, optimizer):
    """Within, the trainable weights of `model` are the moving averages of them, if `optimizer` keeps any."""
    # The averages have no public name; keras.callbacks.SwapEMAWeights reads the same attribute.
    averages = optimizer._model_variables_moving_average if optimizer.use_ema else []
    pairs = list(zip(model.trainable_variables, averages))
    trained = [variable.numpy() for variable, _ in pairs]
    for variable, average in pairs:
        variable.assign(average)
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, trained):
            variable.assign(value)
