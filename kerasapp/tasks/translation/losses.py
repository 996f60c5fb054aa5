"""The loss of translation."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("kerasapp")
class SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy a token, padding left out, with label smoothing (Szegedy et al. 2016, arXiv:1512.00567).

    The target's share of the probability is 1 - smoothing; `smoothing` is spread over the whole vocabulary.

    Args:
        smoothing: from 0 to below 1.
        pad_id: the token that does not count.

    Call: `targets` int32 [batch, time], `logits` [batch, time, vocabulary] -> scalar, nats per token.
    """

    def __init__(self, smoothing=0.0, pad_id=0, name="smoothed_cross_entropy"):
        super().__init__(name=name, reduction="sum")
        self.smoothing, self.pad_id = smoothing, pad_id

    def call(self, targets, logits):
        targets = tf.cast(targets, tf.int32)  # Keras hands them over as floats
        nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)  # [batch, time]
        if self.smoothing:
            # -ln p is on average logsumexp - mean(logits), and `nats` is logsumexp - the target's logit.
            target_logits = tf.gather(logits, targets, batch_dims=2)
            nats += self.smoothing * (target_logits - tf.reduce_mean(logits, axis=-1))
        counted = tf.cast(targets != self.pad_id, nats.dtype)
        return nats * counted / tf.maximum(tf.reduce_sum(counted), 1.0)

    def get_config(self):
        return {"name": self.name, "smoothing": self.smoothing, "pad_id": self.pad_id}
