"""Batches that are functions of their step: read by NumPy, windows in parallel streams, pass after pass."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf


def batches(
    steps: tf.data.Dataset,
    read: Callable[[int], Sequence[np.ndarray]],
    specs: Sequence[tf.TensorSpec],
    arrange: Callable,
) -> tf.data.Dataset:
    """The batch of each step, in order; the next ones are made ready while one is used.

    Args:
        steps: dataset of the steps' numbers, int64.
        read: function step -> arrays.
        specs: of these arrays.
        arrange: function (step, *arrays, as tensors) -> the dataset's element.
    """

    def load(step):
        # numpy_function can read a memory map. It stays in the pipeline: nothing that is exported holds it.
        types = [spec.dtype for spec in specs]
        arrays = tf.numpy_function(lambda step: read(int(step)), [step], types, stateful=False)
        return arrange(step, *(tf.ensure_shape(a, spec.shape) for a, spec in zip(arrays, specs, strict=True)))

    options = tf.data.Options()
    options.deterministic = True
    loaded = steps.map(load, num_parallel_calls=tf.data.AUTOTUNE)
    return loaded.prefetch(tf.data.AUTOTUNE).with_options(options)


def ring_windows(
    count: int, *, streams: int, window: int, length: int, steps_per_pass: int, seed: int
) -> Callable[[int], np.ndarray]:
    """Windows of a ring of `count` positions in parallel streams, for truncated backpropagation through time.

    A pass starts at a random position, with the streams evenly spaced from there. In each step every stream
    continues where its last window ended. The start of pass p is word 0 of NumPy's `SeedSequence([seed, p])`,
    whose algorithm NumPy guarantees, modulo `count`.

    Args:
        window: positions from one step to the next.
        length: positions of a window; above `window` windows overlap.

    Returns:
        Function step -> positions, int64 [streams, length].
    """
    spread = np.arange(streams) * count // streams  # [streams]

    def positions(step: int) -> np.ndarray:
        number, step_of_pass = divmod(step, steps_per_pass)
        start = int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] % count)
        first = spread + start + step_of_pass * window  # [streams]
        return (first[:, None] + np.arange(length)) % count  # [streams, length]

    return positions


def each_pass(endless: Callable[[int], tf.data.Dataset], steps: int) -> tf.data.Dataset:
    """A finite dataset of `steps` elements that continues, each time it is iterated, where it ended before.

    Args:
        endless: function first step -> endless dataset, such as `training_windows`.
        steps: of one pass.
    """
    passes = itertools.count()
    starts = tf.data.Dataset.from_generator(
        lambda: iter([next(passes) * steps]), output_signature=tf.TensorSpec([], tf.int64)
    )
    dataset = starts.flat_map(lambda start: endless(start).take(steps))
    return dataset.apply(tf.data.experimental.assert_cardinality(steps))
