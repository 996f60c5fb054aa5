"""The decoder with attention and input feeding in NumPy, one sentence at a time, forward and backward.

`weights` is a dict of {"cell": those of a recurrent step, for the inputs [x; v], "attention": those of the
attention, "output_kernel": [units, context + units + 1]}.
"""

import numpy as np
import reference
from reference_attention import attention, attention_back
from reference_recurrent import STEPS


def decoder(cell, kind, x, memory, mask, states, weights, heads=2):
    """h_t = cell([x_t; v_(t-1)], h_(t-1)); c_t, a_t = attention(h_t); v_t = tanh(O [c_t; h_t; 1]).

    Args:
        x: [time, features]. memory, mask: what the encoder has read. states: of the cell.

    Returns: (vectors v [time, units], alignments a [time, source], what each step saved).
    """
    step, _ = STEPS[cell]
    vector, attended = np.zeros_like(states[0]), np.zeros(len(memory))
    vectors, alignments, saved = [], [], []
    for t in range(len(x)):
        states, kept = step(np.concatenate([x[t], vector]), states, weights["cell"])
        context, alignment = attention(kind, states[0], memory, mask, attended, weights["attention"], heads)
        joined = np.concatenate([context, states[0], [1]])
        vector = np.tanh(weights["output_kernel"] @ joined)
        saved.append((kept, states[0], attended, joined, vector))
        attended = attended + alignment
        vectors.append(vector)
        alignments.append(alignment)
    return np.stack(vectors), np.stack(alignments), saved


def decoder_back(cell, kind, dvectors, dalignments, x, memory, mask, states, saved, weights, heads=2):
    """From the last step to the first, through the cell, the attention, and the vector that was fed back.

    Returns: (dx, dmemory, gradients by the first states, gradients of the weights, a dict as `weights`).
    """
    _, step_back = STEPS[cell]
    units, dx, dmemory = len(states[0]), np.zeros_like(x), np.zeros_like(memory)
    dstates, dvector = tuple(np.zeros(units) for _ in states), np.zeros(units)
    dattended, doutput = np.zeros(len(memory)), np.zeros_like(weights["output_kernel"])
    of_cell, of_attention = (
        {n: np.zeros_like(w) for n, w in weights[p].items()} for p in ("cell", "attention")
    )
    for t in reversed(range(len(x))):
        kept, h, attended, joined, vector = saved[t]
        dz = (dvectors[t] + dvector) * (1 - vector**2)
        doutput += np.outer(dz, joined)
        dcontext, dh, _ = np.split(dz @ weights["output_kernel"], [-units - 1, -1])
        looked = attention_back(
            kind, dcontext, dalignments[t] + dattended, h, memory, mask, attended, weights["attention"], heads
        )
        dmemory += looked["memory"]
        dattended = dattended + looked["previous"]
        dstates = (dstates[0] + dh + looked["query"], *dstates[1:])
        dinput, dstates, of_step = step_back(dstates, kept, weights["cell"])
        dx[t], dvector = np.split(dinput, [x.shape[1]])
        of_cell = {name: of_cell[name] + of_step[name] for name in of_cell}
        of_attention = {name: of_attention[name] + looked[name] for name in of_attention}
    return dx, dmemory, dstates, {"cell": of_cell, "attention": of_attention, "output_kernel": doutput}


def formula_weights(layer):
    """An `AttentionDecoder`'s, as the formulas name them; its `gates` is one matrix for [x; v; 1; h]."""
    named, units = reference.weights(layer), layer.units
    gates = named["gates"].T
    kernel, bias, recurrent = gates[: -units - 1], gates[-units - 1], gates[-units:]
    if layer.cell == "gru":  # blocks: update, reset, candidate of x, candidate of h
        of_x, of_h = np.r_[0 : 3 * units], np.r_[0 : 2 * units, 3 * units : 4 * units]
        inner = np.concatenate([np.zeros(2 * units), bias[3 * units :]])
        kernel, bias, recurrent = kernel[:, of_x], np.stack([bias[of_x], inner]), recurrent[:, of_h]
    return {
        "cell": {"kernel": kernel, "recurrent_kernel": recurrent, "bias": bias},
        "attention": reference.weights(layer.attention),
        "output_kernel": named["output_kernel"],
    }


def gates_of(cell, gradients):
    """The gradient by `gates` from those by the cell's weights: the reverse of `formula_weights`."""
    kernel, recurrent, bias = (gradients[name] for name in ("kernel", "recurrent_kernel", "bias"))
    units = len(recurrent)
    if cell == "gru":
        none = np.zeros([len(kernel), units]), np.zeros([units, units])
        kernel = np.concatenate([kernel, none[0]], axis=1)
        recurrent = np.concatenate([recurrent[:, : 2 * units], none[1], recurrent[:, 2 * units :]], axis=1)
        bias = np.concatenate([bias[0], bias[1, 2 * units :]])
    return np.concatenate([kernel, bias[None], recurrent]).T
