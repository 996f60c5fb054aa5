"""Values of series scaled for a network: transformed, then standardised to mean 0 and deviation 1.

All of it is computed in float64. A float32 has 24 bits: of readings around 2,000,000,000 it keeps every 128th
number. Scaled values are small, and float32.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from pipelines.atomic import write_text
from pipelines.cache import digest
from pipelines.errors import DataError

FILE = "statistics.json"
FINEST = 1e-3  # deviations: a coarser step of float32 would be seen by a network
FARTHEST = 1e15  # deviations: the square of a larger number is soon beyond float32
STEPS = 1000  # of float64 that the deviation of a column has at least
RANGE = (-8.0, 0.0, 8.0)  # deviations: values that a forecast may have
SHIFT = 3 / 8  # under the root, from Anscombe (1948), "The transformation of Poisson ... data"


class Scaling(NamedTuple):
    """How values are scaled for a network, and restored.

    Attributes:
        columns: the names of the columns.
        transform: "none", "sqrt" (x -> sqrt(x + 3/8), for counts, 0 or above) or "log" (for values above 0).
        mean, deviation: of each column after the transform, in the training split.

    Example:
        >>> scaling = Scaling(("a",), "none", [10.0], [2.0])
        >>> scaling.scaled(tf.constant([[14.0]])).numpy().tolist()
        [[2.0]]
    """

    columns: Sequence[str]
    transform: str
    mean: Sequence[float]
    deviation: Sequence[float]

    @classmethod
    def learn(cls, values: np.ndarray, columns: Sequence[str], transform: str, where: str) -> "Scaling":
        """The scaling of a training split, float64 [time, columns]; `where` names its files.

        Raises:
            DataError: a column is constant, varies less than float64 can tell, or is too large or small.
        """
        moved = _forward(transform, np.asarray(values, np.float64), np.sqrt, np.log)
        found = [
            _moments(column, f"{where}: column {name}") for name, column in zip(columns, moved.T, strict=True)
        ]
        return cls(tuple(columns), transform, *(list(each) for each in zip(*found, strict=True)))

    @property
    def dtype(self) -> str:
        """The type of values outside the network: "float32" where its steps are fine enough beside the
        deviations of all columns, else "float64"."""
        places = np.repeat(np.array(RANGE)[:, np.newaxis], len(self.columns), axis=1)
        with np.errstate(over="ignore", invalid="ignore"), tf.init_scope():
            value = self.restored(places).numpy().astype(np.float32)
            # TensorFlow takes what is nearer to 0 than the least normal float32 for 0.
            step = np.maximum(np.spacing(np.abs(value)), np.finfo(np.float32).tiny)
            steps = np.abs((self._scaled(value + np.float64(step)) - self._scaled(value)).numpy())
        return "float32" if np.all(steps <= FINEST) else "float64"  # NaN is not

    def scaled(self, values: tf.Tensor | np.ndarray) -> tf.Tensor:
        """The scaled `values`, float32 [..., columns]."""
        return tf.cast(self._scaled(values), tf.float32)

    def _scaled(self, values: tf.Tensor | np.ndarray) -> tf.Tensor:
        """`scaled` as float64."""
        return (_forward(self.transform, _double(values), tf.sqrt, tf.math.log) - self.mean) / self.deviation

    def restored(self, scaled: tf.Tensor | np.ndarray) -> tf.Tensor:
        """The inverse of `scaled`, float64 [..., columns]; with "sqrt" never below 0."""
        moved = _double(scaled) * self.deviation + self.mean
        if self.transform == "sqrt":
            return tf.maximum(tf.square(tf.maximum(moved, 0.0)) - SHIFT, 0.0)
        return tf.exp(moved) if self.transform == "log" else moved

    def log_slope(self, values: tf.Tensor | np.ndarray) -> tf.Tensor:
        """ln of the derivative of `scaled` at values, float32 [..., columns]. The density of a value is that
        of its scaled value times the derivative."""
        slope = {"none": tf.zeros_like, "sqrt": lambda x: -0.5 * tf.math.log(x + SHIFT) - np.log(2.0),
                 "log": lambda x: -tf.math.log(x)}[self.transform]  # fmt: skip
        return tf.cast(slope(_double(values)) - np.log(self.deviation), tf.float32)

    def fingerprint(self) -> str:
        """A digest of the columns and the scaling."""
        return digest(self._asdict())

    def save(self, folder: str | os.PathLike) -> None:
        write_text(Path(folder) / FILE, json.dumps(self._asdict(), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "Scaling":
        """The scaling that `save` wrote. Raises DataError if the file holds none or cannot be read."""
        path = Path(folder) / FILE
        try:
            found = cls(**json.loads(path.read_text("utf-8")))
            np.array([found.mean, found.deviation], np.float64).reshape(2, len(found.columns))
            return found._replace(columns=tuple(found.columns))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"{path}: cannot be read: {error}") from None


def allowed(transform: str) -> tuple[str, float]:
    """The values that a transform takes: in words, and their least value (which "log" excludes)."""
    return {"none": ("any number", -np.inf), "sqrt": ("0 or above", 0.0), "log": ("above 0", 0.0)}[transform]


def fits(transform: str, values):
    """Whether the transform takes each of `values`, an array or a tensor."""
    least = allowed(transform)[1]
    return values > least if transform == "log" else values >= least


def near(scaled):
    """Whether each of the scaled values, an array or a tensor, is one that a network can read."""
    return abs(scaled) <= FARTHEST


def _double(values):
    return tf.cast(values, tf.float64)


def _moments(values: np.ndarray, where: str) -> tuple[float, float]:
    """Mean and deviation of a column, float64 [time]; in the unit of its range, as squares may be beyond
    float64."""
    if values.min() == values.max():
        raise DataError(
            f"{where}: constant in the training split ({values[0]:.15g}); nothing to learn: leave it out"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.mean(values)
        away = values - mean
        largest = np.max(np.abs(away))
        deviation = largest * np.std(away / largest)
    if not np.isfinite([mean, deviation]).all():
        raise DataError(f"{where}: its values are too large to be averaged; use a larger unit")
    if deviation < STEPS * np.finfo(np.float64).tiny:  # TensorFlow takes smaller numbers for 0
        raise DataError(f"{where}: its values are too small to be told apart; use a smaller unit")
    if deviation < STEPS * np.spacing(np.max(np.abs(values))):
        raise DataError(
            f"{where}: nearly constant: a float64 holds too few numbers between {values.min():.17g} and "
            f"{values.max():.17g}; subtract a constant"
        )
    return float(mean), float(deviation)


def _forward(transform, values, sqrt, log):
    return {"none": lambda x: x, "sqrt": lambda x: sqrt(x + SHIFT), "log": log}[transform](values)
