"""Samples sequences with a step function, in the graph, each row by its own rules."""

from typing import NamedTuple

import tensorflow as tf

LARGE, BLOCK = 1000, 100  # tokens of a vocabulary from which on it is searched in blocks, and of a block


class Sampling(NamedTuple):
    """How each row is sampled; every field is one value per row, [batch].

    `top_p` is nucleus sampling (Holtzman et al. 2020, arXiv:1904.09751), applied after `top_k`.
    """

    temperature: tf.Tensor  # float32; 0 takes the likeliest token, 1 samples from the model's probabilities
    top_k: tf.Tensor  # int32; only the k likeliest tokens, 0 for all
    top_p: tf.Tensor  # float32; only the likeliest tokens that together reach this probability, 1 for all
    seed: tf.Tensor  # int32; the same seed gives the same text, whatever else is in the batch


def uniform(seed, position):
    """Random numbers in [0, 1), a pure function of a row's seed and a position.

    The PCG hash of Jarzynski and Olano ("Hash Functions for GPU Rendering", JCGT 2020), nested: a few
    integer operations that any language repeats exactly, so every runtime draws the same numbers.

    Args:
        seed: int32 [batch].
        position: int32 [steps].

    Returns: float32 [batch, steps], multiples of 2^-24.
    """
    return _draw(seed[:, tf.newaxis], position[tf.newaxis, :])  # [batch, 1] and [1, steps]


def derived(seed, number):
    """Seeds for several paths per row: seed int32 [batch], number int32 [count] -> int32 [batch, count]."""
    return tf.bitcast(_mixed(seed[:, tf.newaxis], number[tf.newaxis, :]), tf.int32)


def _draw(seed, position):
    """`uniform` for shapes that broadcast."""
    high = tf.bitwise.right_shift(_mixed(seed, position), tf.constant(8, tf.uint32))
    return tf.cast(tf.bitcast(high, tf.int32), tf.float32) * 2.0**-24


def _mixed(seed, position):
    seed, position = tf.bitcast(seed, tf.uint32), tf.bitcast(position, tf.uint32)
    return _pcg(_pcg(position) + _pcg(seed ^ tf.constant(0x9E3779B9, tf.uint32)))


def _pcg(x):
    x = x * tf.constant(747796405, tf.uint32) + tf.constant(2891336453, tf.uint32)
    shift = tf.bitwise.right_shift(x, tf.constant(28, tf.uint32)) + tf.constant(4, tf.uint32)
    x = (tf.bitwise.right_shift(x, shift) ^ x) * tf.constant(277803737, tf.uint32)
    return tf.bitwise.right_shift(x, tf.constant(22, tf.uint32)) ^ x


def prepare(sampling, noise):
    """The loop-invariant arguments of `choose`: sharpness [batch, 1], the factor of the logits, and noise
    [..., batch]. Greedy rows get the noise 0 and a factor so large that they take the likeliest token."""
    greedy = sampling.temperature <= 0
    sharpness = tf.where(greedy, 1e30, 1.0 / tf.maximum(sampling.temperature, 1e-6))[:, tf.newaxis]
    return sharpness, tf.where(greedy, 0.0, noise)


def choose(logits, sharpness, noise, filters=None):
    """One token for each row.

    Inverts the cumulative distribution in the order of the vocabulary, so that one uniform number decides,
    and rows with and without filters take the same path.

    Args:
        logits: float32 [batch, vocabulary]; -inf for tokens that must not be chosen.
        sharpness, noise: float32 [batch, 1] and [batch], see `prepare`.
        filters: a `Sampling`, for its `top_k` and `top_p`; None when no row uses them.

    Returns: int32 [batch].
    """
    weights = tf.exp((logits - tf.reduce_max(logits, axis=1, keepdims=True)) * sharpness)
    if filters is not None:
        weights = keep_likeliest(weights, filters.top_k, filters.top_p)
    return _invert(weights, noise[:, tf.newaxis])


def _invert(weights, noise):
    """The first index at which the cumulative sum of `weights` [batch, size] exceeds `noise` [batch, 1], in
    [0, 1), times their sum: int32 [batch]."""
    size = weights.shape[1]
    if size is None or size < LARGE:
        cumulative = tf.cumsum(weights, axis=1)  # [batch, size]
        return _count(cumulative <= noise * cumulative[:, -1:])
    # A cumulative sum costs nine times as much as a sum: find the block first, then the index in it.
    blocks = tf.pad(weights, [[0, 0], [0, -size % BLOCK]])
    blocks = tf.reshape(blocks, [-1, -(-size // BLOCK), BLOCK])  # [batch, blocks, BLOCK]
    cumulative = tf.cumsum(tf.reduce_sum(blocks, axis=2), axis=1)  # [batch, blocks]
    target = noise * cumulative[:, -1:]
    block = _count(cumulative <= target)
    before = tf.gather(tf.pad(cumulative, [[0, 0], [1, 0]]), block, batch_dims=1)
    inside = tf.cumsum(tf.gather(blocks, block, batch_dims=1), axis=1)  # [batch, BLOCK]
    # Rounding must not lead past the end of the block, where its weights may be 0.
    target = tf.minimum(target - before[:, tf.newaxis], inside[:, -1:] * (1.0 - 2.0**-23))
    return block * BLOCK + _count(inside <= target)


def _count(below):
    return tf.reduce_sum(tf.cast(below, tf.int32), axis=1)


def keep_likeliest(weights, top_k, top_p):
    """Zeros the weights outside each row's `top_k` and `top_p`; equal weights stay or go together."""
    size = tf.shape(weights)[1]
    ordered = tf.sort(weights, axis=1, direction="DESCENDING")
    rank = tf.range(size)[tf.newaxis, :]  # [1, vocabulary]
    k = tf.where(top_k > 0, tf.minimum(top_k, size), size)[:, tf.newaxis]
    ordered = tf.where(rank < k, ordered, 0.0)
    before = tf.cumsum(ordered, axis=1, exclusive=True)
    inside = before < top_p[:, tf.newaxis] * tf.reduce_sum(ordered, axis=1, keepdims=True)
    inside |= rank == 0  # the likeliest always stays
    inside |= top_p[:, tf.newaxis] >= 1.0
    inside &= rank < k
    last = tf.reduce_sum(tf.cast(inside, tf.int32), axis=1) - 1
    smallest = tf.gather(ordered, last, batch_dims=1)[:, tf.newaxis]
    return tf.where(weights >= smallest, weights, 0.0)


def sample(step, logits, states, sampling, position, count):
    """Samples `count` tokens for each row, each token fed back to the step function.

    Args:
        step: function (tokens [batch] int32, states) -> (logits [batch, vocabulary], states).
        logits: float32 [batch, vocabulary], of the first token to sample.
        states: structure of tensors, whatever `step` takes and gives.
        sampling: a `Sampling`.
        position: int32 scalar, or [batch]: tokens of this text sampled before. With it a text sampled in
            pieces equals the text sampled at once.
        count: int32 scalar, at least 1.

    Returns: (tokens int32 [batch, count], logits of the token after them, states).
    """
    positions = tf.expand_dims(position, -1) + tf.range(count)  # [count], or [batch, count]
    noise = tf.transpose(_draw(sampling.seed[:, tf.newaxis], positions))  # [count, batch]
    sharpness, noise = prepare(sampling, noise)

    def loop(filters):
        def body(i, logits, states, tokens):
            chosen = choose(logits, sharpness, tf.gather(noise, i), filters)
            logits, states = step(chosen, states)
            return i + 1, logits, states, tokens.write(i, chosen)

        tokens = tf.TensorArray(tf.int32, size=count, element_shape=[None])
        _, last, after, tokens = tf.while_loop(
            lambda i, *_: i < count, body, (0, logits, states, tokens), parallel_iterations=1
        )
        rows = tf.reshape(tokens.stack(), [count, tf.shape(logits)[0]])  # [count, batch]
        return tf.transpose(rows), last, after

    return _with_filters(sampling, loop)


def sample_one(logits, sampling, position):
    """The token that `sample` takes at a position; each row has its own.

    Args:
        logits: float32 [batch, vocabulary].
        sampling: a `Sampling`.
        position: int32 [batch]: tokens of a row's text sampled before.

    Returns: int32 [batch].
    """
    sharpness, noise = prepare(sampling, _draw(sampling.seed, position))
    return _with_filters(sampling, lambda filters: choose(logits, sharpness, noise, filters))


def _with_filters(sampling, function):
    """`function` of the filters, or of None when no row uses any."""
    used = tf.reduce_any((sampling.top_k > 0) | (sampling.top_p < 1.0))
    return tf.cond(used, lambda: function(sampling), lambda: function(None))


def cut(text, stop):
    """Each text up to its stop string ("": none), and whether that was found: text, stop string [batch] ->
    string [batch], bool [batch]."""

    def cut_row(row):
        text, stop = row
        pieces = tf.strings.split([text], sep=tf.where(stop == "", "\0\0", stop)).values
        found = (tf.size(pieces) > 1) & (stop != "")
        return tf.where(found, tf.concat([pieces, [""]], 0)[0], text), found

    def cut_all():
        return tf.map_fn(cut_row, (text, stop), fn_output_signature=(tf.string, tf.bool))

    return tf.cond(tf.reduce_any(stop != ""), cut_all, lambda: (text, tf.zeros_like(stop, tf.bool)))
