"""Draws values from mixtures of Gaussians, and paths: each value is fed back to the network."""

import math

import tensorflow as tf

from kerasapp.decoding.sampling import derived, uniform
from kerasapp.tasks.series.model import mixture

HALVINGS = 30  # bisection steps: down to the last bits of float32
TAIL = 2.0**-25  # the least tail probability, half of the noise's step
WIDTH = 6.0  # deviations: the probability beyond them is less than TAIL


def draw(parameters, noise):
    """One draw from each mixture, by its quantile function.

    The draw does not choose a Gaussian first: there the last bit of a weight can decide between two distant
    values, and two runtimes would draw different ones. A value drawn here is continuous in the parameters.
    Each column is drawn given the columns before it, which change the weights of the Gaussians.

    Args:
        parameters: see `mixture`; [rows, components] and [rows, components, columns].
        noise: float32 [rows, columns], in [0, 1).

    Returns: float32 [rows, columns].
    """
    log_weights, found = parameters["log_weights"], []
    for column in range(noise.shape[1]):
        means, deviations = (parameters[name][:, :, column] for name in ("means", "deviations"))
        value = quantile_function(tf.nn.softmax(log_weights), means, deviations, noise[:, column])
        found.append(value)
        log_weights -= 0.5 * tf.square((value[:, tf.newaxis] - means) / deviations) + tf.math.log(deviations)
    return tf.stack(found, axis=1)


def quantile_function(weights, means, deviations, shares):
    """The inverse of the distribution functions of mixtures, by bisection.

    Args:
        weights, means, deviations: float32 [rows, components].
        shares: float32 [rows], probabilities.

    Returns: float32 [rows], the values below which the mixtures have these probabilities.
    """
    # The smaller of the two tails is summed: a probability near 1 has lost its last digits.
    upper = shares >= 0.5
    side = tf.where(upper, 1.0, -1.0)[:, tf.newaxis]
    tail = tf.maximum(tf.where(upper, 1.0 - shares, shares), TAIL)[:, tf.newaxis]
    means = side * means
    low = tf.reduce_min(means - WIDTH * deviations, axis=1, keepdims=True)  # [rows, 1]
    high = tf.reduce_max(means + WIDTH * deviations, axis=1, keepdims=True)
    scale = 1.0 / (deviations * math.sqrt(2.0))
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        outside = tf.reduce_sum(0.5 * weights * tf.math.erfc((middle - means) * scale), axis=1, keepdims=True)
        low, high = tf.where(outside > tail, middle, low), tf.where(outside > tail, high, middle)
    return (0.5 * side * (low + high))[:, 0]


def paths(step, raw, states, seeds, columns, samples, horizon):
    """Draws paths: a value per step, which is the network's input at the next step.

    The noise is a pure function of the row's seed, the path's number, the step and the column. So a path does
    not depend on the number of paths, their length or the rest of the batch.

    Args:
        step: function (values [rows, columns], states) -> (raw parameters [rows, parameters], states).
        raw: float32 [batch, parameters], of the first value. states: name -> [batch, units].
        seeds: int32 [batch]. columns: values per step, a Python number.
        samples, horizon: int32 scalars: paths per row, and steps per path.

    Returns: float32 [batch, samples, horizon, columns], scaled.
    """
    batch = tf.shape(seeds)[0]
    rows = batch * samples
    seeds = tf.reshape(derived(seeds, tf.range(samples)), [rows])
    raw = tf.repeat(raw, samples, axis=0)  # [rows, parameters]
    states = {name: tf.repeat(state, samples, axis=0) for name, state in states.items()}

    def body(t, raw, states, values):
        noise = uniform(seeds, t * columns + tf.range(columns))  # [rows, columns]
        value = draw(mixture(raw, columns), noise)
        raw, states = step(value, states)
        return t + 1, raw, states, values.write(t, value)

    values = tf.TensorArray(tf.float32, size=horizon, element_shape=[None, columns])
    *_, values = tf.while_loop(lambda t, *_: t < horizon, body, (0, raw, states, values))
    stacked = tf.reshape(values.stack(), [horizon, batch, samples, columns])
    return tf.transpose(stacked, [1, 2, 0, 3])  # [batch, samples, horizon, columns]


def quantiles(values, counts, levels):
    """Quantiles of the first `counts` [batch] of values [batch, samples, ...] -> [batch, ..., levels].

    Interpolated linearly, NumPy's default."""
    rank = len(values.shape)
    inside = tf.sequence_mask(counts, tf.shape(values)[1])  # [batch, samples]
    inside = tf.reshape(inside, tf.concat([tf.shape(inside), [1] * (rank - 2)], 0))
    ordered = tf.where(inside, values, tf.constant(math.inf, values.dtype))
    ordered = tf.sort(tf.transpose(ordered, [0, *range(2, rank), 1]), axis=-1)  # [batch, ..., samples]
    last = tf.cast(counts - 1, values.dtype)
    place = last[:, tf.newaxis] * tf.constant(levels, values.dtype)  # [batch, levels]
    below = tf.cast(tf.floor(place), tf.int32)
    above = tf.minimum(below + 1, counts[:, tf.newaxis] - 1)
    lower, upper = (tf.gather(ordered, at, axis=-1, batch_dims=1) for at in (below, above))
    share = place - tf.floor(place)
    share = tf.reshape(share, [tf.shape(share)[0], *[1] * (rank - 2), len(levels)])
    return lower + share * (upper - lower)
