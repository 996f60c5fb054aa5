"""Convolution over time and layer normalisation in NumPy, forward and backward; x [time, features]."""

import numpy as np


def convolution(x, kernel):
    """y_t = sum_w x_(t + w - left) K_w, with zeros beyond both ends; kernel [width, features, channels]."""
    windows = _windows(x, len(kernel))
    return np.einsum("twf,wfc->tc", windows, kernel)


def convolution_back(dy, x, kernel):
    """(dx, dkernel)."""
    width, left = len(kernel), (len(kernel) - 1) // 2
    dpadded = np.zeros([len(x) + width - 1, x.shape[1]])
    for t in range(len(x)):
        dpadded[t : t + width] += kernel @ dy[t]
    return dpadded[left : left + len(x)], np.einsum("twf,tc->wfc", _windows(x, width), dy)


def _windows(x, width):
    """[time, width, features]."""
    padded = np.pad(x, [((width - 1) // 2, width // 2), (0, 0)])
    return np.stack([padded[t : t + width] for t in range(len(x))])


def layer_normalisation(x, gamma, beta, epsilon=1e-3):
    """Each row to mean 0 and variance 1, then y = gamma * x + beta (Ba et al. 2016, arXiv:1607.06450)."""
    spread = np.sqrt(x.var(-1, keepdims=True) + epsilon)
    return (x - x.mean(-1, keepdims=True)) / spread * gamma + beta


def layer_normalisation_back(dy, x, gamma, beta, epsilon=1e-3):
    """(dx, dgamma, dbeta): dx has lost its mean, and what lies along the normalised row."""
    spread = np.sqrt(x.var(-1, keepdims=True) + epsilon)
    normal = (x - x.mean(-1, keepdims=True)) / spread
    dnormal = dy * gamma
    along = normal * np.mean(dnormal * normal, axis=-1, keepdims=True)
    dx = (dnormal - dnormal.mean(-1, keepdims=True) - along) / spread
    return dx, np.sum(dy * normal, axis=0), dy.sum(0)
