"""The losses of speech synthesis."""

import keras
import tensorflow as tf

from pipelines.speech.clips import PADDING


@keras.saving.register_keras_serializable("kerasapp")
class SpectrogramLoss(keras.losses.Loss):
    """Mean absolute plus mean squared error of the frames, before and after a postnet; padding left out.

    The squared error is that of Shen et al. 2018, arXiv:1712.05884; the absolute one minds small errors too.

    Call: `targets` [batch, frames, mels], PADDING beyond the end, `outputs` [batch, frames, 2 * mels]: those
    before the postnet and, beside them, those after it -> scalar, the sum of both halves' errors.
    """

    def __init__(self, name="spectrogram_loss"):
        super().__init__(name=name, reduction="sum")

    def call(self, targets, outputs):
        real = targets[:, :, :1] > PADDING / 2  # [batch, frames, 1]
        both = tf.concat([targets, targets], axis=-1)
        errors = tf.where(real, outputs - both, tf.zeros_like(both))
        values = tf.reduce_sum(tf.cast(real, errors.dtype)) * tf.cast(tf.shape(targets)[-1], errors.dtype)
        return (tf.abs(errors) + tf.square(errors)) / tf.maximum(values, 1.0)

    def get_config(self):
        return {"name": self.name}


@keras.saving.register_keras_serializable("kerasapp")
class StopLoss(keras.losses.Loss):
    """Cross-entropy a step of the question whether speech ends here; padding left out.

    Args:
        weight: the whole is multiplied with it.
        positive_weight: that of a step at which speech ends, beside one at which it does not: there are few.

    Call: `targets` [batch, steps], 0 or 1, PADDING beyond the end, `logits` [batch, steps] -> scalar, nats.
    """

    def __init__(self, weight=1.0, positive_weight=5.0, name="stop_loss"):
        super().__init__(name=name, reduction="sum")
        self.weight, self.positive_weight = weight, positive_weight

    def call(self, targets, logits):
        counted = tf.cast(targets > PADDING / 2, logits.dtype)
        nats = tf.nn.weighted_cross_entropy_with_logits(targets * counted, logits, self.positive_weight)
        return self.weight * nats * counted / tf.maximum(tf.reduce_sum(counted), 1.0)

    def get_config(self):
        return {"name": self.name, "weight": self.weight, "positive_weight": self.positive_weight}


@keras.saving.register_keras_serializable("kerasapp")
class GuidedAttentionLoss(keras.losses.Loss):
    """How much of the attention lies where the guide does not want it (Tachibana, Uenoyama & Aihara 2018,
    arXiv:1710.08969).

    Args:
        weight: the whole is multiplied with it.

    Call: `targets` [batch, steps, text], the guide: the cost of attending there, 0 in padding (and everywhere
    once it has faded out), `alignment` [batch, steps, text] -> scalar, the mean cost of a step.
    """

    def __init__(self, weight=1.0, name="guided_attention_loss"):
        super().__init__(name=name, reduction="sum")
        self.weight = weight

    def call(self, targets, alignment):
        guided = tf.cast(tf.reduce_any(targets > 0, axis=-1), alignment.dtype)  # [batch, steps]
        return self.weight * targets * alignment / tf.maximum(tf.reduce_sum(guided), 1.0)

    def get_config(self):
        return {"name": self.name, "weight": self.weight}
