"""Recurrent layers in NumPy, one row at a time: steps, the loop over time, and backpropagation through time.

x is [features] in a step and [time, features] in the loop, a state [units]. `states` is a tuple: (h,), of an
LSTM (h, c). `weights` is a dict in Keras's names, shapes and order of gates: "kernel" [features, gates *
units], "recurrent_kernel" [units, gates * units], "bias" [gates * units], of a GRU [2, gates * units].

A step gives (new states, saved); its `_back` takes the gradients by the new states, and what was saved, and
gives (dx, gradients by the states before, gradients by the weights).
"""

import numpy as np
from reference import sigmoid


def simple_rnn_step(x, states, weights):
    """h' = tanh(x W + h U + b)."""
    (h,) = states
    new = np.tanh(x @ weights["kernel"] + h @ weights["recurrent_kernel"] + weights["bias"])
    return (new,), (x, h, new)


def simple_rnn_step_back(dstates, saved, weights):
    (dh,), (x, h, new) = dstates, saved
    dz = dh * (1 - new**2)
    dx, dh, dweights = _products_back(dz, dz, x, h, weights)
    return dx, (dh,), {**dweights, "bias": dz}


def gru_step(x, states, weights):
    """z = s(x W_z + h U_z + b_z), r = s(x W_r + h U_r + b_r), n = tanh(x W_n + b_n + r * (h U_n + b'_n)),
    h' = z * h + (1 - z) * n.

    In Keras's order of gates, z, r, n, and with the reset gate after the product (`reset_after=True`), as
    cuDNN has it. Cho et al. 2014 (arXiv:1406.1078) have it before, (r * h) U_n, with one bias.
    """
    (h,) = states
    of_x = np.split(x @ weights["kernel"] + weights["bias"][0], 3)
    of_h = np.split(h @ weights["recurrent_kernel"] + weights["bias"][1], 3)
    update, reset = sigmoid(of_x[0] + of_h[0]), sigmoid(of_x[1] + of_h[1])
    candidate = np.tanh(of_x[2] + reset * of_h[2])
    return (update * h + (1 - update) * candidate,), (x, h, update, reset, candidate, of_h[2])


def gru_step_back(dstates, saved, weights):
    (dh,), (x, h, update, reset, candidate, inner) = dstates, saved
    dupdate = dh * (h - candidate) * update * (1 - update)
    dcandidate = dh * (1 - update) * (1 - candidate**2)
    dreset = dcandidate * inner * reset * (1 - reset)
    of_x = np.concatenate([dupdate, dreset, dcandidate])
    of_h = np.concatenate([dupdate, dreset, dcandidate * reset])
    dx, through, dweights = _products_back(of_x, of_h, x, h, weights)
    return dx, (dh * update + through,), {**dweights, "bias": np.stack([of_x, of_h])}


def lstm_step(x, states, weights):
    """i, f, o = s(x W + h U + b), g = tanh(x W + h U + b), each with weights of its own;
    c' = f * c + i * g, h' = o * tanh(c').

    In Keras's order of gates: i, f, g, o (Hochreiter & Schmidhuber 1997; f: Gers et al. 2000).
    """
    h, c = states
    z = x @ weights["kernel"] + h @ weights["recurrent_kernel"] + weights["bias"]
    i, f, g, o = np.split(z, 4)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    new = f * c + i * g
    return (o * np.tanh(new), new), (x, h, c, i, f, g, o, new)


def lstm_step_back(dstates, saved, weights):
    """dc = dc' * f is the way on which a gradient is multiplied with nothing but the forget gate."""
    (dh, dc), (x, h, c, i, f, g, o, new) = dstates, saved
    dc = dc + dh * o * (1 - np.tanh(new) ** 2)
    gates = [
        dc * g * i * (1 - i),
        dc * c * f * (1 - f),
        dc * i * (1 - g**2),
        dh * np.tanh(new) * o * (1 - o),
    ]
    dz = np.concatenate(gates)
    dx, dh, dweights = _products_back(dz, dz, x, h, weights)
    return dx, (dh, dc * f), {**dweights, "bias": dz}


def _products_back(of_x, of_h, x, h, weights):
    """Of x W, whose gradient is `of_x`, and h U, whose gradient is `of_h`."""
    dweights = {"kernel": np.outer(x, of_x), "recurrent_kernel": np.outer(h, of_h)}
    return weights["kernel"] @ of_x, weights["recurrent_kernel"] @ of_h, dweights


STEPS = {
    "simple_rnn": (simple_rnn_step, simple_rnn_step_back),
    "gru": (gru_step, gru_step_back),
    "lstm": (lstm_step, lstm_step_back),
}


def recurrent(cell, x, states, weights, mask=None):
    """The cell over all steps: (outputs [time, units], final states, what each step saved).

    A step that the mask leaves out changes no state and repeats the output before it, or 0 at the start.
    """
    step, _ = STEPS[cell]
    outputs, saved, output = [], [], np.zeros_like(states[0])
    for t in range(len(x)):
        if mask is None or mask[t]:
            states, kept = step(x[t], states, weights)
            output = states[0]
        else:
            kept = None
        outputs.append(output)
        saved.append(kept)
    return np.stack(outputs), states, saved


def recurrent_back(cell, doutputs, dstates, x, saved, weights):
    """Backpropagation through time: the steps backwards, the weights' gradients summed over all of them.

    h of a step has two gradients, that of its output and the one that comes back from the step after it.

    Args:
        doutputs: [time, units]. dstates: by the final states.

    Returns: (dx [time, features], gradients by the first states, dict of the weights').
    """
    _, step_back = STEPS[cell]
    dx, dweights = np.zeros_like(x), {name: np.zeros_like(w) for name, w in weights.items()}
    begun = np.cumsum([kept is not None for kept in saved]) > 0
    for t in reversed(range(len(x))):
        if begun[t]:  # before, the output is 0, whatever the state
            dstates = (dstates[0] + doutputs[t], *dstates[1:])
        if saved[t] is None:
            continue
        dx[t], dstates, of_step = step_back(dstates, saved[t], weights)
        dweights = {name: dweights[name] + of_step[name] for name in dweights}
    return dx, dstates, dweights


def bidirectional(cell, x, forward, backward):
    """Two layers, one of which reads x from its end: outputs [time, 2 * units], the forward half first."""
    halves = []
    for weights, row in ((forward, x), (backward, x[::-1])):
        zeros = (np.zeros(len(weights["recurrent_kernel"])),) * (2 if cell == "lstm" else 1)
        halves.append(recurrent(cell, row, zeros, weights)[0])
    return np.concatenate([halves[0], halves[1][::-1]], axis=1)


def bidirectional_back(cell, doutputs, x, forward, backward):
    """(dx, gradients of the forward weights, those of the backward)."""
    dx, found, units = np.zeros_like(x), [], len(forward["recurrent_kernel"])
    for weights, order, part in ((forward, 1, slice(0, units)), (backward, -1, slice(units, None))):
        zeros = (np.zeros(units),) * (2 if cell == "lstm" else 1)
        _, _, saved = recurrent(cell, x[::order], zeros, weights)
        of_row, _, dweights = recurrent_back(cell, doutputs[::order, part], zeros, x[::order], saved, weights)
        dx += of_row[::order]
        found.append(dweights)
    return dx, *found
