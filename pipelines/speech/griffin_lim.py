"""From magnitudes to a wave: the fast Griffin-Lim algorithm finds the phases, as graph operations.

wave = griffin_lim(magnitude, AudioConfig())           # [frames, bins] -> [frames * hop]
"""

from typing import Any

import numpy as np
import tensorflow as tf

# The least divisor: only one frame covers the very start of a wave, and its window is nearly 0 there.
_LEAST_COVER = 0.01


def griffin_lim(magnitude: tf.Tensor, settings: Any) -> tf.Tensor:
    """The wave whose short-time Fourier transform is closest to `magnitude`, found by iteration.

    Each iteration gives the phases of the current wave to `magnitude`, and takes the wave that is closest to
    the result (Griffin and Lim, 1984, "Signal estimation from modified short-time Fourier transform"). The
    next one starts beyond that wave, in the direction of the last step ("A fast Griffin-Lim algorithm",
    Perraudin, Balazs and Søndergaard, 2013). The paper extrapolates the transforms. The transform is linear,
    so here the waves are extrapolated, which are fewer numbers.

    The first phases are those of a fixed noise, so the same magnitude gives the same wave. Frames are those
    of `pipelines.speech.audio.log_mel`: frame i starts at sample i * hop, and zeros follow the wave.

    Args:
        magnitude: float32 [frames, fft_size / 2 + 1], not negative, of the transform under a Hann window.
        settings: an object with the attributes `window`, `hop`, `fft_size`, `griffin_lim_iterations` and
            `griffin_lim_momentum` of `AudioConfig`.

    Returns:
        float32 [frames * hop].
    """
    transform = _Transform(tf.shape(magnitude)[0], settings)

    def closest(wave):
        return transform.inverse(_with_phases_of(transform(wave), magnitude))

    def iteration(wave, before):
        return closest(wave + settings.griffin_lim_momentum * (wave - before)), wave

    start = closest(_noise(transform.frames * settings.hop))
    wave, _ = tf.while_loop(
        lambda wave, before: True,
        iteration,
        (start, start),
        shape_invariants=(tf.TensorShape([None]),) * 2,
        parallel_iterations=1,
        maximum_iterations=settings.griffin_lim_iterations,
    )
    return wave


class _Transform:
    """The short-time Fourier transform of waves of `frames` hops, and its inverse.

    Frames are joined from whole hops, and cut into them. (Where the window is no multiple of the hop,
    tf.signal.frame gathers sample by sample, several times slower.)
    """

    def __init__(self, frames: tf.Tensor, settings: Any):
        self.frames = frames
        self.hop, self.fft_size = settings.hop, settings.fft_size
        self.hops = -(-settings.window // settings.hop)  # in a window
        with tf.init_scope():  # values, not operations, even while a graph is traced
            window = tf.signal.hann_window(settings.window).numpy()
        self.size = self.hops * self.hop
        self.window = np.pad(window, (0, self.size - settings.window))
        self.cover = tf.maximum(self._overlapped(tf.tile(self.window[None] ** 2, [frames, 1])), _LEAST_COVER)

    def __call__(self, wave: tf.Tensor) -> tf.Tensor:
        """complex64 [frames, bins] of `wave`, float32 [frames * hop]."""
        wave = tf.pad(wave, [[0, self.size - self.hop]])
        hops = tf.reshape(wave, [-1, self.hop])  # [frames + hops - 1, hop]
        cut = tf.concat([hops[i : i + self.frames] for i in range(self.hops)], axis=1)  # [frames, size]
        # Beyond the size of the transform the window is 0.
        return tf.signal.rfft(cut * self.window, [self.fft_size])

    def inverse(self, spectrum: tf.Tensor) -> tf.Tensor:
        """The wave, float32 [frames * hop], whose transform is closest to `spectrum` by least squares."""
        cut = tf.signal.irfft(spectrum, [self.fft_size])[:, : self.size]
        cut = tf.pad(cut, [[0, 0], [0, max(0, self.size - self.fft_size)]])  # [frames, size]
        return self._overlapped(cut * self.window) / self.cover

    def _overlapped(self, cut: tf.Tensor) -> tf.Tensor:
        """The sum, [frames * hop], of windows [frames, size] that start one hop apart."""
        hops = tf.reshape(cut, [self.frames, self.hops, self.hop])  # [frames, hops, hop]
        parts = [tf.pad(hops[:, i], [[i, self.hops - 1 - i], [0, 0]]) for i in range(self.hops)]
        return tf.reshape(tf.add_n(parts)[: self.frames], [-1])  # [frames * hop], without what lies beyond


def _with_phases_of(spectrum: tf.Tensor, magnitude: tf.Tensor) -> tf.Tensor:
    real, imaginary = tf.math.real(spectrum), tf.math.imag(spectrum)
    factor = magnitude * tf.math.rsqrt(real**2 + imaginary**2 + 1e-20)
    return tf.complex(real * factor, imaginary * factor)


def _noise(samples: tf.Tensor) -> tf.Tensor:
    """Noise between -1 and 1, float32 [samples]: sample i is a hash of i, whatever the length.

    The hash is "lowbias32" (Wellons, 2018): products and shifts of 32 bits.
    """
    value = tf.cast(tf.range(1, samples + 1), tf.uint32)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        value = tf.bitwise.bitwise_xor(value, tf.bitwise.right_shift(value, tf.constant(shift, tf.uint32)))
        value *= tf.constant(factor, tf.uint32)
    return tf.cast(value, tf.float32) / 2.0**31 - 1
