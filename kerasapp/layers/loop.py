"""A loop over time whose gradient is quick on a CPU, for any step function, and what such loops share.

TensorFlow's own gradient of a `while_loop` adds up the gradient of each weight matrix in every step. Here the
large products of a step are named, and their weights' gradients are one large product each, after the loop.
Inside the loop tensors are [features, batch]: in the form [rows, k] x [k, batch] TensorFlow's CPU kernel is
two to three times as fast as in the usual ones.
"""

import tensorflow as tf


def unroll(step, inputs, states, weights, constants, training=False):
    """Runs a step function over time.

    Args:
        step: function (product, x, states, constants) -> new states, where `product(name, a)` is
            `weights[name] @ a` [rows, batch] for `a` [k, batch]. It calls `product` once for each weight
            matrix, and uses no variable but through `weights` and `constants`.
        inputs: [time, features, batch]; `x` is [features, batch].
        states: dict of tensors of any shape, the states before the first step.
        weights: dict of matrices [rows, k].
        constants: dict of float tensors that every step reads, such as an encoder's outputs.
        training: whether to save what the quick gradient needs. Without it gradients are right but slow.

    Returns: dict of the states after every step, [time, ...] each.
    """
    if not training:
        return _forward(step, inputs, states, weights, constants, save=False)[0]
    flat = tf.nest.flatten((inputs, states, weights, constants))
    names = sorted(states)

    @tf.custom_gradient
    def recurrence(*flat):
        arguments = tf.nest.pack_sequence_as((inputs, states, weights, constants), flat)
        stacked, saved = _forward(step, *arguments, save=True)

        def gradient(*dstacked):
            dstacked = dict(zip(names, dstacked, strict=True))
            return tf.nest.flatten(_backward(step, *arguments, stacked, saved, dstacked))

        return [stacked[name] for name in names], gradient

    return dict(zip(names, recurrence(*flat), strict=True))


def _forward(step, inputs, states, weights, constants, save):
    """The states of all steps, and arrays of each product's factor and result if `save`."""
    time = tf.shape(inputs)[0]
    xs = unstack(inputs)
    arrays = {
        name: tf.TensorArray(state.dtype, time, element_shape=state.shape) for name, state in states.items()
    }
    saved = {
        name: (array(inputs, time, w.shape[1]), array(inputs, time, w.shape[0]))
        for name, w in weights.items()
    }

    def body(t, states, arrays, saved):
        seen = {}

        def product(name, a):
            seen[name] = a, weights[name] @ a
            return seen[name][1]

        states = step(product, xs.read(t), states, constants)
        arrays = {name: arrays[name].write(t, state) for name, state in states.items()}
        saved = {name: tuple(s.write(t, v) for s, v in zip(saved[name], seen[name])) for name in saved}
        return t + 1, states, arrays, saved

    loop = (0, states, arrays, saved if save else {})
    _, _, arrays, saved = tf.while_loop(lambda t, *_: t < time, body, loop)
    return {name: a.stack() for name, a in arrays.items()}, saved


def _backward(step, inputs, states, weights, constants, stacked, saved, dstacked):
    """Gradients of (inputs, states, weights, constants), from the last step to the first."""
    time, last = tf.shape(inputs)[0], tf.shape(inputs)[0] - 1
    transposed = {name: tf.transpose(w) for name, w in weights.items()}  # once: the quick form
    xs, douts = unstack(inputs), {name: unstack(d) for name, d in dstacked.items()}
    before = {name: unstack(tf.concat([states[name][None], stacked[name][:-1]], axis=0)) for name in states}

    def body(t, dstates, dconstants, dxs, dproducts):
        found = {}

        def product(name, a):
            return _replay(saved[name][1].read(t), transposed[name], a, lambda dp: found.update({name: dp}))

        x, old = xs.read(t), {name: b.read(t) for name, b in before.items()}
        with tf.GradientTape() as tape:
            tape.watch([x, old, constants])
            new = step(product, x, old, constants)
        dnew = {name: d + douts[name].read(t) for name, d in dstates.items()}
        dx, dstates, found_constants = tape.gradient(
            new, (x, old, constants), dnew, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        dconstants = {name: d + found_constants[name] for name, d in dconstants.items()}
        dproducts = {name: dproducts[name].write(t, found[name]) for name in dproducts}
        return t - 1, dstates, dconstants, dxs.write(t, dx), dproducts

    loop = (
        last,
        {name: tf.zeros_like(state) for name, state in states.items()},
        {name: tf.zeros_like(constant) for name, constant in constants.items()},
        array(inputs, time, inputs.shape[1]),
        {name: array(inputs, time, w.shape[0]) for name, w in weights.items()},
    )
    _, dstates, dconstants, dxs, dproducts = tf.while_loop(lambda t, *_: t >= 0, body, loop)
    dweights = {
        name: tf.matmul(columns(dproducts[name]), columns(saved[name][0]), transpose_b=True)
        for name in weights
    }
    return dxs.stack(), dstates, dweights, dconstants


def _replay(result, transposed, a, found):
    """A product whose result is known; hands the gradient of the result to `found`."""

    @tf.custom_gradient
    def replay(a):
        def gradient(dresult):
            found(dresult)
            return transposed @ dresult

        return tf.identity(result), gradient

    return replay(a)


def halves(rows):
    """A structure of tensors [batch, ...] in two, for two loops that run side by side.

    A split's gradient is one concatenation; that of two slices would be two tensors of zeros to fill and add.
    """
    flat = tf.nest.flatten(rows)
    batch = tf.shape(flat[0])[0]
    sizes = tf.stack([batch // 2, batch - batch // 2])
    parts = zip(*(tf.split(tensor, sizes, num=2) for tensor in flat), strict=True)
    return [tf.nest.pack_sequence_as(rows, part) for part in parts]


def unstack(x):
    """The rows of a tensor as a TensorArray; None of None."""
    if x is None:
        return None
    return tf.TensorArray(x.dtype, tf.shape(x)[0], element_shape=x.shape[1:], clear_after_read=False).unstack(
        x
    )


def array(like, time, features):
    """An empty TensorArray for `time` tensors [features, batch] of the dtype and batch of `like`."""
    shape = [features, like.shape[-1]]
    return tf.TensorArray(like.dtype, time, element_shape=shape, clear_after_read=False)


def columns(array):
    """[features, time * batch] of an array of [features, batch]: the steps side by side."""
    stacked = tf.transpose(array.stack(), [1, 0, 2])  # [features, time, batch]
    return tf.reshape(stacked, [stacked.shape[0], -1])
