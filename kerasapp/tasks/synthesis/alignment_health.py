"""How well an attention has read a text from its first character to its last."""

import tensorflow as tf

COVERED = 0.95  # least coverage of an aligned utterance
READ = 0.2  # least attention of a step to a character that it has read
STEP_BACK = 1  # characters that it may go back at a time


def alignment_health(alignment, steps, lengths):
    """Metrics of an attention that should move over its text once, from left to right.

    The place of a step is the character with most of its attention.

    Args:
        alignment: float32 [batch, steps, characters], rows that sum to 1.
        steps, lengths: int32 [batch], the steps and the characters of each row that are real. The end token
            is one of the characters: an utterance has read it too, or it may have stopped short.

    Returns:
        "coverage" float32 [batch]: share of the characters to which some step gave `READ` of its attention:
            a quick character need not be the place of any step, and to spread over all is not to read.
        "backward_steps" int32 [batch]: steps whose place lies more than `STEP_BACK` before the one before.
        "sharpness" float32 [batch]: mean over the steps of the attention that the place gets, from 0 to 1.
        "aligned" int32 [batch]: 1 where the coverage is at least `COVERED` and no step goes backward.
    """
    real = tf.sequence_mask(steps, tf.shape(alignment)[1])  # [batch, steps]
    inside = tf.sequence_mask(lengths, tf.shape(alignment)[2])  # [batch, characters]
    alignment *= tf.cast(real, tf.float32)[:, :, tf.newaxis]
    places = tf.argmax(alignment, axis=2, output_type=tf.int32)  # [batch, steps]
    read = tf.reduce_any(alignment >= READ, axis=1)  # [batch, characters]
    coverage = _mean(read & inside, lengths)
    backward = (places[:, 1:] < places[:, :-1] - STEP_BACK) & real[:, 1:]
    backward = tf.reduce_sum(tf.cast(backward, tf.int32), axis=1)
    sharpness = tf.reduce_sum(tf.reduce_max(alignment, axis=2), axis=1) / tf.cast(
        tf.maximum(steps, 1), tf.float32
    )
    return {
        "coverage": coverage,
        "backward_steps": backward,
        "sharpness": sharpness,
        "aligned": tf.cast((coverage >= COVERED) & (backward == 0), tf.int32),
    }


def _mean(flags, count):
    return tf.reduce_sum(tf.cast(flags, tf.float32), axis=1) / tf.cast(tf.maximum(count, 1), tf.float32)
