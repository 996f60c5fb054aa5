"""What the layers have to compute, in NumPy: plain, slow, one sentence at a time.

Vectors have no batch: query [query_size], memory [source, memory_size], mask and previous [source]. The
weights are named as the layers name them, so that `weights(layer)` can be passed on.
"""

import numpy as np


def weights(layer):
    return {weight.name: np.asarray(weight.value) for weight in layer.weights}


def randomise(layer, seed=0):
    """Random weights everywhere, biases too, and large enough that every term of a formula matters."""
    random = np.random.default_rng(seed)
    layer.set_weights([random.normal(size=w.shape, scale=0.7) for w in layer.weights])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(scores, mask=None):
    """Over the last axis where the mask is 1; zeros where it is 0."""
    mask = np.ones_like(scores) if mask is None else np.broadcast_to(mask, scores.shape)
    powers = np.exp(scores) * mask
    total = powers.sum(-1, keepdims=True)
    return np.divide(powers, total, out=np.zeros_like(powers), where=total > 0)


# Attention: scores [source], or the whole of it where there is no one score.


def dot(query, memory, previous):
    return memory @ query


def general(query, memory, previous, kernel):
    return memory @ kernel @ query


def scaled_dot(query, memory, previous, query_kernel, kernel):
    return (memory @ kernel) @ (query_kernel @ query) / np.sqrt(len(query_kernel))


def additive(query, memory, previous, query_kernel, kernel, bias, vector):
    return np.tanh(query_kernel @ query + memory @ kernel + bias) @ vector


def location(query, memory, previous, convolution, location_kernel, bias, **others):
    width = len(convolution)
    padded = np.pad(previous, (width // 2, width - 1 - width // 2))
    features = np.array([padded[s : s + width] @ convolution[:, 0] for s in range(len(memory))])
    return additive(query, memory, previous, bias=bias + features @ location_kernel, **others)


def multi_head(query, memory, mask, heads, query_kernel, key_kernel, value_kernel):
    parts = zip(*(np.split(w, heads, axis=-1) for w in (query_kernel.T, key_kernel, value_kernel)))
    contexts, alignments = [], []
    for of_query, of_key, of_value in parts:
        scores = (memory @ of_key) @ (query @ of_query) / np.sqrt(of_key.shape[1])
        alignments.append(softmax(scores, mask))
        contexts.append(alignments[-1] @ (memory @ of_value))
    return np.concatenate(contexts), np.mean(alignments, axis=0)


def none(memory, mask):
    half, real = memory.shape[1] // 2, int(mask.sum())
    if not real:
        return np.zeros(2 * half), np.zeros_like(mask)
    return np.concatenate([memory[real - 1, :half], memory[0, half:]]), np.zeros_like(mask)


SCORES = {
    "dot": dot,
    "general": general,
    "scaled_dot": scaled_dot,
    "additive": additive,
    "location": location,
}


def attention(kind, query, memory, mask, previous, weights, heads=2):
    """(context, alignment) of the attention of that name."""
    if kind == "none":
        return none(memory, mask)
    if kind == "multi_head":
        return multi_head(query, memory, mask, heads, **weights)
    alignment = softmax(SCORES[kind](query, memory, previous, **weights), mask)
    return alignment @ memory, alignment


# Recurrent cells; kernels [gates, features], in Keras's order of gates.


def lstm_step(x, h, c, kernel, recurrent_kernel, bias):
    i, f, g, o = np.split(kernel @ x + recurrent_kernel @ h + bias, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x, h, kernel, recurrent_kernel, bias, recurrent_bias):
    of_x, of_h = np.split(kernel @ x + bias, 3), np.split(recurrent_kernel @ h + recurrent_bias, 3)
    update, reset = sigmoid(of_x[0] + of_h[0]), sigmoid(of_x[1] + of_h[1])
    candidate = np.tanh(of_x[2] + reset * of_h[2])
    return update * h + (1 - update) * candidate


# Loss.


def smoothed_cross_entropy(targets, logits, smoothing, pad_id=0):
    """Mean over the tokens that are not padding, in nats."""
    total = []
    for target, row in zip(targets.reshape(-1), logits.reshape(-1, logits.shape[-1])):
        wanted = (1 - smoothing) * np.eye(len(row))[target] + smoothing / len(row)
        if target != pad_id:
            total.append(-wanted @ np.log(softmax(row)))
    return np.mean(total) if total else 0.0
