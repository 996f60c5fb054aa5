"""The loop over time with the fast gradient against a plain Python loop."""

import numpy as np
import pytest
import tensorflow as tf

from kerasapp.layers.scan import scan

FEATURES, UNITS, SOURCE = 3, 4, 5


def step(product, x, states, constants):
    """Two products, states of two shapes, one of them unused by the other's next value, and constants."""
    h = tf.tanh(product("first", tf.concat([x, states["h"]], axis=0)))  # [UNITS, batch]
    look = tf.sigmoid(
        tf.linalg.matvec(constants["keys"], tf.transpose(h)) + states["seen"]
    )  # [batch, SOURCE]
    h = h * tf.transpose(constants["gain"]) + product("second", tf.transpose(look))
    return {"h": h, "seen": 0.9 * states["seen"] + look}


def arguments(time, batch, seed=0):
    """inputs, states, weights, constants."""
    random = np.random.default_rng(seed)

    def normal(*shape):
        return tf.constant(random.normal(size=shape, scale=0.5), tf.float32)

    return (
        normal(time, FEATURES, batch),
        {"h": normal(UNITS, batch), "seen": normal(batch, SOURCE)},
        {"first": normal(UNITS, FEATURES + UNITS), "second": normal(UNITS, SOURCE)},
        {"keys": normal(batch, SOURCE, UNITS), "gain": normal(batch, UNITS), "unused": normal(batch, 2)},
    )


def plain(inputs, states, weights, constants):
    """What `scan` has to give."""
    steps = []
    for x in tf.unstack(inputs):
        states = step(lambda name, a: weights[name] @ a, x, states, constants)
        steps.append(states)
    return {name: tf.stack([s[name] for s in steps]) for name in states}, states


def with_gradients(run, arguments):
    """What `run` gives, and the gradients of a function of all of it by all arguments."""
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        out = run(*arguments)
        # Every step and element counts differently.
        loss = sum(
            tf.reduce_sum(tf.random.stateless_normal(tf.shape(v), [7, i]) * v)
            for i, v in enumerate(tf.nest.flatten(out))
        )
    return out, tape.gradient(loss, arguments, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def assert_same(ours, theirs):
    tf.nest.assert_same_structure(ours, theirs)
    for a, b in zip(tf.nest.flatten(ours), tf.nest.flatten(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("time", [1, 6])
def test_values_and_gradients_are_those_of_a_plain_loop(time, training):
    rows = arguments(time, batch=3)
    ours = with_gradients(lambda *a: scan(step, *a, training=training), rows)
    assert_same(ours, with_gradients(plain, rows))
    outputs, last = ours[0]
    assert outputs["h"].shape == (time, UNITS, 3) and outputs["seen"].shape == (time, 3, SOURCE)
    assert last["h"].shape == (UNITS, 3)


@pytest.mark.parametrize("training", [True, False])
def test_any_batch_and_time_in_one_graph(training):
    def spec(*shape):
        return tf.TensorSpec(shape, tf.float32)

    signature = (
        spec(None, FEATURES, None),
        {"h": spec(UNITS, None), "seen": spec(None, SOURCE)},
        {"first": spec(UNITS, FEATURES + UNITS), "second": spec(UNITS, SOURCE)},
        {"keys": spec(None, SOURCE, UNITS), "gain": spec(None, UNITS), "unused": spec(None, 2)},
    )

    @tf.function(autograph=False, input_signature=signature)
    def run(*rows):
        return with_gradients(lambda *a: scan(step, *a, training=training), rows)

    for time, batch in [(4, 2), (1, 1), (2, 5), (3, 0)]:
        rows = arguments(time, batch)
        assert_same(run(*rows), with_gradients(plain, rows))
