"""The decoder with attention and input feeding in NumPy, one sentence at a time, forward and backward.

`weights` is a dict of {"cell": those of a recurrent step, for the inputs [x; v], "attention": those of the
attention, "output": {"kernel": [context + units, units], "bias": [units]}}.
"""

import numpy as np
import reference
from reference_attention import attention, attention_back
from reference_recurrent import STEPS


def decoder(cell, kind, x, memory, mask, states, weights, heads=2):
    """h_t = cell([x_t; v_(t-1)], h_(t-1)); c_t, a_t = attention(h_t); v_t = tanh([c_t; h_t] O + b).

    Args:
        x: [time, features]. memory, mask: what the encoder has read. states: of the cell.

    Returns: (vectors v [time, units], alignments a [time, source], what each step saved).
    """
    step, _ = STEPS[cell]
    vector, cumulative = np.zeros_like(states[0]), np.zeros(len(memory))
    vectors, alignments, saved = [], [], []
    for t in range(len(x)):
        states, kept = step(np.concatenate([x[t], vector]), states, weights["cell"])
        context, alignment = attention(kind, states[0], memory, mask, cumulative, weights["attention"], heads)
        joined = np.concatenate([context, states[0]])
        vector = np.tanh(joined @ weights["output"]["kernel"] + weights["output"]["bias"])
        saved.append((kept, states[0], cumulative, joined, vector))
        cumulative = cumulative + alignment
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
    dcumulative = np.zeros(len(memory))
    dweights = {part: {n: np.zeros_like(w) for n, w in weights[part].items()} for part in weights}
    for t in reversed(range(len(x))):
        kept, h, cumulative, joined, vector = saved[t]
        dz = (dvectors[t] + dvector) * (1 - vector**2)
        dcontext, dh = np.split(weights["output"]["kernel"] @ dz, [-units])
        looked = attention_back(
            kind,
            dcontext,
            dalignments[t] + dcumulative,
            h,
            memory,
            mask,
            cumulative,
            weights["attention"],
            heads,
        )
        dmemory += looked["memory"]
        dcumulative = dcumulative + looked["previous"]
        dstates = (dstates[0] + dh + looked["query"], *dstates[1:])
        dinput, dstates, of_step = step_back(dstates, kept, weights["cell"])
        dx[t], dvector = np.split(dinput, [x.shape[1]])
        of_parts = {
            "cell": of_step,
            "attention": looked,
            "output": {"kernel": np.outer(joined, dz), "bias": dz},
        }
        for part, found in dweights.items():
            dweights[part] = {name: found[name] + of_parts[part][name] for name in found}
    return dx, dmemory, dstates, dweights


def formula_weights(layer):
    """An `AttentionDecoder`'s weights, as the formulas name them."""
    return {
        "cell": reference.weights(layer.recurrent.cell),
        "attention": reference.weights(layer.attention),
        "output": {"kernel": np.asarray(layer.output_kernel), "bias": np.asarray(layer.output_bias)},
    }


def by_path(layer, gradients):
    """Gradients named as `formula_weights`, by the path of each weight."""
    parts = {"cell": layer.recurrent.cell.path, "attention": layer.attention.path}
    found = {f"{path}/{name}": g for part, path in parts.items() for name, g in gradients[part].items()}
    return found | {f"{layer.path}/output_{name}": g for name, g in gradients["output"].items()}
