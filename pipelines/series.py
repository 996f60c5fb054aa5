"""Tables of numbers over time to batches of windows, for a network that predicts each step from those before.

corpus = prepare(["sample:sunspots"], date="month", transform="sqrt", split=(0.8, 0.1, 0.1))
for before, values in training_windows(corpus.split("train"), streams=32, window=64, seed=0):
    ...    # endless; float32 [32, 64, 1] each
"""

import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from pipelines.batching import batches, ring_windows
from pipelines.cache import digest
from pipelines.dates import parse
from pipelines.errors import DataError
from pipelines.scaling import FARTHEST, Scaling, allowed, fits, near
from pipelines.splits import SPLITS, checked_fractions
from pipelines.tables import Table, read

_FAR = 5  # times the range of all other values: a value so far from them may stand for a missing one
_ON = 0.8  # share of the steps of a column of months, or the like, that are 1
_BACK = 5  # different steps at most that it has: days go back by 30, 29, 28 or 27
_DIFFERENT = 10  # values that a column has at least, of which one can be far from the others
SAME = 0.99  # share of a column's values that makes it nearly constant


class SeriesCorpus:
    """A table, its splits by time, and the scaling of the training split.

    Args:
        table: the `Table`.
        scaling: the `Scaling`.
        bounds: split -> its (first step, last step + 1).

    Attributes:
        sizes: split -> its number of steps.
        content: a digest of the table and the bounds.
    """

    def __init__(self, table: Table, scaling: Scaling, bounds: dict[str, tuple[int, int]]):
        self.table, self.scaling, self.bounds = table, scaling, bounds
        self.sizes = {name: end - start for name, (start, end) in bounds.items()}
        self.content = digest([table.columns, table.values.tobytes().hex(), bounds])

    @property
    def values(self) -> np.ndarray:
        """All values, not scaled, float64 [time, columns]."""
        return self.table.values

    def remarks(self, splits: Sequence[str] = SPLITS) -> list[str]:
        """What may be wrong with the data, and is no error, a line each: values far from all others, columns
        that hardly vary in one of the splits, and uneven dates."""
        found = []
        for name, column in zip(self.table.columns, self.values.T, strict=True):
            found += [self._apart(name, column, value) for value in far_values(column)]
            if _is_calendar(column):
                found.append(
                    f"column {name} counts months, years or the like: name the columns to learn with"
                    " --data.columns, and one of dates with --data.date"
                )
        for split in splits:
            values = self.values[slice(*self.bounds[split])]
            for name, column in zip(self.table.columns, values.T, strict=True):
                value, count = commonest(column)
                if len(column) > 1 and count >= SAME * len(column):
                    found.append(
                        f"column {name}: {count:,} of the {len(column):,} values of the {split} split are"
                        f" {value:.6g}; metrics of it say little"
                    )
        dates = self.table.dates
        place = dates.uneven() if dates else None
        if place:
            found.append(
                f"the dates are not evenly spaced, as from {dates[place - 1]} to {dates[place]}: each line is"
                " one step, and forecasts have numbers in place of dates"
            )
        return found

    def _apart(self, name: str, column: np.ndarray, value: float) -> str:
        places, dates = np.flatnonzero(column == value), self.table.dates
        first = dates[int(places[0])] if dates else f"step {places[0] + 1}"
        others = column[column != value]
        return (
            f"column {name}: {value:.10g} ({len(places):,} of {len(column):,} values, first at {first}) is"
            f" far from all others ({others.min():.10g} to {others.max():.10g}): if it stands for a missing"
            " value, fill it in or remove the line"
        )

    def split(self, name: str) -> np.ndarray:
        """The scaled values of "train", "valid" or "test", float32 [time, columns]."""
        start, end = self.bounds[name]
        with tf.init_scope():  # a dataset may ask for it while its own graph is built
            return self.scaling.scaled(self.values[start:end]).numpy()


def prepare(
    files: Sequence[str | os.PathLike],
    *,
    columns: Sequence[str] = (),
    date: str | None = None,
    transform: str = "none",
    split: Sequence[float] = (0.8, 0.1, 0.1),
    scaling: Scaling | None = None,
    minimum: int = 65,
) -> SeriesCorpus:
    """Files to scaled values in three splits by time.

    Args:
        files, columns, date: see `pipelines.tables.read`.
        transform: see `pipelines.scaling.Scaling`.
        split: the fractions for "train", "valid" and "test"; the first `int(length * split[0])` steps are for
            training, and so on.
        scaling: of a model that is there; without it one is learned from the training split alone.
        minimum: steps that the training split must have; the others need one if their fraction is above 0.

    Raises:
        DataError: a file or a value cannot be used (see `tables.read`), there are too few values, the
            transform does not take one of them, a column is constant or, where `columns` does not name it,
            holds row numbers or dates, or the columns are not those of `scaling`.
    """
    fractions = checked_fractions(split)
    table = read(files, scaling.columns if scaling and not columns else columns, date)
    where = f"{files[0]}" + (f" and {len(files) - 1} more" if len(files) > 1 else "")
    transform = scaling.transform if scaling else transform
    if not columns and not scaling:
        _check_columns(table, where)
    check_values(table, transform, where)
    if scaling and tuple(scaling.columns) != table.columns:
        raise DataError(f"{where}: the columns {table.columns} are not the model's, {tuple(scaling.columns)}")
    length = len(table.values)
    cuts = [0, int(length * fractions[0] + 1e-6), int(length * (fractions[0] + fractions[1]) + 1e-6), length]
    bounds = {name: (cuts[i], cuts[i + 1]) for i, name in enumerate(SPLITS)}
    for name, fraction in zip(SPLITS, fractions, strict=True):
        least, (start, end) = minimum if name == "train" else 1, bounds[name]
        if fraction > 0 and end - start < least:
            raise DataError(
                f"{where}: the {name} split has {end - start} of the {length} steps; at least {least} are"
                f" needed: {_more(name, end - start)}"
            )
    if scaling is None and fractions[0] == 0:
        raise DataError(f"split {tuple(split)} leaves no training split to learn the scaling from")
    scaling = scaling or Scaling.learn(table.values[slice(*bounds["train"])], table.columns, transform, where)
    check_distance(table, scaling, where)
    return SeriesCorpus(table, scaling, bounds)


def _more(split: str, steps: int) -> str:
    """What helps where a split is too short."""
    if split != "train":
        return "give more data, or none to this split, such as --data.split 0.8 0.2 0 or 1 0 0"
    if steps < 3:
        return "give more data"
    return f"give more data, or a shorter --data.window, up to {steps - 1}"


def _check_columns(table: Table, where: str) -> None:
    """Raises: DataError for a column that holds dates, or that counts evenly beside other columns."""
    for name, values in zip(table.columns, table.values.T, strict=True):
        shown = ", ".join(f"{value:.10g}" for value in values[:3])
        steps = np.diff(values)
        if len(steps) < 2 or not np.all(steps > 0):
            continue
        if np.all(values >= 100_000) and all(parse(f"{value:.15g}") for value in values):
            raise DataError(f"{where}: column {name} holds dates ({shown}, ...): give --data.date {name}")
        if len(table.columns) > 1 and np.all(steps == steps[0]):
            raise DataError(
                f"{where}: column {name} counts evenly ({shown}, ...), as numbers of rows or times do: name"
                " the columns to learn with --data.columns, and one of dates with --data.date"
            )


def _is_calendar(values: np.ndarray) -> bool:
    """Whether a column counts 1, 2, 3 and begins again, as months do, or has years beside other columns."""
    steps, counts = np.unique(np.diff(values), return_counts=True)
    if not 2 <= len(steps) <= _BACK or np.any(values % 1):
        return False
    again = counts[steps == 1].sum() >= _ON * counts.sum() and steps.min() < 0
    years = set(steps.tolist()) == {0, 1} and values.min() >= 1500 and values.max() <= 2200
    return bool(again or years)


def commonest(values: np.ndarray) -> tuple[float, int]:
    """The value that is there most often, and how often; (0, 0) of none."""
    each, counts = np.unique(values, return_counts=True)
    return (float(each[counts.argmax()]), int(counts.max())) if len(values) else (0.0, 0)


def far_values(values: np.ndarray) -> list[float]:
    """The least value, the largest, or both, if far from all other values."""
    each = np.unique(values)
    if len(each) < _DIFFERENT:
        return []
    far = _FAR * (each[-2] - each[1])
    ends = (each[0], each[1] - each[0]), (each[-1], each[-1] - each[-2])
    return [float(value) for value, gap in ends if gap > far]


def check_distance(table: Table, scaling: Scaling, where: str | os.PathLike) -> None:
    """Raises: DataError where a value is too far from those of the training for a network to read."""
    far = ~near(scaling.scaled(table.values).numpy())
    if np.any(far):
        step, column = np.argwhere(far)[0]
        raise DataError(
            f"{where}: column {table.columns[column]}: {table.values[step, column]:.6g} is more than"
            f" {FARTHEST:g} deviations from the values of the training"
        )


def check_values(table: Table, transform: str, where: str | os.PathLike) -> None:
    """Raises: DataError where a value is one that the transform does not take; `where` names the files."""
    for name, values in zip(table.columns, table.values.T, strict=True):
        if not np.all(fits(transform, values)):
            worst, words = values.min(), allowed(transform)[0]
            raise DataError(f"{where}: column {name}: {worst:g}, and the transform {transform} takes {words}")


def steps_per_pass(count: int, *, window: int) -> int:
    """The number of steps in which every stream of `training_windows` goes once over `count` time steps."""
    return max(1, count // window)


def training_windows(
    values: np.ndarray, *, streams: int, window: int, seed: int, start_step: int = 0
) -> tf.data.Dataset:
    """Endless batches of windows in parallel streams, for truncated backpropagation through time.

    The series is a ring: see `pipelines.batching.ring_windows`. Series are short, so a pass ends only when
    every stream has gone once around: its windows follow one another for long. Where the ring closes the
    network reads zeros in place of the last value, as at the beginning of a series. Every element is a pure
    function of (seed, step), so a run that resumes at `start_step` sees the same elements.

    Args:
        values: float32 [time, columns], scaled; at least `window` + 1 steps.
        streams: rows of a batch.
        window: steps of a row.
        seed: 0 or larger.
        start_step: the step of the first element.

    Returns:
        Elements (the values before, the values), both float32 [streams, window, columns].
    """
    if len(values) < window + 1:
        raise DataError(f"{len(values)} steps are fewer than one window of {window} and one")
    steps = steps_per_pass(len(values), window=window)
    positions = ring_windows(
        len(values), streams=streams, window=window, length=window, steps_per_pass=steps, seed=seed
    )
    return _windows(tf.data.Dataset.counter(start_step), values, positions, [streams, window])


def validation_windows(values: np.ndarray, *, streams: int, window: int) -> tf.data.Dataset:
    """One pass over a split in fixed batches, for `validation_data` of Keras's `fit`; each row starts afresh.

    (`kerasapp evaluate` reads the split once instead, after all that comes before it, and is exact.)

    Returns:
        Elements (the values before, the values), both float32 [streams, window, columns].
    """
    window = min(window, len(values))
    steps = max(1, len(values) // (streams * window))
    starts = np.linspace(0, len(values) - window, streams * steps).astype(int).reshape(steps, streams)

    def positions(step: int) -> np.ndarray:
        return starts[step][:, None] + np.arange(window)  # [streams, window]

    return _windows(tf.data.Dataset.range(steps), values, positions, [streams, window])


def _windows(steps, values, positions, shape) -> tf.data.Dataset:
    # Zeros come before the first value of a series, and of a ring.
    before = np.concatenate([np.zeros_like(values[:1]), values[:-1]])

    def read_windows(step: int) -> tuple[np.ndarray, np.ndarray]:
        indices = positions(step)
        return before[indices], values[indices]

    spec = tf.TensorSpec([*shape, values.shape[1]], tf.float32)
    return batches(steps, read_windows, [spec] * 2, lambda step, *both: both)
