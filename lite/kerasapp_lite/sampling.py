"""Sampling of the next token: the likeliest one, or a random one by temperature, top-k and top-p.

The random numbers are a function of a seed and a position, the same in every runtime of kerasapp.
"""

import numpy as np

_MASK = 0xFFFFFFFF  # the hash has 32 bits: sums and products wrap around


def uniform(seed, position):
    """A number in [0, 1), a multiple of 2**-24: the PCG hash of Jarzynski and Olano (JCGT 2020), nested."""
    return (derived(seed, position) >> 8) * 2.0**-24


def derived(seed, number):
    """The hash of both, from 0 to below 2**32: the seed of path `number` of a forecast."""
    return _pcg((_pcg(number & _MASK) + _pcg((seed & _MASK) ^ 0x9E3779B9)) & _MASK)


def _pcg(x):
    x = (x * 747796405 + 2891336453) & _MASK
    x = (((x >> ((x >> 28) + 4)) ^ x) * 277803737) & _MASK
    return (x >> 22) ^ x


def choose(logits, noise, temperature, top_k, top_p):
    """The id of one token.

    Args:
        logits: float32 [vocabulary], -inf for tokens that must not be chosen.
        noise: in [0, 1), from `uniform`: the position in the cumulative distribution, in the order of the
            ids.
        temperature: 0 takes the likeliest.
        top_k: only the k likeliest; 0 for all.
        top_p: after `top_k`, only the likeliest that together reach this probability; 1 for all.
    """
    if temperature <= 0:
        return int(logits.argmax())
    sharpness = np.float32(1.0 / max(np.float32(temperature), np.float32(1e-6)))
    weights = np.exp((logits - logits.max()) * sharpness)
    if top_k > 0 or top_p < 1.0:
        weights = _keep_likeliest(weights, top_k, top_p)
    cumulative = np.cumsum(weights)
    return int(np.searchsorted(cumulative, np.float32(noise) * cumulative[-1], side="right"))


def _keep_likeliest(weights, top_k, top_p):
    """The weights, with 0 outside `top_k` and `top_p`; equal weights are kept or dropped together."""
    ordered = np.sort(weights)[::-1]
    if top_k > 0:
        ordered = ordered[:top_k]
    if top_p < 1.0:
        before = np.cumsum(ordered) - ordered
        inside = before < np.float32(top_p) * ordered.sum()
        inside[0] = True  # the likeliest is always kept
        ordered = ordered[: np.count_nonzero(inside)]
    return np.where(weights >= ordered[-1], weights, np.float32(0))
