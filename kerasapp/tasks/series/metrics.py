"""The metric of forecasts."""

import numpy as np


def crps(samples, observed):
    """Continuous ranked probability score of a forecast by samples: mean |x - y| - mean |x - x'| / 2.

    The second mean is over all pairs of two samples, so that their number does not change the expectation.

    Papers: Matheson & Winkler 1976; Gneiting & Raftery 2007; for few samples Ferro 2014.

    Args:
        samples: [samples, ...], two at least. observed: [...], the true values.

    Returns: float64 [...], in the unit of the values; lower is better. It generalises the absolute error.
    """
    samples, observed = np.sort(np.asarray(samples, np.float64), axis=0), np.asarray(observed, np.float64)
    count = len(samples)
    # Of n sorted values, the sum over all pairs of |x - x'| is sum_i (2 i - n + 1) x_i, i from 0.
    weights = (2.0 * np.arange(count) - count + 1).reshape(-1, *[1] * observed.ndim)
    spread = np.sum(weights * samples, axis=0) / (count * (count - 1))
    return np.mean(np.abs(samples - observed), axis=0) - spread
