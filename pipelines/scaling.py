"""Values of series scaled for a network: transformed, then standardised to mean 0 and deviation 1."""

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
            DataError: a column is constant.
        """
        moved = _forward(transform, np.asarray(values, np.float64), np.sqrt, np.log)
        mean, deviation = moved.mean(axis=0), moved.std(axis=0)
        for name, spread, middle in zip(columns, deviation, mean, strict=True):
            if spread <= 1e-9 * max(1.0, abs(middle)):
                raise DataError(f"{where}: column {name}: constant in the training split; nothing to learn")
        return cls(tuple(columns), transform, mean.tolist(), deviation.tolist())

    def scaled(self, values: tf.Tensor) -> tf.Tensor:
        """The scaled `values`, float32 [..., columns]."""
        return (_forward(self.transform, values, tf.sqrt, tf.math.log) - self._mean) / self._deviation

    def restored(self, scaled: tf.Tensor) -> tf.Tensor:
        """The inverse of `scaled`, float32 [..., columns]; with "sqrt" never below 0."""
        moved = scaled * self._deviation + self._mean
        if self.transform == "sqrt":
            return tf.maximum(tf.square(tf.maximum(moved, 0.0)) - SHIFT, 0.0)
        return tf.exp(moved) if self.transform == "log" else moved

    def log_slope(self, values: tf.Tensor) -> tf.Tensor:
        """ln of the derivative of `scaled` at values [..., columns]. The density of a value is that of its
        scaled value times the derivative."""
        slope = {"none": tf.zeros_like, "sqrt": lambda x: -0.5 * tf.math.log(x + SHIFT) - np.log(2.0),
                 "log": lambda x: -tf.math.log(x)}[self.transform]  # fmt: skip
        return slope(values) - tf.math.log(self._deviation)

    @property
    def _mean(self) -> tf.Tensor:
        return tf.constant(self.mean, tf.float32)

    @property
    def _deviation(self) -> tf.Tensor:
        return tf.constant(self.deviation, tf.float32)

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


def _forward(transform, values, sqrt, log):
    return {"none": lambda x: x, "sqrt": lambda x: sqrt(x + SHIFT), "log": log}[transform](values)
