"""A recurrent layer that reads a sentence in both directions."""

import keras
import tensorflow as tf

from kerasapp.layers.recurrent import GATED


@keras.saving.register_keras_serializable("kerasapp")
class Bidirectional(keras.layers.Layer):
    """Two recurrent layers, one of which reads each row backwards from its own end (Schuster & Paliwal 1997).

    No output at a real position depends on the padding.

    Args:
        units: of each direction.
        cell: "lstm" or "gru".
        recurrent_dropout: share of the recurrent weights dropped in training (weight drop).

    Call: `x` [batch, time, features], `lengths` int32 [batch] -> [batch, time, 2 * units], the
    forward half first.
    """

    def __init__(self, units, cell="lstm", recurrent_dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.cell, self.recurrent_dropout = units, cell, recurrent_dropout
        options = {"return_sequences": True, "dtype": self.dtype_policy}
        options["recurrent_dropout"] = recurrent_dropout
        self.forward = GATED[cell](units, name="forward", **options)
        self.backward = GATED[cell](units, name="backward", **options)

    def build(self, x_shape, *_):
        self.forward.build(x_shape)
        self.backward.build(x_shape)

    def call(self, x, lengths, training=False):
        forward = self.forward(x, training=training)
        reverse = self.backward(tf.reverse_sequence(x, lengths, seq_axis=1), training=training)
        return tf.concat([forward, tf.reverse_sequence(reverse, lengths, seq_axis=1)], axis=-1)

    def get_config(self):
        own = {"units": self.units, "cell": self.cell, "recurrent_dropout": self.recurrent_dropout}
        return {**super().get_config(), **own}
