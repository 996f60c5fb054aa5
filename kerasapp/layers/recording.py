"""What goes on inside a recurrent layer while it reads: its states and gates after every step."""

import tensorflow as tf

# What the first of the values are that a layer's `advance` gives beside the states.
GATES = {
    "LSTM": ("input", "forget", "candidate", "output"),
    "GRU": ("update", "reset", "candidate"),
    "SimpleRNN": (),
}


def record(layer, x, states):
    """Lets a layer read one sequence, and keeps what goes on in it.

    Both come from the layer's own step, so that they cannot differ from what it computes: first its states,
    step by step; then, as these are known, the gates of all steps at once.

    Args:
        layer: of `kerasapp.layers.recurrent`.
        x: float32 [time, features].
        states: those before the first step, list of [units]: h, and c of an LSTM.

    Returns: (states after every step, list of [time, units]; gates, dict of name -> [time, units], see
        `GATES`).

    Example:

    >>> (h, c), gates = record(LSTM(256), x, [tf.zeros([256])] * 2)
    >>> gates["forget"].shape    # (time, 256)
    """
    time, states = tf.shape(x)[0], [state[:, tf.newaxis] for state in states]  # [units, 1]
    step = layer.stepper(inputs=x)  # x's share of the gates is one product, before the loop
    arrays = [tf.TensorArray(x.dtype, time, element_shape=state.shape) for state in states]

    def body(t, before, arrays):
        after = step(tf.reshape(t, [1]), before)
        return t + 1, after, [array.write(t, state) for array, state in zip(arrays, after, strict=True)]

    _, _, arrays = tf.while_loop(lambda t, *_: t < time, body, (0, states, arrays))
    after = [tf.transpose(array.stack()[:, :, 0]) for array in arrays]  # [units, time]
    before = [tf.concat([first, s], axis=1)[:, :-1] for first, s in zip(states, after, strict=True)]
    _, values = layer.advance(_all_steps(layer, x, before), *before)
    names = GATES[type(layer).__name__]
    gates = {name: tf.transpose(value) for name, value in zip(names, values, strict=False)}
    return [tf.transpose(state) for state in after], gates


def _all_steps(layer, x, before):
    """The product z [rows, time] that a step's gates are made of, for all steps: each is a row of a batch."""
    products = []

    def product(weights, columns):
        products.append(weights @ columns)
        return products[-1]

    layer.stepper(product=product)(tf.transpose(x), before)
    (z,) = products
    return z
