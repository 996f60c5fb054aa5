"""A loop over time whose gradient is fast on a CPU.

TensorFlow's own gradient of a `while_loop` adds up the gradient of each weight matrix at every step. `scan`
knows the large products of a step by name and computes the gradient of each matrix as one large product after
the loop. Tensors inside the loop are [features, batch]: TensorFlow's CPU kernel is two to three times as fast
for products [rows, k] x [k, batch] as for the usual ones.
"""

import tensorflow as tf


def scan(
    step, inputs, states, weights, constants=None, *,
    outputs=None, mask=None, back=None, saves=(), training=False,
):  # fmt: skip
    """Runs a step function over time.

    Args:
        step: function (product, x, states, constants) -> new states. `product(name, a)` is
            `weights[name] @ a` [rows, batch] for `a` [k, batch]. The step calls it once per weight matrix and
            uses no variable except through `weights` and `constants`.
        inputs: [time, features, batch]; `x` is [features, batch].
        states: dict of tensors of any shape, the states before the first step.
        weights: dict of matrices [rows, k].
        constants: dict of float tensors that every step reads, such as an encoder's outputs. Their gradients
            are summed over time in float32 or better, whatever their dtype.
        outputs: names of the states to return for every step; None for all.
        mask: bool [time, 1, batch]; a step where it is False keeps the states of its row. None: no such step.
        back: the gradient of a step, where it is written by hand: function (product_back, saved, dstates) ->
            (dx, dstates before the step). `product_back(name, dz)` is the gradient of the product's `a`. The
            step has no constants then, and returns (new states, saved), a list of tensors [rows, batch] for
            `back`. None: the step is repeated under a `tf.GradientTape`.
        saves: the rows of each tensor of `saved`.
        training: whether to save what the fast gradient needs. Without it gradients are right but slow.

    Returns: (dict of the outputs [time, ...], dict of the states after the last step).
    """
    arguments = inputs, states, weights, constants or {}
    results = {name: states[name] for name in outputs or states}, states
    batch = inputs.shape[-1]
    if back is None:
        specs = {
            "states": {name: tf.TensorSpec(state.shape, state.dtype) for name, state in states.items()},
            "products": {name: tf.TensorSpec([w.shape[0], batch], w.dtype) for name, w in weights.items()},
        }
        step, back = _saving(step), _taped(step)
    else:
        specs, back = [tf.TensorSpec([rows, batch], inputs.dtype) for rows in saves], _by_hand(back)
    if not training:
        return _forward(step, *arguments, results, mask)[:2]

    @tf.custom_gradient
    def recurrence(*flat):
        packed = tf.nest.pack_sequence_as(arguments, flat)
        stacked, last, factors, saved = _forward(step, *packed, results, mask, specs)

        def gradient(*dflat):
            dresults = tf.nest.pack_sequence_as(results, dflat)
            return tf.nest.flatten(_backward(back, *packed, mask, factors, saved, *dresults))

        return tf.nest.flatten((stacked, last)), gradient

    return tf.nest.pack_sequence_as(results, recurrence(*tf.nest.flatten(arguments)))


def _forward(step, inputs, states, weights, constants, results, mask, specs=None):
    """(outputs, last states, arrays of each product's factor, arrays of what the step saves); the arrays are
    empty without `specs`."""
    time, batch = tf.shape(inputs)[0], inputs.shape[-1]
    xs, masks = _unstack(inputs), _unstack(mask)
    outputs = {name: _array(time, state.shape, state.dtype) for name, state in results[0].items()}
    factors, saved = {}, []
    if specs is not None:
        factors = {name: _array(time, [w.shape[1], batch], w.dtype) for name, w in weights.items()}
        saved = [_array(time, spec.shape, spec.dtype) for spec in tf.nest.flatten(specs)]

    def body(t, states, outputs, factors, saved):
        seen = {}

        def product(name, a):
            seen[name] = a
            return weights[name] @ a

        new, values = step(product, xs.read(t), states, constants)
        states = _where(masks and masks.read(t), new, states)
        outputs = {name: array.write(t, states[name]) for name, array in outputs.items()}
        factors = {name: array.write(t, seen[name]) for name, array in factors.items()}
        saved = [array.write(t, value) for array, value in zip(saved, tf.nest.flatten(values))]
        return t + 1, states, outputs, factors, saved

    loop = 0, states, outputs, factors, saved
    _, states, outputs, factors, saved = tf.while_loop(lambda t, *_: t < time, body, loop)
    if specs is not None:
        saved = tf.nest.pack_sequence_as(specs, saved)
    return {name: array.stack() for name, array in outputs.items()}, states, factors, saved


def _backward(back, inputs, states, weights, constants, mask, factors, saved, doutputs, dlast):
    """Gradients of (inputs, states, weights, constants), from the last step to the first."""
    time, batch = tf.shape(inputs)[0], inputs.shape[-1]
    xs, masks = _unstack(inputs), _unstack(mask)
    doutputs = {name: _unstack(d) for name, d in doutputs.items()}
    transposed = {name: tf.transpose(w) for name, w in weights.items()}  # once: the fast form

    def body(t, dstates, dconstants, dxs, dproducts):
        found = {}

        def product_back(name, dz):
            found[name] = dz
            return transposed[name] @ dz

        dstates = {n: d + doutputs[n].read(t) if n in doutputs else d for n, d in dstates.items()}
        if masks:  # a masked step hands its gradients on as they are
            zeros = {name: tf.zeros_like(d) for name, d in dstates.items()}
            kept, dstates = (_where(masks.read(t), *pair) for pair in ((zeros, dstates), (dstates, zeros)))
        values = tf.nest.map_structure(lambda array: array.read(t), saved)
        dx, dstates, dnow = back(product_back, xs.read(t), values, dstates, constants)
        if masks:
            dstates = {name: d + kept[name] for name, d in dstates.items()}
        dconstants = {name: d + tf.cast(dnow[name], d.dtype) for name, d in dconstants.items()}
        dproducts = {name: array.write(t, found[name]) for name, array in dproducts.items()}
        return t - 1, dstates, dconstants, dxs.write(t, dx), dproducts

    sums = {name: tf.zeros(tf.shape(c), sum_dtype(c.dtype)) for name, c in constants.items()}
    dxs = _array(time, inputs.shape[1:], inputs.dtype)
    dproducts = {name: _array(time, [w.shape[0], batch], w.dtype) for name, w in weights.items()}
    loop = time - 1, dlast, sums, dxs, dproducts
    _, dstates, sums, dxs, dproducts = tf.while_loop(lambda t, *_: t >= 0, body, loop)
    dweights = {
        name: tf.matmul(_columns(dproducts[name]), _columns(factors[name]), transpose_b=True)
        for name in weights
    }
    return dxs.stack(), dstates, dweights, {n: tf.cast(sums[n], c.dtype) for n, c in constants.items()}


def _by_hand(back):
    """A gradient that is written by hand, as `_backward` calls it."""
    return lambda product_back, x, saved, dstates, constants: (*back(product_back, saved, dstates), {})


def _saving(step):
    """A step that also gives what `_taped` needs: the states before it and the results of its products."""

    def saving(product, x, states, constants):
        results = {}

        def noted(name, a):
            results[name] = product(name, a)
            return results[name]

        return step(noted, x, states, constants), {"states": states, "products": results}

    return saving


def _taped(step):
    """The gradient of a step, by repeating it under a tape with the products that are known."""

    def back(product_back, x, saved, dstates, constants):
        def product(name, a):
            return _known(saved["products"][name], a, lambda dz: product_back(name, dz))

        with tf.GradientTape() as tape:
            tape.watch([x, saved["states"], constants])
            new = step(product, x, saved["states"], constants)
        sources = x, saved["states"], constants
        return tape.gradient(new, sources, dstates, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    return back


def _known(result, a, back):
    """The product of a matrix with `a`, whose result is known; `back` gives its gradient."""

    @tf.custom_gradient
    def known(a):
        return tf.identity(result), back

    return known(a)


def sum_dtype(dtype):
    """The dtype for a sum over time: float32 or better. bfloat16 has 8 bits, and a sum over hundreds of steps
    would lose what single steps add to it."""
    return dtype if dtype.size > 4 else tf.float32


def _unstack(x):
    """The rows of a tensor as a TensorArray; None of None."""
    if x is None:
        return None
    return _array(tf.shape(x)[0], x.shape[1:], x.dtype).unstack(x)


def _array(time, shape, dtype):
    return tf.TensorArray(dtype, time, element_shape=shape, clear_after_read=False)


def _columns(array):
    """[features, time * batch] of an array of [features, batch]: the steps side by side."""
    stacked = tf.transpose(array.stack(), [1, 0, 2])  # [features, time, batch]
    return tf.reshape(stacked, [stacked.shape[0], -1])  # [features, time * batch]


def _where(mask, new, old):
    """The new states where the mask is True (everywhere if it is None), else the old."""
    return new if mask is None else {name: tf.where(mask, new[name], old[name]) for name in new}
