"""Reads rows of any length a window at a time, in the graph: the memory does not grow with the length."""

import tensorflow as tf

WINDOW = 64  # steps that are read at once


def read(window, x, lengths, states, size):
    """Reads rows to their ends.

    Args:
        window: function (x [batch, time, ...], states, lengths) -> (outputs [batch, time, size], states).
        x: [batch, time, ...]. lengths: int32 [batch], the steps of each row.
        states: those before the first step, name -> [batch, units].
        size: of an output.

    Returns: (the output of each row's last step, float32 [batch, size], zeros if the row is empty; the states
        after it).
    """
    time = tf.shape(x)[1]

    def read_window(start, last, states):
        end = tf.minimum(start + WINDOW, time)
        inside = tf.clip_by_value(lengths - start, 0, end - start)
        outputs, states = window(x[:, start:end], states, inside)
        newest = tf.gather(outputs, tf.maximum(inside - 1, 0), batch_dims=1)  # [batch, size]
        return end, tf.where(inside[:, tf.newaxis] > 0, newest, last), states

    first = 0, tf.zeros([tf.shape(x)[0], size]), states
    shapes = {name: tf.TensorShape([None, state.shape[1]]) for name, state in states.items()}
    return tf.while_loop(
        lambda start, *_: start < time,
        read_window,
        first,
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, size]), shapes),
    )[1:]


def total(window, rows, lengths, states):
    """The sum over each row's steps of what is computed window by window, such as nats: float32 [batch].

    Args:
        window: function (*rows [batch, time, ...], counted bool [batch, time], states) -> (the sums over the
            counted steps [batch], states).
        rows: tensors [batch, time, ...]. lengths: int32 [batch]. states: as for `read`.
    """
    time = tf.shape(rows[0])[1]

    def add_window(start, sums, states):
        end = tf.minimum(start + WINDOW, time)
        counted = tf.sequence_mask(lengths - start, end - start)
        new, states = window(*(row[:, start:end] for row in rows), counted, states)
        return end, sums + tf.cast(new, tf.float64), states

    first = 0, tf.zeros(tf.shape(lengths), tf.float64), states
    return tf.cast(tf.while_loop(lambda start, *_: start < time, add_window, first)[1], tf.float32)
