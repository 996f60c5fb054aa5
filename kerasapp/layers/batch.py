"""The batch in two pieces, for two cores."""

import tensorflow as tf


def split_batch(function, rows, split=True):
    """`function(rows)`, computed for two halves of the batch that do not wait for each other.

    With one thread per operation (see `kerasapp.threads`) this keeps two cores busy. All batch splitting is
    done here.

    Args:
        function: takes a structure of tensors [batch, ...] and gives one.
        rows: the structure for the whole batch, which may be empty.
        split: False calls the function once, for the whole batch.
    """
    if not split:
        return function(rows)
    flat = tf.nest.flatten(rows)
    batch = tf.shape(flat[0])[0]
    sizes = tf.stack([batch // 2, batch - batch // 2])
    # The gradient of a split is one concatenation; that of two slices fills and adds two tensors of zeros.
    halves = zip(*(tf.split(tensor, sizes, num=2) for tensor in flat), strict=True)
    results = [function(tf.nest.pack_sequence_as(rows, half)) for half in halves]
    return tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), *results)
