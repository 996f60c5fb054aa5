"""A stack of convolutions over time that never sees padding."""

import keras
import tensorflow as tf

from kerasapp.layers.batch import split_batch
from kerasapp.layers.dropout import variational_dropout


@keras.saving.register_keras_serializable("kerasapp")
class Convolutions(keras.layers.Layer):
    """Convolutions, each followed by layer normalisation, an activation and dropout.

    As the encoder and the postnet of Tacotron 2 (Shen et al. 2018, arXiv:1712.05884), with layer
    normalisation (Ba et al. 2016, arXiv:1607.06450) in place of batch normalisation: nothing is reduced over
    time or over the batch. Masked positions are zero before every convolution, like those beyond the ends, so
    no output at a real position depends on the padding.

    Args:
        channels: int of each convolution, a list.
        width: of each, in positions.
        activation: name of a Keras activation.
        dropout: share of the channels dropped after each, one mask per row.
        outputs: size of a last convolution that is linear and not normalised; None: no such layer.

    Call: `x` [batch, time, features], `mask` [batch, time], 1 where real and else 0 -> [batch, time, outputs
    or the last of channels], zeros where masked.
    """

    def __init__(self, channels, width, activation, dropout=0.0, outputs=None, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.width, self.activation = list(channels), width, activation
        self.rate, self.outputs = dropout, outputs
        options = {"dtype": self.dtype_policy}
        same = {"padding": "same", **options}
        self.convolutions = [
            keras.layers.Conv1D(size, width, use_bias=False, name=f"convolution_{i}", **same)
            for i, size in enumerate(self.channels)
        ]
        self.norms = [
            keras.layers.LayerNormalization(name=f"norm_{i}", **options) for i in range(len(self.channels))
        ]
        self.function = keras.activations.get(activation)
        self.dropout = variational_dropout(dropout, self.dtype_policy, "dropout")
        self.last = None
        if outputs is not None:
            self.last = keras.layers.Conv1D(outputs, width, name="last", **same)

    def build(self, x_shape, *_):
        shape = x_shape
        for convolution, norm, size in zip(self.convolutions, self.norms, self.channels, strict=True):
            convolution.build(shape)
            shape = (*x_shape[:-1], size)
            norm.build(shape)
        if self.last is not None:
            self.last.build(shape)

    def call(self, x, mask, training=False):
        mask, batch = tf.cast(mask, x.dtype)[:, :, tf.newaxis], tf.shape(x)[0]
        # TensorFlow's convolution gives a wrong shape where there is no row, be it of half a batch.
        added = [[0, batch % 2 if training else tf.cast(batch < 1, tf.int32)], [0, 0], [0, 0]]
        rows = tf.pad(x, added), tf.pad(mask, added)
        return split_batch(lambda rows: self._apply(*rows, training), rows, training)[:batch]

    def _apply(self, x, mask, training):
        x *= mask
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = self.dropout(self.function(norm(convolution(x))), training=training) * mask
        return x if self.last is None else self.last(x) * mask

    def get_config(self):
        own = {"channels": self.channels, "width": self.width, "activation": self.activation}
        return {**super().get_config(), **own, "dropout": self.rate, "outputs": self.outputs}
