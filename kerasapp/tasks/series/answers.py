"""Forecasts from the servable in this process or from a server. Needs no TensorFlow."""

from typing import NamedTuple

import numpy as np

from kerasapp.answers import Answers
from kerasapp.knobs import columns
from kerasapp.tasks.series.spec import SPEC

QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


class Forecast(NamedTuple):
    """The next values. mean: [horizon, columns]. quantiles: [horizon, columns, 7], those of `QUANTILES`. Both
    are float32, or float64 where the model has values at a high level (docs/series.md)."""

    mean: np.ndarray
    quantiles: np.ndarray

    def quantile(self, share):
        """One of `QUANTILES`, [horizon, columns]."""
        return self.quantiles[:, :, QUANTILES.index(share)]


class SeriesAnswers(Answers):
    """Asks a model of series, and reads its answers. Args: see `kerasapp.answers.Answers`."""

    _width = None  # columns of the model, where they are known

    def forecast(self, histories, **knobs):
        """Forecasts the next values of each history.

        Args:
            histories: list of arrays [time, columns], or [time] for one column; of any length, also empty.
            horizon: steps ahead. samples: random paths per forecast. seed: same seed, same forecast.
                Each is one value for all histories, or a list of one per history; `SPEC` has the defaults.

        Returns: list of `Forecast`.
        Raises: ValueError for a knob that is unknown or out of range, or histories of another width.
        """
        rows = columns(knobs, SPEC.knobs, len(histories), "histories")
        answer = self._ask("forecast", {**padded(histories, self._width), **rows})
        mean, quantiles = (np.asarray(answer[name]) for name in ("mean", "quantiles"))
        return [Forecast(mean[i, :steps], quantiles[i, :steps]) for i, steps in enumerate(answer["steps"])]

    def score(self, histories):
        """How likely each series is to the model: list of {"nats", "steps", "nats_per_step"}. The nats are
        -ln of a density and can be negative."""
        answer = self._ask("score", padded(histories, self._width))
        pairs = zip(np.asarray(answer["nats"]).tolist(), np.asarray(answer["steps"]).tolist(), strict=True)
        return [{"nats": n, "steps": s, "nats_per_step": n / max(s, 1)} for n, s in pairs]


def padded(histories, width=None):
    """The inputs "history" float64 [batch, time, columns], zeros after a row's end, and "lengths" int32.

    Raises: ValueError for histories of several widths, or of another one than `width`.
    """
    arrays = [np.asarray(history, np.float64) for history in histories]
    arrays = [array[:, np.newaxis] if array.ndim == 1 else array for array in arrays]
    widths = {array.shape[1] for array in arrays if array.ndim == 2}
    if len(widths | {width} - {None}) > 1 or any(array.ndim != 2 for array in arrays):
        shapes = ", ".join(str(list(array.shape)) for array in arrays[:3])
        raise ValueError(
            f"histories: expected arrays [time, {width or 'columns'}], one per history, not {shapes}"
            f"{', ...' if len(arrays) > 3 else ''}"
        )
    lengths = np.array([len(array) for array in arrays], np.int32)
    history = np.zeros([len(arrays), lengths.max(initial=0), *(widths or {1})])
    for row, array in zip(history, arrays, strict=True):
        row[: len(array)] = array
    return {"history": history, "lengths": lengths}
