"""Distances between spectrograms."""

import math

import numpy as np
import scipy.fft
from scipy.spatial.distance import cdist


def mel_l1(a, b):
    """Mean distance of two spectrograms in nats per channel, along the best path of dynamic time warping.

    Args:
        a, b: log-mels [frames, mels], natural logarithms; at least one frame each.

    Returns: float, 0 where one is the other at another speed.
    """
    return _warped_mean(cdist(a, b, "cityblock") / np.shape(a)[1])


def mel_cepstral_distortion(a, b, coefficients=13):
    """Mel-cepstral distortion in dB (Kubichek 1993), the mean along the best path of dynamic time warping.

    A frame's cepstrum c is that of its log power on the mel scale, ln power(m) = c_0 + 2 sum_d c_d cos(pi d
    (m + 1/2) / mels), and the distance of two frames 10 / ln 10 sqrt(2 sum_d (c_d - c'_d)^2): how far, as a
    root mean square over the mel scale, the smoothed spectra lie apart. Loudness, c_0, does not count.

    Args:
        a, b: log-mels [frames, mels], natural logarithms of amplitudes; at least one frame each.
        coefficients: how many count, from c_1 on.
    """
    return _warped_mean(
        10 / math.log(10) * math.sqrt(2) * cdist(*(_cepstra(x, coefficients) for x in (a, b)))
    )


def _cepstra(mel, coefficients):
    """c_1, c_2 ... of each frame [frames, coefficients]."""
    log_power = 2 * np.asarray(mel, np.float64)
    orthonormal = scipy.fft.dct(log_power, norm="ortho")[:, 1 : coefficients + 1]
    return orthonormal / math.sqrt(2 * log_power.shape[1])


def _warped_mean(costs):
    """Mean cost [rows, columns] on the path from the first corner to the last whose sum is the least.

    A step goes on by one row, one column, or both (Sakoe & Chiba 1978). Cells of one antidiagonal do not
    depend on each other: they are computed at once.
    """
    rows, columns = costs.shape
    sums, steps = np.full([rows + 1, columns + 1], np.inf), np.zeros([rows + 1, columns + 1], int)
    sums[0, 0] = 0.0
    for diagonal in range(2, rows + columns + 1):
        i = np.arange(max(1, diagonal - columns), min(rows, diagonal - 1) + 1)
        j = diagonal - i
        before = np.stack([i - 1, i - 1, i]), np.stack([j - 1, j, j - 1])  # [3, cells]
        best = np.argmin(sums[before], axis=0), np.arange(len(i))
        sums[i, j] = costs[i - 1, j - 1] + sums[before][best]
        steps[i, j] = 1 + steps[before][best]
    return float(sums[rows, columns] / steps[rows, columns])
