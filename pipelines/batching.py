"""Stages of a pipeline, each dataset -> dataset, used by `dataset.apply(...)`."""

import tensorflow as tf


def prefetched(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The last stage: elements in a fixed order, the next ones made ready while one is used."""
    options = tf.data.Options()
    options.deterministic = True
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)
