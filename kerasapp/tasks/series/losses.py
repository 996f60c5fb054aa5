"""The loss of series."""

import keras

from kerasapp.tasks.series.model import log_density, mixture


@keras.saving.register_keras_serializable("kerasapp")
class MixtureLoss(keras.losses.Loss):
    """Negative log-likelihood of a mixture of Gaussians, nats per step (Bishop 1994).

    Call: `targets` [batch, time, columns], `raw` parameters as `SeriesModel` gives
    them -> scalar, the mean over steps.
    """

    def __init__(self, name="mixture_loss"):
        super().__init__(name=name)

    def call(self, targets, raw):
        return -log_density(mixture(raw, targets.shape[-1]), targets)  # [batch, time]

    def get_config(self):
        return {"name": self.name}
