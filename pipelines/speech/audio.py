"""Sound files to waves, waves to log-mel spectrograms, and spectrograms to waves and WAV files.

wave = prepared(read("clip.flac", settings.sample_rate), settings)
mel = log_mel(wave, settings)                                              # [frames, mels]
sound, samples = mel_to_audio(mel[None], [frames(len(wave), settings)], settings)
wav_bytes(sound, samples, settings.sample_rate)                            # [b"RIFF..."]

Everywhere, `settings` is an object with the attributes of `AudioConfig`; this package does not import
kerasapp. Waves are float32, and 1 is full scale.
"""

import math
import os
import warnings
from typing import Any

import numpy as np
import soundfile
import soxr
import tensorflow as tf

from pipelines.errors import DataError, UnreadableError
from pipelines.packed import LFS
from pipelines.speech.chunks import missing_bytes
from pipelines.speech.griffin_lim import griffin_lim
from pipelines.speech.silence import amplitude, centred, sounding

with warnings.catch_warnings():
    # tensorflow-io warns twice that its compiled operations do not load: they load on TensorFlow up to 2.17
    # only. The functions used here consist of TensorFlow's own operations.
    warnings.simplefilter("ignore")
    import tensorflow_io as tfio

_PEAK = 0.99
_LOUDEST = (
    10.0  # nats, far above full scale: a network's spectrogram is clipped there, so that it cannot overflow
)
_UPDATES = 15  # then the mel sums are met within a thousandth
_CANCELLED = 0.01  # of the peak of the channels: less is left where they are in opposite phase
_BLOCK = 2**16  # samples read at a time
_DENSEST = 5000  # samples per byte of a file at most: FLAC's blocks of one value have nearly as many


def read(path: str | os.PathLike, sample_rate: int) -> np.ndarray:
    """The sound of a file in any format that libsndfile reads, float32 [samples], channels averaged.

    If the file has another rate than `sample_rate`, in Hz, soxr resamples it at high quality.

    Raises:
        DataError: the file is no sound file, is cut short, has no samples, or has values that are no number.
        UnreadableError: the file is missing, or the system cannot read it. Both name the file.
    """
    try:
        with _Stream(path) as file:
            expected, own_rate = file.frames, file.samplerate
            blocks = []
            # Read to the end: the header may not know the number of samples, or be wrong.
            while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
                blocks.append(block)
            size = os.path.getsize(path)
        missing = missing_bytes(path)
    except (OSError, soundfile.SoundFileError, TypeError, ValueError) as error:
        _check_readable(path)
        reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
        raise DataError(f"{path}: not a sound file that can be read ({reason})") from None
    if not blocks:
        raise DataError(f"{path}: the sound has no length")
    if missing:
        raise DataError(f"{path}: cut short: {missing:,} bytes of its sound are missing")
    channels = np.concatenate(blocks)  # [samples, channels]
    if len(channels) < expected <= _DENSEST * size:
        raise DataError(f"{path}: cut short: {len(channels):,} of its {expected:,} samples are there")
    if not np.isfinite(channels).all():
        raise DataError(f"{path}: the sound holds values that are no number")
    wave = channels.mean(axis=1)
    if np.abs(wave).max() < _CANCELLED * np.abs(channels).max():
        raise DataError(f"{path}: its channels cancel each other out; keep one: sox IN.wav OUT.wav remix 1")
    return wave if own_rate == sample_rate else soxr.resample(wave, own_rate, sample_rate)


class _Stream(soundfile.SoundFile):
    """A sound file that is only read from start to end."""

    def seekable(self) -> bool:
        """False: else soundfile would seek after each block, to positions that only the header knows."""
        return False


def _check_readable(path: str | os.PathLike) -> None:
    """Raises UnreadableError where the system cannot read the file's bytes, and DataError for a pointer that
    Git LFS left in place of the file."""
    try:
        with open(path, "rb") as file:
            if file.peek().startswith(LFS):
                raise DataError(f"{path}: is a pointer of Git LFS; git lfs pull fetches the file")
            while file.read(2**20):
                pass
    except FileNotFoundError:
        raise UnreadableError(f"{path}: no such file") from None
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror}") from None


def prepared(wave: np.ndarray, settings: Any) -> np.ndarray:
    """A wave [samples] without its silent ends and at a common loudness, float32 [fewer samples].

    A constant offset is taken away. A silent end reaches to the first (or last) 20 ms that are at most
    `trim_db` quieter than the loudest 20 ms; `padding_ms` of it stay. A click is not the loudest moment, and
    one that stands apart is cut with the silence. The sound between the ends gets a root mean square of
    `loudness_db`, or less where a sample would exceed 0.99.

    Raises:
        DataError: no 20 ms of the wave are louder than -80 dB below full scale.
    """
    wave = centred(wave)
    start, end = sounding(wave, settings)
    level = np.sqrt(np.mean(np.square(wave[start:end], dtype=np.float64)))
    if settings.trim_db:
        padding = round(settings.sample_rate * settings.padding_ms / 1000)
        wave = wave[max(0, start - padding) : end + padding]
    if settings.loudness_db is None:
        return np.array(wave, np.float32)
    gain = min(amplitude(settings.loudness_db) / level, _PEAK / np.abs(wave).max())
    return np.asarray(wave * gain, np.float32)


def frames(samples: Any, settings: Any) -> Any:
    """The number of frames of a wave of `samples`, numbers, an array or a tensor: one begins at every hop."""
    return -(-samples // settings.hop)


def log_mel(wave: tf.Tensor, settings: Any) -> tf.Tensor:
    """Log-mel spectrogram of waves, the one implementation for training, evaluation and serving.

    1. Frame i has the `window` samples from i * `hop` on, under a periodic Hann window. Frames are not
       centred, and zeros follow the wave.
    2. The magnitudes (not squared) of its Fourier transform of `fft_size` are divided by half of the window's
       sum: a sine of amplitude 1 measures 1 at its frequency.
    3. Triangular filters add them up. They peak at 1, at equal distances on the HTK mel scale,
       1127 ln(1 + f / 700), and are linear in mel.
    4. The natural logarithm is taken, at least that of `floor_db`.

    Zeros that pad a wave do not change its own `frames(samples, settings)` frames. For single clips, call it
    from one tf.function with an input of unknown length: that is several times faster.

    Args:
        wave: float32 [batch, samples] or [samples], of one sample or more.
        settings: see the module; the sample rate is not checked.

    Returns:
        float32 [batch, frames, mels] or [frames, mels], nats.
    """
    magnitude = tfio.audio.spectrogram(wave, settings.fft_size, settings.window, settings.hop)
    mel = tfio.audio.melscale(
        magnitude, settings.sample_rate, settings.mels, float(settings.f_min), settings.f_top
    )
    # Not tfio.audio.dbscale: its floor follows the loudest value of a batch, so one clip would change
    # another.
    return tf.math.log(tf.maximum(mel / _full_scale(settings), amplitude(settings.floor_db)))


def log_floor(settings: Any) -> float:
    """The least value of a log-mel, in nats: that of `floor_db`."""
    return settings.floor_db / 20 * math.log(10)


def mel_to_audio(mel: tf.Tensor, frames: tf.Tensor, settings: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Waves with the log-mel spectrograms `mel`: the approximate inverse of `log_mel`.

    The multiplicative updates of Richardson (1972) and Lucy (1974) find the magnitudes that the mel filters
    added up; they keep them positive and reach the given sums. `griffin_lim` finds the phases. Rows are
    computed one by one, without their padding, so that neither padding nor other rows change a sample.

    Args:
        mel: float32 [batch, frames, mels], nats, as from `log_mel`; the batch may be empty.
        frames: int32 [batch], the frames of each row without padding; 0 for no sound.
        settings: see the module.

    Returns:
        float32 [batch, samples], 0 beyond a row's end, and int32 [batch], the samples of each row: `hop` per
        frame.
    """
    mel, frames = tf.convert_to_tensor(mel, tf.float32), tf.convert_to_tensor(frames, tf.int32)
    frames = tf.clip_by_value(frames, 0, tf.shape(mel)[1])

    def one(row):
        mel, count = row
        wave = griffin_lim(_magnitude(mel[:count], settings), settings)
        return tf.pad(wave, [[0, (tf.shape(mel)[0] - count) * settings.hop]])

    def all_rows():
        # Each row in progress needs several times the memory of its wave, and uses several cores.
        return tf.map_fn(
            one, (mel, frames), parallel_iterations=2, fn_output_signature=tf.TensorSpec([None], tf.float32)
        )

    # Of an empty batch map_fn does not know the length of a row.
    silence = tf.zeros([0, tf.shape(mel)[1] * settings.hop])
    wave = tf.cond(tf.shape(mel)[0] > 0, all_rows, lambda: silence)
    return wave, frames * settings.hop


def wav_bytes(wave: tf.Tensor, samples: tf.Tensor, sample_rate: int) -> tf.Tensor:
    """WAV files, string [batch], of the first `samples`, int32 [batch], of waves, float32 [batch, samples].

    16 bits, one channel; samples beyond full scale are clipped.
    """
    wave, samples = tf.convert_to_tensor(wave, tf.float32), tf.convert_to_tensor(samples, tf.int32)

    def one(row):
        wave, count = row
        return tf.audio.encode_wav(tf.clip_by_value(wave[:count, None], -1.0, 1.0), sample_rate)

    return tf.map_fn(one, (wave, samples), fn_output_signature=tf.string)


def spec_augment(
    mel: tf.Tensor, seed: tf.Tensor, *, time_mask: int = 0, frequency_mask: int = 0
) -> tf.Tensor:
    """A spectrogram with a run of frames and a run of bands set to 0, the mean of a normalised one.

    SpecAugment (Park et al., 2019, arXiv:1904.08779) with one mask of each kind: its width is drawn from 0 to
    the limit, then its position. Both are functions of `seed` alone. (tfio.audio.freq_mask and time_mask use
    TensorFlow's global generator: a resumed run would see other masks.)

    Args:
        mel: float32 [frames, mels], without padding.
        seed: int [2].
        time_mask: frames to mask, at most.
        frequency_mask: bands to mask, at most.
    """
    mel = tf.convert_to_tensor(mel)
    for axis, limit in enumerate((time_mask, frequency_mask)):
        size = tf.shape(mel)[axis]
        width_seed, start_seed = tf.unstack(tf.random.split(tf.random.fold_in(seed, axis)))
        width = tf.random.stateless_uniform([], width_seed, 0, tf.minimum(limit, size) + 1, tf.int32)
        start = tf.random.stateless_uniform([], start_seed, 0, size - width + 1, tf.int32)
        index = tf.range(size)
        inside = (index >= start) & (index < start + width)
        mel = tf.where(inside[:, None] if axis == 0 else inside, 0.0, mel)
    return mel


def _magnitude(mel: tf.Tensor, settings: Any) -> tf.Tensor:
    """Magnitudes [frames, bins] of the Fourier transform with the log-mels `mel` [frames, mels]."""
    weights = _mel_weights(settings)
    used = np.flatnonzero(weights.any(axis=1))
    first, last = used[0], used[-1]
    bank = weights[first : last + 1]  # [bins, mels]
    per_bin, per_band = bank.sum(axis=1), bank.sum(axis=0)
    wanted = tf.exp(tf.minimum(mel, _LOUDEST)) * _full_scale(settings)

    def update(magnitude):
        ratio = wanted / tf.maximum(tf.matmul(magnitude, bank), 1e-12)
        return (magnitude * tf.matmul(ratio, bank / per_bin[:, None], transpose_b=True),)

    spread = tf.matmul(wanted / per_band, bank / per_bin[:, None], transpose_b=True)
    (magnitude,) = tf.while_loop(
        lambda magnitude: True,
        update,
        (spread,),
        shape_invariants=(tf.TensorShape([None, len(bank)]),),
        parallel_iterations=1,
        maximum_iterations=_UPDATES,
    )
    return tf.pad(magnitude, [[0, 0], [first, len(weights) - 1 - last]])


def _mel_weights(settings: Any) -> np.ndarray:
    """The filters that tfio.audio.melscale uses, float32 [bins, mels]."""
    with tf.init_scope():  # values, not operations, even while a graph is traced
        bins, edges = settings.fft_size // 2 + 1, (float(settings.f_min), settings.f_top)
        args = settings.mels, bins, settings.sample_rate, *edges
        return tf.signal.linear_to_mel_weight_matrix(*args).numpy()


def _full_scale(settings: Any) -> float:
    """The magnitude of a sine of amplitude 1 at its frequency: half of the Hann window's sum."""
    return settings.window / 4
