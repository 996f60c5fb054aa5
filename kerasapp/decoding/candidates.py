"""The likeliest next tokens and the end, in the graph: what beam and greedy search choose from."""

from typing import NamedTuple

import tensorflow as tf

NEVER = -float("inf")
BLOCK = 50  # logits; divides the usual sizes of vocabularies, others are padded


class Candidates(NamedTuple):
    """Log-probabilities of the beams with one token more."""

    ends: tf.Tensor  # [batch, beams], with the end token
    continuations: tf.Tensor  # [batch, beams * (beams + 1)], with each of the likeliest other tokens
    tokens: tf.Tensor  # [batch, beams * (beams + 1)], those tokens


class Chosen(NamedTuple):
    """What greedy search chooses, per row."""

    tokens: tf.Tensor  # int32 [batch]; the end token where a row ends
    log_probabilities: tf.Tensor  # float32 [batch], with these tokens
    is_cut: tf.Tensor  # bool [batch]; the row may not grow and does not end: its token does not count


def find_candidates(log_probabilities, logits, end_id):
    """The `Candidates` after beams of these log-probabilities [batch, beams] and logits [batch * beams,
    vocabulary] of the next token.

    At most `beams` other tokens of one beam can be among the best of its row: only so many are kept.
    """
    shape = tf.shape(log_probabilities)
    values, tokens = _top_k(logits, tf.minimum(shape[1] + 1, tf.shape(logits)[1]))  # [rows, beams + 1]
    # The softmax of the largest logit is 1 / sum(exp(logits - largest)); cheaper than a log-softmax.
    share = tf.gather(tf.nn.softmax(logits), tokens[:, :1], batch_dims=1)
    before = tf.reshape(log_probabilities, [-1, 1]) - values[:, :1] + tf.math.log(share)  # [rows, 1]
    others = tf.where(tokens == end_id, NEVER, before + values)
    return Candidates(
        tf.reshape(before[:, 0] + logits[:, end_id], shape),
        tf.reshape(others, [shape[0], -1]),
        tf.reshape(tokens, [shape[0], -1]),
    )


def _top_k(logits, k):
    """`tf.math.top_k`, much faster: the k largest stand in the k blocks that have the largest maxima."""
    rows, size = tf.unstack(tf.shape(logits))
    blocks = tf.pad(logits, [[0, 0], [0, -size % BLOCK]], constant_values=NEVER)
    blocks = tf.reshape(blocks, [rows, -1, BLOCK])  # [rows, blocks, BLOCK]
    _, best = tf.math.top_k(tf.reduce_max(blocks, axis=2), tf.minimum(k, tf.shape(blocks)[1]))
    best = tf.sort(best, axis=1)  # so that of equal logits the lower id still comes first
    blocks = tf.gather(blocks, best, batch_dims=1)
    values, places = tf.math.top_k(tf.reshape(blocks, [rows, -1]), k)
    return values, tf.gather(best, places // BLOCK, batch_dims=1) * BLOCK + places % BLOCK


def go_on(log_probabilities, logits, position, shortest, longest, end_id):
    """One step of greedy search, the same that `kerasapp.decoding.beam_search` takes with one beam.

    Args:
        log_probabilities: float32 [batch], of the tokens so far; they decide where rounding makes two
            candidates equal.
        logits: float32 [batch, vocabulary], -inf for tokens that must not be chosen.
        position: int32 [batch], tokens so far.
        shortest, longest: int32 [batch], as in `BeamSearch`.
        end_id: the end token.

    Returns: a `Chosen`.
    """
    found = find_candidates(log_probabilities[:, tf.newaxis], logits, end_id)
    end = tf.where(position >= shortest, found.ends[:, 0], NEVER)
    other, place = tf.math.top_k(found.continuations, 1)
    ends = (end > NEVER) & (end >= other[:, 0])  # of equals the end comes first
    token = tf.gather(found.tokens, place, batch_dims=1)[:, 0]
    total = tf.where(ends, end, other[:, 0])
    return Chosen(tf.where(ends, end_id, token), total, ~ends & (position >= longest))
