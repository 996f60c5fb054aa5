"""Tells spectrograms of recordings from those that a model has written, patch by patch."""

import keras
from keras import ops

from kerasapp.models.synthesis import PADDING

SLOPE = 0.2  # of the leaky ReLUs, below zero (Radford, Metz & Chintala 2016, arXiv:1511.06434)


@keras.saving.register_keras_serializable("kerasapp")
class MelDiscriminator(keras.Model):
    """Scores each patch of a log-mel spectrogram: 1 is meant to be recorded, 0 written by a model.

    Strided convolutions over time and channels, then one over time that sees all channels: a patch is judged
    by its texture, and by where it lies on the mel scale (for spectrograms: Kaneko et al. 2017; Yang et al.
    2017, arXiv:1707.01670; patches: Isola et al. 2017, arXiv:1611.07004). Nothing is reduced over time or the
    batch, and what lies beyond a row's end is zero before every convolution, so that padding never counts. A
    plain functional model:

        {"mel" [batch, frames, mels], normalised, beyond the end PADDING}
        -> {"scores" float32 [batch, patches], 0 beyond the end,
            "counted" float32 [batch, patches]: 1 where a patch begins before the row's end, else 0}

    A patch is a step of 2 ** len(channels) frames, the last one perhaps of fewer; with the three layers of
    the default, a score depends on 31 frames, of which the patch's first one is the middle.

    Args:
        mels: channels of a frame.
        channels: int of each convolution, a list; each one halves the frames and the bands.

    Example:

        model = MelDiscriminator(80)
        model({"mel": np.zeros([2, 50, 80], "float32")})["scores"].shape    # (2, 7)
    """

    def __init__(self, mels, channels=(16, 32, 32), dtype=None, **kwargs):
        # === Layers ===
        self.convolutions = [
            keras.layers.Conv2D(size, 3, strides=2, dtype=dtype, name=f"convolution_{i}")
            for i, size in enumerate(channels)
        ]
        self.score = keras.layers.Conv1D(1, 3, padding="same", dtype=dtype, name="score")

        # === Functional Model ===
        mel = keras.Input([None, mels], dtype="float32", name="mel")
        counted = ops.cast(mel[:, :, 0] > PADDING / 2, "float32")  # [batch, frames], 1 where real
        x = ops.expand_dims(mel, -1)  # [batch, frames, mels, 1]
        for layer in self.convolutions:
            x = x * ops.cast(counted[:, :, None, None], x.dtype)
            # "same" would lay the windows otherwise where the count of frames is odd, so padding would count.
            x = layer(ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]))
            # As `leaky_relu`, which TensorFlow 2.20 cannot fuse where its gradient is in the same graph: it
            # goes on, but with an error in the log.
            x = ops.maximum(x, SLOPE * x)
            counted = counted[:, ::2]
        x = keras.layers.Reshape([-1, x.shape[2] * x.shape[3]], name="bands")(x)  # [batch, patches, features]
        scores = self.score(x * ops.cast(counted[:, :, None], x.dtype))
        outputs = {"scores": ops.cast(scores[:, :, 0], "float32") * counted, "counted": counted}
        super().__init__(inputs={"mel": mel}, outputs=outputs, **kwargs)

        # === Config ===
        self.sizes = {"mels": mels, "channels": list(channels), "dtype": dtype}

    def get_config(self):
        return {**self.sizes, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)
