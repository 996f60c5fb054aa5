"""Stages of a pipeline, each dataset -> dataset, used by `dataset.apply(...)`."""

import itertools
from collections.abc import Callable

import tensorflow as tf


def prefetched(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The last stage: elements in a fixed order, the next ones made ready while one is used."""
    options = tf.data.Options()
    options.deterministic = True
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)


def each_pass(endless: Callable[[int], tf.data.Dataset], steps: int) -> tf.data.Dataset:
    """A finite dataset of `steps` elements that goes on, each time it is iterated, where it ended before.

    Args:
        endless: as `training_windows`, of the start step alone.
        steps: of one pass.
    """
    passes = itertools.count()
    starts = tf.data.Dataset.from_generator(
        lambda: iter([next(passes) * steps]), output_signature=tf.TensorSpec([], tf.int64)
    )
    dataset = starts.flat_map(lambda start: endless(start).take(steps))
    return dataset.apply(tf.data.experimental.assert_cardinality(steps))
