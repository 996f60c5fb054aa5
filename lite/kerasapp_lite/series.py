"""Forecasts of series: paths are sampled step by step; the network reads each value before the next one."""

import math
from typing import NamedTuple

import numpy as np

from kerasapp_lite.knobs import filled
from kerasapp_lite.sampling import derived, uniform

HALVINGS, WIDTH, TAIL = 30, 6.0, 2.0**-25
SHIFT, FARTHEST = 3 / 8, 1e15  # as in pipelines/scaling.py
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


class Forecast(NamedTuple):
    """mean: [horizon, columns]. quantiles: [horizon, columns, levels], at the levels in the metadata. Both
    are of the metadata's "dtype", float32 or float64."""

    mean: np.ndarray
    quantiles: np.ndarray


class Forecaster:
    """Forecasts series.

    Args:
        bundle: a `Bundle` of the task "series".

    Attributes:
        columns: the names of a history's columns, in order. levels: those of a forecast's quantiles.
    """

    def __init__(self, bundle):
        about = bundle.metadata
        self._step, self._start = bundle.signature("step"), bundle.zeros("step", bundle.states)
        self._knobs, self._scaling = bundle.knobs, about["scaling"]
        self.columns, self.levels = self._scaling["columns"], about["quantiles"]
        self._dtype = about.get("dtype", "float32")  # older bundles do not name it
        # In float32, values around 2,000,000,000 would all be one.
        self._mean, self._deviation = (np.float64(self._scaling[name]) for name in ("mean", "deviation"))
        self._components, self._least = about["components"], about["least_deviation"]

    def forecast(self, history, **knobs):
        """The `Forecast` after a history.

        Args:
            history: [time, columns] of any length, also 0: finite values that the bundle's transform takes.
            horizon: steps ahead. samples: paths. seed: the same seed gives the same forecast. Defaults are in
                the bundle's metadata.

        Raises:
            ValueError: the history cannot be used, or a knob is unknown or out of range.
        """
        values = filled(self._knobs, knobs)
        horizon, samples, seed = values["horizon"], values["samples"], values["seed"]
        if horizon < 1 or samples < 1:  # older bundles have no ranges
            raise ValueError(f"horizon, samples: {horizon}, {samples}: each is a whole number from 1 on")
        raw, states = self._read(self._scaled(history))
        seeds, drawn = [derived(seed, path) for path in range(samples)], []
        raws, states = np.repeat(raw, samples, 0), [states] * samples
        for t in range(horizon):
            places = range(t * len(self.columns), (t + 1) * len(self.columns))
            noise = np.array([[uniform(one, place) for place in places] for one in seeds])
            drawn.append(self._draw(raws, noise))  # [samples, columns]
            if t + 1 < horizon:
                found = [self._next(row, one) for row, one in zip(drawn[-1], states, strict=True)]
                raws, states = np.concatenate([raw for raw, _ in found]), [one for _, one in found]
        paths = self._restored(np.array(drawn))  # [horizon, samples, columns]
        levels = np.quantile(paths, self.levels, axis=1)  # [levels, horizon, columns]
        found = paths.mean(axis=1), np.moveaxis(levels, 0, -1)
        return Forecast(*(array.astype(self._dtype) for array in found))

    def _read(self, scaled):
        """The raw parameters of the step after a history, and the states."""
        raw, states = self._next(np.zeros(len(self.columns), np.float32), self._start)
        for row in scaled:
            raw, states = self._next(row, states)
        return raw, states

    def _next(self, row, states):
        found = self._step(scaled=row[np.newaxis].astype(np.float32), **states)
        return found["raw"], {name: found[name] for name in self._start}

    def _scaled(self, history):
        values = np.asarray(history, np.float64).reshape(-1, len(self.columns))
        transform = self._scaling["transform"]
        self._require(np.isfinite(values), "finite", values)
        if transform == "sqrt":
            self._require(values >= 0, "0 or above", values)
        if transform == "log":
            self._require(values > 0, "above 0", values)
        moved = {"none": lambda x: x, "sqrt": lambda x: np.sqrt(x + SHIFT), "log": np.log}
        scaled = (moved[transform](values) - self._mean) / self._deviation
        self._require(np.abs(scaled) <= FARTHEST, "within 1e15 deviations of the training's values", values)
        return scaled.astype(np.float32)

    def _require(self, holds, expected, values):
        if not np.all(holds):
            step, column = np.argwhere(~holds)[0]
            where = f"step {step + 1}, column {self.columns[column]}"
            raise ValueError(f"history: must be {expected}, not {values[step, column]:g} ({where})")

    def _restored(self, scaled):
        moved = scaled * self._deviation + self._mean
        if self._scaling["transform"] == "sqrt":
            return np.maximum(np.maximum(moved, 0) ** 2 - SHIFT, 0)
        return np.exp(moved) if self._scaling["transform"] == "log" else moved

    def _draw(self, raw, noise):
        """One sample of each mixture, column by column, each given those before it: [samples, columns].

        raw: [samples, parameters]. noise: [samples, columns], in [0, 1): the values of the distribution
            functions.
        """
        raw, count = np.asarray(raw, np.float64), self._components
        logits, rest = raw[:, :count], raw[:, count:].reshape(len(raw), 2, count, len(self.columns))
        means, deviations = rest[:, 0], self._least + np.logaddexp(0, rest[:, 1])
        found = np.zeros(noise.shape)
        for d in range(len(self.columns)):
            weights = np.exp(logits - logits.max(axis=1, keepdims=True))
            weights /= weights.sum(axis=1, keepdims=True)
            found[:, d] = _inverted(weights, means[..., d], deviations[..., d], noise[:, d])
            z = (found[:, d : d + 1] - means[..., d]) / deviations[..., d]
            logits = logits - 0.5 * z**2 - np.log(deviations[..., d])
        return found


def _inverted(weights, means, deviations, noise):
    """The values [rows] below which mixtures [rows, components] have the probability `noise` [rows]."""
    upper = noise >= 0.5  # the smaller tail is summed
    side = np.where(upper, 1.0, -1.0)[:, np.newaxis]
    tail = np.maximum(np.where(upper, 1.0 - noise, noise), TAIL)[:, np.newaxis]
    means = side * means
    low = (means - WIDTH * deviations).min(axis=1, keepdims=True)
    high = (means + WIDTH * deviations).max(axis=1, keepdims=True)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        z = (middle - means) / (deviations * math.sqrt(2.0))
        outside = (0.5 * weights * _erfc(z)).sum(axis=1, keepdims=True) > tail
        low, high = np.where(outside, middle, low), np.where(outside, high, middle)
    return (0.5 * side * (low + high))[:, 0]
