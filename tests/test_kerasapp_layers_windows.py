"""Rows read window by window, beside the same rows read at once in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from kerasapp.layers import windows

LENGTHS = np.array([0, 1, 63, 64, 65, 150], np.int32)
X = np.random.default_rng(0).integers(0, 9, [len(LENGTHS), 150]).astype(np.float32)
FIRST = 1 + np.arange(len(LENGTHS), dtype=np.float32)[:, np.newaxis]


def running_sum(x, states, lengths):
    """A model whose state is the sum of a row's real values; its output is the sum, and the
    sum with what stands at the step, real or not."""
    real = tf.sequence_mask(lengths, tf.shape(x)[1], tf.float32)
    sums = states["sum"] + tf.cumsum(x * real, axis=1)  # [batch, time]
    return tf.stack([sums, sums + x], axis=-1), {"sum": tf.ensure_shape(sums[:, -1:], [None, 1])}


@pytest.fixture(params=[True, False], ids=["graph", "eager"])
def wrapped(request):
    return tf.function if request.param else lambda function: function


def test_the_last_output_and_the_states_of_rows_of_any_length(wrapped):
    @wrapped
    def read():
        return windows.read(running_sum, tf.constant(X), tf.constant(LENGTHS), {"sum": tf.constant(FIRST)}, 2)

    last, states = read()
    sums = np.array([row[:n].sum() for row, n in zip(X, LENGTHS, strict=True)]) + FIRST[:, 0]
    np.testing.assert_array_equal(states["sum"][:, 0], sums)
    last_x = [row[n - 1] for row, n in zip(X, LENGTHS, strict=True)]
    expected = np.stack([sums, sums + last_x], axis=1)
    np.testing.assert_array_equal(last, np.where(LENGTHS[:, np.newaxis] > 0, expected, 0))  # zeros: not read


def test_the_total_counts_the_steps_of_each_row_and_carries_the_states(wrapped):
    def window(x, y, counted, states):
        products = tf.where(counted, x * y, 0.0)
        return tf.reduce_sum(products, axis=1) + states["windows"][:, 0], {"windows": states["windows"] + 1}

    @wrapped
    def total():
        states = {"windows": tf.zeros([len(LENGTHS), 1])}
        return windows.total(window, (tf.constant(X), tf.constant(X)), tf.constant(LENGTHS), states)

    expected = [np.square(row[:n]).sum() + 0 + 1 + 2 for row, n in zip(X, LENGTHS, strict=True)]
    np.testing.assert_array_equal(total(), expected)
