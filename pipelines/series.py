"""Tables of numbers over time to batches of windows, for a network that predicts each step from those before.

corpus = prepare(["sample:sunspots"], date="month", transform="sqrt", split=(0.8, 0.1, 0.1))
for before, values in training_windows(corpus.scaled("train"), streams=32, window=64, seed=0):
    ...    # float32 [32, 64, 1] each, for ever
"""

import os
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import tensorflow as tf

from pipelines import scaling, tables
from pipelines.batching import prefetched
from pipelines.cache import digest
from pipelines.errors import DataError
from pipelines.scaling import Scaling
from pipelines.splits import SPLITS, checked_fractions


class SeriesCorpus:
    """A table, its parts by time, and the scaling of the training part.

    Args:
        table: the `pipelines.tables.Table`.
        scaling: the `Scaling`.
        bounds: name of a part -> (first, one after the last) of its steps.
    """

    def __init__(self, table: tables.Table, scaling: Scaling, bounds: dict[str, tuple[int, int]]):
        self.table, self.scaling, self.bounds = table, scaling, bounds
        self.content = digest([table.columns, table.values.tobytes().hex(), bounds])

    @cached_property
    def values(self) -> np.ndarray:
        """All values as models are given them, float32 [time, columns]."""
        return self.table.values.astype(np.float32)

    def size(self, part: str) -> int:
        """How many steps a part has."""
        start, end = self.bounds[part]
        return end - start

    def scaled(self, part: str) -> np.ndarray:
        """A part's values, scaled, float32 [time, columns]."""
        start, end = self.bounds[part]
        with tf.init_scope():  # a dataset may ask for it while its own graph is built
            return self.scaling.scaled(tf.constant(self.values[start:end])).numpy()


def prepare(
    files: Sequence[str | os.PathLike],
    *,
    columns: Sequence[str] = (),
    date: str | None = None,
    transform: str = "none",
    split: Sequence[float] = (0.8, 0.1, 0.1),
    given: Scaling | None = None,
    minimum: int = 65,
) -> SeriesCorpus:
    """Files to scaled values in three parts by time.

    Args:
        files, columns, date: see `pipelines.tables.read`.
        transform: see `pipelines.scaling.Scaling`.
        split: the fractions for "train", "valid" and "test"; the first `int(length * split[0])` steps are for
            training, and so on.
        given: the scaling of a model that is there; None learns one, from the training part alone.
        minimum: the steps that the training part must have; the others with a fraction above 0 need one.

    Raises:
        DataError: a file or a value that cannot be used (see `tables.read`), too few of them, one that the
            transform does not take, a constant column, or columns other than those of `given`.
    """
    fractions = checked_fractions(split)
    table = tables.read(files, given.columns if given and not columns else columns, date)
    where = f"{files[0]}" + (f" and {len(files) - 1} more" if len(files) > 1 else "")
    transform = given.transform if given else transform
    check_values(table, transform, where)
    if given and tuple(given.columns) != table.columns:
        raise DataError(f"{where}: the columns {table.columns} are not the model's, {tuple(given.columns)}")
    length = len(table.values)
    cuts = [0, int(length * fractions[0] + 1e-6), int(length * (fractions[0] + fractions[1]) + 1e-6), length]
    bounds = {name: (cuts[i], cuts[i + 1]) for i, name in enumerate(SPLITS)}
    for name, fraction in zip(SPLITS, fractions, strict=True):
        least, (start, end) = minimum if name == "train" else 1, bounds[name]
        if fraction > 0 and end - start < least:
            raise DataError(f"{where}: {end - start} steps in the {name} part; at least {least} are needed")
    if given is None and fractions[0] == 0:
        raise DataError(f"split {tuple(split)} leaves no training part to learn the scaling from")
    learned = given or Scaling.learn(table.values[slice(*bounds["train"])], table.columns, transform, where)
    return SeriesCorpus(table, learned, bounds)


def check_values(table: tables.Table, transform: str, where: str | os.PathLike) -> None:
    """Raises: DataError where a value is one that the transform does not take; `where` names the files."""
    for name, values in zip(table.columns, table.values.T, strict=True):
        if not np.all(scaling.fits(transform, values)):
            worst, words = values.min(), scaling.allowed(transform)[0]
            raise DataError(f"{where}: column {name}: {worst:g}, and the transform {transform} takes {words}")


def steps_per_pass(count: int, *, window: int) -> int:
    """How many steps of `training_windows` let every stream go once over `count` steps of a series."""
    return max(1, count // window)


def training_windows(
    values: np.ndarray, *, streams: int, window: int, seed: int, start_step: int = 0
) -> tf.data.Dataset:
    """Endless batches of windows in parallel streams, for truncated backpropagation through time.

    A series is taken as a ring, and short: a pass is over when every stream has gone once around, so that a
    stream's windows follow each other for long. A pass starts at a random place, with the streams evenly
    spaced from there. Where the ring closes the network is given zeros, as at the beginning of a series, in
    place of the last value.

    Every element is a pure function of (seed, step), as in `pipelines.generation.training_windows`.

    Args:
        values: float32 [time, columns], scaled; at least `window` + 1.
        streams: rows of a batch. window: steps of a row. seed: 0 or larger.
        start_step: the step of the first element.

    Returns:
        Elements (the values before, the values), both float32 [streams, window, columns].
    """
    _check_window(values, window)
    count, steps = len(values), steps_per_pass(len(values), window=window)
    starts = np.arange(streams) * count // streams  # [streams]

    def positions(step: np.ndarray) -> np.ndarray:
        number, step_of_pass = divmod(int(step), steps)
        offset = int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] % count)
        first = starts + offset + step_of_pass * window
        return (first[:, None] + np.arange(window)) % count  # [streams, window]

    return _windows(tf.data.Dataset.counter(start_step), values, positions, [streams, window])


def validation_windows(values: np.ndarray, *, streams: int, window: int) -> tf.data.Dataset:
    """One pass over a part in fixed batches, for `validation_data` of Keras's `fit`; each row begins anew.

    (`kerasapp evaluate` is exact instead: it reads the part once, after all that comes before it.)

    Returns:
        Elements (the values before, the values), both float32 [streams, window, columns].
    """
    window = min(window, len(values))
    steps = max(1, len(values) // (streams * window))
    starts = np.linspace(0, len(values) - window, streams * steps).astype(int).reshape(steps, streams)

    def positions(step: np.ndarray) -> np.ndarray:
        return starts[int(step)][:, None] + np.arange(window)  # [streams, window]

    return _windows(tf.data.Dataset.range(steps), values, positions, [streams, window])


def _windows(steps, values, positions, shape):
    # Before the first value of a series, and of a ring, there are zeros.
    before = np.concatenate([np.zeros_like(values[:1]), values[:-1]])

    def gather(step):
        places = positions(step)
        return before[places], values[places]

    def load(step):
        # numpy_function stays in the pipeline and is in nothing that is exported.
        both = tf.numpy_function(gather, [step], [tf.float32, tf.float32], stateful=False)
        return tuple(tf.ensure_shape(rows, [*shape, values.shape[1]]) for rows in both)

    return steps.map(load, num_parallel_calls=tf.data.AUTOTUNE).apply(prefetched)


def _check_window(values: np.ndarray, window: int) -> None:
    if len(values) < window + 1:
        raise DataError(f"{len(values)} steps are fewer than one window of {window} and one")
