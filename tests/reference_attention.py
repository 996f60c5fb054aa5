"""Attention in NumPy, one sentence at a time: scores, softmax, weighted sum, and the way back.

query [query_size], memory [source, memory_size], mask and previous [source] (the sum of the alignments
before, for the location-sensitive score). The weights are named as the layers name them, so that
`reference.weights(layer)` can be passed on; a query kernel is [size, query_size]. A score's `_back` gives a
dict: the gradients by the query, by the memory, by `previous` where it is used, and by each weight.
"""

import numpy as np
from reference import softmax, softmax_back


def dot(query, memory, previous):
    """e_s = q . m_s."""
    return memory @ query


def dot_back(dscores, query, memory, previous):
    return {"query": dscores @ memory, "memory": np.outer(dscores, query)}


def general(query, memory, previous, kernel):
    """e_s = m_s W q."""
    return memory @ kernel @ query


def general_back(dscores, query, memory, previous, kernel):
    return {
        "query": dscores @ memory @ kernel,
        "memory": np.outer(dscores, kernel @ query),
        "kernel": np.outer(dscores @ memory, query),
    }


def scaled_dot(query, memory, previous, query_kernel, kernel):
    """e_s = (W_q q) . (m_s W_k) / sqrt(size)."""
    return (memory @ kernel) @ (query_kernel @ query) / np.sqrt(len(query_kernel))


def scaled_dot_back(dscores, query, memory, previous, query_kernel, kernel):
    dscores = dscores / np.sqrt(len(query_kernel))
    dkeys = np.outer(dscores, query_kernel @ query)
    dprojected = dscores @ (memory @ kernel)
    return {
        "query": dprojected @ query_kernel,
        "memory": dkeys @ kernel.T,
        "query_kernel": np.outer(dprojected, query),
        "kernel": memory.T @ dkeys,
    }


def additive(query, memory, previous, query_kernel, kernel, bias, vector):
    """e_s = v . tanh(W_q q + m_s W_k + b)."""
    return np.tanh(query_kernel @ query + memory @ kernel + bias) @ vector


def additive_back(dscores, query, memory, previous, query_kernel, kernel, bias, vector):
    """With a bias [source, size], one for each position, its gradient is so, too."""
    hidden = np.tanh(query_kernel @ query + memory @ kernel + bias)
    dz = np.outer(dscores, vector) * (1 - hidden**2)  # [source, size]
    return {
        "query": dz.sum(0) @ query_kernel,
        "memory": dz @ kernel.T,
        "query_kernel": np.outer(dz.sum(0), query),
        "kernel": memory.T @ dz,
        "bias": dz if bias.ndim == 2 else dz.sum(0),
        "vector": dscores @ hidden,
    }


def location(query, memory, previous, convolution, location_kernel, bias, **others):
    """e_s = v . tanh(W_q q + m_s W_k + f_s W_f + b), f = F * previous: the filters see where it looked."""
    features = _windows(previous, len(convolution)) @ convolution[:, 0]
    return additive(query, memory, previous, bias=bias + features @ location_kernel, **others)


def location_back(dscores, query, memory, previous, convolution, location_kernel, bias, **others):
    windows = _windows(previous, len(convolution))
    features = windows @ convolution[:, 0]
    found = additive_back(dscores, query, memory, previous, bias=bias + features @ location_kernel, **others)
    dz = found["bias"]  # [source, size]
    dwindows = dz @ location_kernel.T @ convolution[:, 0].T
    width, before = len(convolution), (len(convolution) - 1) // 2
    dpadded = np.zeros(len(previous) + width - 1)
    for s, row in enumerate(dwindows):
        dpadded[s : s + width] += row
    return {
        **found,
        "bias": dz.sum(0),
        "location_kernel": features.T @ dz,
        "convolution": (windows.T @ dz @ location_kernel.T)[:, None],
        "previous": dpadded[before : before + len(previous)],
    }


def _windows(previous, width):
    """What lies under the filters at each position, [source, width]; zeros beyond both ends."""
    padded = np.pad(previous, ((width - 1) // 2, width // 2))
    return np.stack([padded[s : s + width] for s in range(len(previous))])


SCORES = {
    "dot": (dot, dot_back),
    "general": (general, general_back),
    "scaled_dot": (scaled_dot, scaled_dot_back),
    "additive": (additive, additive_back),
    "location": (location, location_back),
}


def attention(kind, query, memory, mask, previous, weights, heads=2):
    """(context, alignment) of that name: a = softmax(e) where the mask is 1, c = sum_s a_s m_s."""
    if kind == "none":
        return last_states(memory, mask), np.zeros_like(mask)
    if kind == "multi_head":
        return multi_head(query, memory, mask, heads, **weights)
    score, _ = SCORES[kind]
    alignment = softmax(score(query, memory, previous, **weights), mask)
    return alignment @ memory, alignment


def attention_back(kind, dcontext, dalignment, query, memory, mask, previous, weights, heads=2):
    """A dict of gradients: "query", "memory", "previous" and each of the weights."""
    found = {"query": np.zeros_like(query), "previous": np.zeros_like(previous)}
    if kind == "none":
        return {**found, "memory": last_states_back(dcontext, memory, mask)}
    if kind == "multi_head":
        return found | multi_head_back(dcontext, dalignment, query, memory, mask, heads, **weights)
    score, score_back = SCORES[kind]
    alignment = softmax(score(query, memory, previous, **weights), mask)
    dscores = softmax_back(dalignment + memory @ dcontext, alignment)
    found |= score_back(dscores, query, memory, previous, **weights)
    found["memory"] = found["memory"] + np.outer(alignment, dcontext)  # as key and as value
    return found


def multi_head(query, memory, mask, heads, query_kernel, key_kernel, value_kernel):
    """Scaled dots side by side, with values m_s W_v: their contexts in a row, and the mean alignment."""
    contexts, alignments = [], []
    for of_query, of_key, of_value in _heads(heads, query_kernel, key_kernel, value_kernel):
        alignments.append(softmax(scaled_dot(query, memory, None, of_query, of_key), mask))
        contexts.append(alignments[-1] @ (memory @ of_value))
    return np.concatenate(contexts), np.mean(alignments, axis=0)


def multi_head_back(dcontext, dalignment, query, memory, mask, heads, query_kernel, key_kernel, value_kernel):
    dquery, dmemory, found = np.zeros_like(query), np.zeros_like(memory), []
    parts = zip(np.split(dcontext, heads), _heads(heads, query_kernel, key_kernel, value_kernel))
    for of_context, (of_query, of_key, of_value) in parts:
        alignment = softmax(scaled_dot(query, memory, None, of_query, of_key), mask)
        dvalues = np.outer(alignment, of_context)
        dscores = softmax_back(dalignment / heads + memory @ of_value @ of_context, alignment)
        of_head = scaled_dot_back(dscores, query, memory, None, of_query, of_key)
        dquery = dquery + of_head["query"]
        dmemory = dmemory + of_head["memory"] + dvalues @ of_value.T
        found.append((of_head["query_kernel"], of_head["kernel"], memory.T @ dvalues))
    queries, keys, values = zip(*found)
    return {
        "query": dquery,
        "memory": dmemory,
        "query_kernel": np.concatenate(queries),
        "key_kernel": np.concatenate(keys, axis=1),
        "value_kernel": np.concatenate(values, axis=1),
    }


def _heads(heads, query_kernel, key_kernel, value_kernel):
    """The kernels of each head."""
    split = np.split(query_kernel, heads), *(np.split(w, heads, axis=1) for w in (key_kernel, value_kernel))
    return zip(*split)


def last_states(memory, mask):
    """No attention: the encoder's last state in either direction, the same context at every step."""
    half, real = memory.shape[1] // 2, int(mask.sum())
    return np.concatenate([memory[real - 1, :half], memory[0, half:]]) * (real > 0)


def last_states_back(dcontext, memory, mask):
    half, real, dmemory = memory.shape[1] // 2, int(mask.sum()), np.zeros_like(memory)
    if real:
        dmemory[real - 1, :half] = dcontext[:half]
        dmemory[0, half:] = dcontext[half:]
    return dmemory
