"""Where a clip sounds: its silent ends, clicks, and a constant offset."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pipelines.errors import DataError

_MOMENT = 0.02  # seconds over which loudness is measured, every quarter of it
_CLICK = 10  # quarters of a moment: a sound that is shorter is no speech
_CLICK_DB = 12.0  # above what surrounds it
_APART = 0.25  # seconds without sound after which a click at an end does not belong to the speech
_EVEN = 80  # quarters of a moment at an end: if they are about as loud, they are noise, as speech is uneven
_EVEN_DB = 4.0  # around their median, for a share of them
_EVEN_SHARE = 0.9
_ABOVE_DB = 6.0  # above noise, where speech begins
_QUIETER_DB = 12.0  # below the loudest moment that noise must be
_OFFSET_DB = -60.0  # below full scale: a smaller offset stays
_SILENCE_DB = -80.0  # root mean square below full scale that some moment of a clip must exceed
_SILENT = f"silent: nothing is louder than {_SILENCE_DB:g} dB below full scale"


def amplitude(decibels: float) -> float:
    """The amplitude of a level below or above full scale."""
    return 10 ** (decibels / 20)


def centred(wave: np.ndarray) -> np.ndarray:
    """A wave, float32 [samples], without its constant offset, unless that is below -60 dB."""
    offset = wave.mean(dtype=np.float64) if len(wave) else 0.0
    return wave if abs(offset) <= amplitude(_OFFSET_DB) else np.asarray(wave - offset, np.float32)


def sounding(wave: np.ndarray, settings: Any) -> tuple[int, int]:
    """The first sample between the silent ends of a wave [samples], and the last + 1.

    Even noise at an end is silence, too, where it is at least 12 dB quieter than the loudest moment.

    Args:
        wave: float32.
        settings: `sample_rate`, and `trim_db`, 0 for no ends.

    Raises:
        DataError: nothing is louder than -80 dB below full scale, but for clicks; or there are less than 20
            ms.
    """
    size = round(settings.sample_rate * _MOMENT)
    if not len(wave):
        raise DataError(_SILENT)
    if len(wave) < size:
        raise DataError(f"too short: {1000 * len(wave) / settings.sample_rate:.1f} ms of sound")
    sums = np.concatenate([[0.0], np.cumsum(np.square(wave - wave.mean(dtype=np.float64)))])
    starts = np.arange(0, len(wave), size // 4)
    ends = np.minimum(starts + size, len(wave))
    levels = np.sqrt(np.maximum(sums[ends] - sums[starts], 0) / size)
    steady = levels[~_clicks(levels)]
    if not len(steady) or steady.max() <= amplitude(_SILENCE_DB):
        raise DataError(_SILENT)
    if not settings.trim_db:
        return 0, len(wave)
    peak, whole = steady.max(), levels[: np.count_nonzero(ends - starts == size)]
    least = peak * amplitude(-settings.trim_db)
    first, last = (
        _speech(np.flatnonzero(levels >= max(least, _above_noise(end, peak)))) for end in (whole, whole[::-1])
    )
    return int(starts[first[0]]), int(ends[last[-1]])


def _above_noise(levels: np.ndarray, peak: float) -> float:
    """The level above the noise with which levels of moments, [n], begin; 0 where they begin without."""
    levels = levels[:_EVEN]
    noise = np.median(levels) if len(levels) == _EVEN else peak
    even = (levels >= noise * amplitude(-_EVEN_DB)) & (levels <= noise * amplitude(_EVEN_DB))
    is_noise = noise <= peak * amplitude(-_QUIETER_DB) and even.mean() >= _EVEN_SHARE
    return noise * amplitude(_ABOVE_DB) if is_noise else 0.0


def _clicks(levels: np.ndarray) -> np.ndarray:
    """Which of the levels of moments, [n], belong to sounds that are too short for speech: bool [n]."""
    if len(levels) < _CLICK:
        return np.zeros(len(levels), bool)
    lasting = sliding_window_view(levels, _CLICK).min(axis=1)  # [n - _CLICK + 1]
    edges = np.full(_CLICK - 1, -np.inf)
    lasting = sliding_window_view(np.concatenate([edges, lasting, edges]), _CLICK).max(axis=1)  # [n]
    return levels > lasting * amplitude(_CLICK_DB)


def _speech(loud: np.ndarray) -> np.ndarray:
    """The places of loud moments, [n], without clicks that stand apart at the ends."""
    apart = round(_APART / (_MOMENT / 4))
    runs = np.split(loud, np.flatnonzero(np.diff(loud) > apart) + 1)
    while len(runs) > 1 and len(runs[0]) < _CLICK:
        runs.pop(0)
    while len(runs) > 1 and len(runs[-1]) < _CLICK:
        runs.pop()
    return np.concatenate(runs)
