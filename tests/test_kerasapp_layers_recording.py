"""What is kept of a layer that reads: its own outputs, and gates by their formulas."""

import numpy as np
import pytest
import tensorflow as tf

from kerasapp.layers.recording import record
from kerasapp.layers.recurrent import GRU, LSTM, SimpleRNN

TIME, FEATURES, UNITS = 9, 3, 4
DRAW = np.random.default_rng(1)
X = DRAW.normal(size=[TIME, FEATURES]).astype(np.float32)


def made(kind):
    """A layer with weights that were drawn, its first states, and all that `record` gives."""
    layer = kind(UNITS)
    layer.build([None, None, FEATURES])
    layer.set_weights([DRAW.normal(size=w.shape) for w in layer.get_weights()])
    states = [DRAW.normal(size=UNITS).astype(np.float32) for _ in range(2 if kind is LSTM else 1)]
    return layer, states, *record(layer, tf.constant(X), [tf.constant(state) for state in states])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("kind", [LSTM, GRU, SimpleRNN])
def test_the_states_are_those_of_the_layers_own_call(kind):
    layer, first, states, _ = made(kind)
    outputs, *_ = layer(X[None], initial_state=[state[None] for state in first])
    np.testing.assert_allclose(states[0], outputs[0], atol=1e-5)
    for steps in range(1, TIME + 1):  # the last states of each beginning
        _, *last = layer(X[None, :steps], initial_state=[state[None] for state in first])
        for found, expected in zip(states, last, strict=True):
            np.testing.assert_allclose(found[steps - 1], expected[0], atol=1e-5)


def test_the_gates_of_an_lstm_are_those_of_its_formula():
    layer, (h, _), (hs, cs), gates = made(LSTM)
    kernel, recurrent, bias = layer.get_weights()
    before = np.concatenate([h[None], hs[:-1]])
    i, f, g, o = np.split(X @ kernel + before @ recurrent + bias, 4, axis=1)
    expected = {"input": sigmoid(i), "forget": sigmoid(f), "candidate": np.tanh(g), "output": sigmoid(o)}
    assert list(gates) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(gates[name], values, atol=1e-5)
    np.testing.assert_allclose(hs, gates["output"] * np.tanh(cs), atol=1e-5)


def test_the_gates_of_a_gru_are_those_of_its_formula():
    layer, (h,), (hs,), gates = made(GRU)
    kernel, recurrent, (bias, recurrent_bias) = layer.get_weights()
    before = np.concatenate([h[None], hs[:-1]])
    of_x = np.split(X @ kernel + bias, 3, axis=1)
    of_h = np.split(before @ recurrent + recurrent_bias, 3, axis=1)
    update, reset = sigmoid(of_x[0] + of_h[0]), sigmoid(of_x[1] + of_h[1])
    candidate = np.tanh(of_x[2] + reset * of_h[2])
    for name, values in {"update": update, "reset": reset, "candidate": candidate}.items():
        np.testing.assert_allclose(gates[name], values, atol=1e-5)
    np.testing.assert_allclose(hs, update * before + (1 - update) * candidate, atol=1e-5)


def test_a_simple_layer_has_no_gates():
    assert made(SimpleRNN)[3] == {}
