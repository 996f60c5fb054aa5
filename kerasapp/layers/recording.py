"""The states and gates of recurrent layers after every step."""

import tensorflow as tf

from kerasapp.layers.scan import scan

# Names of the first values that a layer's `advance` gives beside the states.
GATES = {
    "LSTM": ("input", "forget", "candidate", "output"),
    "GRU": ("update", "reset", "candidate"),
    "SimpleRNN": (),
}


def record(stack, x, states):
    """Runs a stack over one sequence and keeps the states and gates of every step.

    Args:
        stack: a `kerasapp.layers.stack.RecurrentStack`.
        x: float32 [time, features].
        states: those before the first step, name -> [units].

    Returns: (outputs [time, units]; states after every step, name -> [time, units]; gates, "forget_0" and so
        on -> [time, units], see `GATES`).

    Example:

    >>> stack = RecurrentStack(256)
    >>> outputs, states, gates = record(stack, x, {name: tf.zeros([256]) for name in stack.state_names})
    >>> gates["forget_0"].shape    # (time, 256)
    """
    after, gates = {}, {}
    for i, layer in enumerate(stack.recurrent_layers):
        found = _record_layer(layer, x, [states[name] for name in stack.layer_states[i]])
        after.update(zip(stack.layer_states[i], (found[name] for name in layer.state_names), strict=True))
        gates.update({f"{name}_{i}": found[name] for name in GATES[type(layer).__name__]})
        x = stack.join(i, x, found["h"])
    return x, after, gates


def _record_layer(layer, x, states):
    """States and gates of one layer after every step, name -> [time, units], from the layer's own step."""
    gates = GATES[type(layer).__name__]

    def step(product, x, before, constants):
        after, values = layer.scan_step(product, x, before, constants)
        return {**after, **dict(zip(gates, values, strict=False))}

    columns = [state[:, tf.newaxis] for state in states]  # [units, 1]
    first = dict(zip(layer.state_names, columns, strict=True)) | dict.fromkeys(gates, columns[0])
    found, _ = scan(step, layer.columns(x[tf.newaxis]), first, {"z": layer.joined_weights()})
    return {name: values[:, :, 0] for name, values in found.items()}  # [time, units]
