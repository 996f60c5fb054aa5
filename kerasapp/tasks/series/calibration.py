"""Whether a prediction is as sure as it should be: where in the predicted distribution each value lies."""

import numpy as np
from scipy.special import ndtr, ndtri

from kerasapp.tasks.series.sampling import quantile_function

FARTHEST = 10.0  # deviations: a larger residual says no more
PARAMETERS = ("means", "deviations")  # of a mixture, [time, components, columns]


def integral_transform(mixture, values):
    """The probability integral transform of each value, and the residual that it stands for.

    If the predictions are right, the transforms are evenly spread from 0 to 1 and the residuals normally
    distributed with mean 0 and deviation 1, whatever the mixtures (Dawid 1984; Dunn & Smyth 1996, "Randomized
    quantile residuals").

    Args:
        mixture: {"log_weights" [time, components], "means", "deviations" [time, components, columns]}.
        values: float [time, columns], on the mixture's scale.

    Returns: (the probability of a value below this one, float64 [time, columns]; the normal quantile of that
        probability, float64 [time, columns], from -`FARTHEST` to `FARTHEST`).
    """
    values = np.asarray(values, np.float64)
    weights = np.exp(mixture["log_weights"].astype(np.float64))
    weights /= weights.sum(axis=1, keepdims=True)
    below, residuals = np.zeros_like(values), np.zeros_like(values)
    for column, value in enumerate(values.T):
        means, deviations = (mixture[name][:, :, column] for name in PARAMETERS)
        z = (value[:, np.newaxis] - means) / deviations  # [time, components]
        lower, upper = (np.sum(weights * ndtr(side), axis=1) for side in (z, -z))
        below[:, column] = lower
        # The smaller tail has more digits: 1 - 1e-20 is 1.
        residuals[:, column] = np.where(lower < upper, ndtri(lower), -ndtri(upper))
    return below, np.clip(residuals, -FARTHEST, FARTHEST)


def bands(mixture, levels):
    """The quantiles of each column's predicted distribution, float32 [levels, time, columns].

    Args:
        mixture: as for `integral_transform`, float32. levels: probabilities above 0 and below 1.
    """
    weights = np.exp(mixture["log_weights"])
    each = []
    for means, deviations in zip(*(np.moveaxis(mixture[name], 2, 0) for name in PARAMETERS), strict=True):
        shares = (np.full(len(weights), level, np.float32) for level in levels)
        each.append([quantile_function(weights, means, deviations, share).numpy() for share in shares])
    return np.moveaxis(np.array(each), 0, 2)  # [levels, time, columns]
