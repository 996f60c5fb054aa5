"""Gradients by moving each number a little, and random weights to try them with; in float64 alone."""

import numpy as np

GATES = {"simple_rnn": 1, "gru": 3, "lstm": 4}


def finite_differences(function, x, epsilon=1e-6):
    """The gradient of a function of x with one number as its result, by central differences."""
    gradient = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        moved = np.zeros_like(x)
        moved[place] = epsilon
        gradient[place] = (function(x + moved) - function(x - moved)) / (2 * epsilon)
    return gradient


def assert_gradients(function, arguments, gradients):
    """`gradients` are those of a function of these arguments, both dicts of arrays by name, to 1e-6."""
    for name, value in arguments.items():
        truth = finite_differences(lambda x, n=name: function(**{**arguments, n: x}), value)
        np.testing.assert_allclose(gradients[name], truth, rtol=1e-6, atol=1e-6, err_msg=name)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def cell_weights(cell, features, units, seed=1):
    """Random weights of a recurrent layer, in Keras's shapes."""
    rows = GATES[cell] * units
    bias = (2, rows) if cell == "gru" else (rows,)
    return {
        "kernel": normal(seed, features, rows),
        "recurrent_kernel": normal(seed + 1, units, rows),
        "bias": normal(seed + 2, *bias),
    }


def attention_weights(kind, query, memory, size=4, filters=2, width=3):
    """Random weights of that attention, in the shapes of its formula."""
    shapes = {
        "query_kernel": [size, query],
        "kernel": [memory, query if kind == "general" else size],
        "bias": [size],
        "vector": [size],
        "convolution": [width, 1, filters],
        "location_kernel": [filters, size],
        "key_kernel": [memory, size],
        "value_kernel": [memory, size],
    }
    used = {
        "dot": [],
        "general": ["kernel"],
        "scaled_dot": ["query_kernel", "kernel"],
        "additive": ["query_kernel", "kernel", "bias", "vector"],
        "location": ["query_kernel", "kernel", "bias", "vector", "convolution", "location_kernel"],
        "multi_head": ["query_kernel", "key_kernel", "value_kernel"],
        "none": [],
    }
    return {name: normal(7 + i, *shapes[name]) for i, name in enumerate(used[kind])}
