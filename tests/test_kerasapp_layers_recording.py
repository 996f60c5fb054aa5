"""What is kept of layers that read: their own outputs, and gates by their formulas."""

import numpy as np
import pytest
import tensorflow as tf

from kerasapp.layers.recording import record
from kerasapp.layers.stack import RecurrentStack

TIME, FEATURES, UNITS = 9, 3, 4
DRAW = np.random.default_rng(1)
X = DRAW.normal(size=[TIME, FEATURES]).astype(np.float32)


def made(cell):
    """A stack of one layer with weights that were drawn, its first states, and all that `record` gives."""
    stack = RecurrentStack(UNITS, cell)
    stack.build([None, None, FEATURES])
    stack.set_weights([DRAW.normal(size=w.shape) for w in stack.get_weights()])
    states = {name: DRAW.normal(size=UNITS).astype(np.float32) for name in stack.state_names}
    _, after, gates = record(stack, tf.constant(X), {name: tf.constant(s) for name, s in states.items()})
    return stack, states, after, {name.removesuffix("_0"): values for name, values in gates.items()}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("options", [{"layer_normalisation": True}, {"residual": True}])
@pytest.mark.parametrize("cell", ["lstm", "gru", "simple_rnn"])
def test_outputs_and_states_are_those_of_the_stacks_own_call(cell, options):
    stack = RecurrentStack(UNITS, cell, layers=2, **options)
    first = {name: tf.constant(DRAW.normal(size=[1, UNITS]), tf.float32) for name in stack.state_names}
    expected, _ = stack(X[None], first)
    outputs, states, _ = record(stack, tf.constant(X), {name: state[0] for name, state in first.items()})
    np.testing.assert_allclose(outputs, expected[0], atol=1e-5)
    for steps in range(1, TIME + 1):  # the last states of each beginning
        _, last = stack(X[None, :steps], first)
        assert sorted(last) == sorted(states)
        for name, state in last.items():
            np.testing.assert_allclose(states[name][steps - 1], state[0], atol=1e-5)


def test_the_gates_of_an_lstm_are_those_of_its_formula():
    layer, first, after, gates = made("lstm")
    h, hs, cs = first["h_0"], after["h_0"], after["c_0"]
    kernel, recurrent, bias = layer.get_weights()
    before = np.concatenate([h[None], hs[:-1]])
    i, f, g, o = np.split(X @ kernel + before @ recurrent + bias, 4, axis=1)
    expected = {"input": sigmoid(i), "forget": sigmoid(f), "candidate": np.tanh(g), "output": sigmoid(o)}
    assert list(gates) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(gates[name], values, atol=1e-5)
    np.testing.assert_allclose(hs, gates["output"] * np.tanh(cs), atol=1e-5)


def test_the_gates_of_a_gru_are_those_of_its_formula():
    layer, first, after, gates = made("gru")
    h, hs = first["h_0"], after["h_0"]
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
    assert made("simple_rnn")[3] == {}
