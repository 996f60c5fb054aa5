"""The decoder with attention against NumPy, step by step, and its quick gradient against the slow one."""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf

from kerasapp.layers.attention import ATTENTIONS
from kerasapp.layers.decoder import AttentionDecoder

FEATURES, UNITS, SIZE = 3, 4, 6  # dot wants a memory of UNITS
OPTIONS = {"location": {"filters": 3, "width": 3}, "multi_head": {"heads": 2}}
EXACT = {"rtol": 1e-9, "atol": 1e-10}


def build(cell="lstm", kind="additive", batch=3, time=4, source=5, **options):
    """The layer in float64 with random weights, and the arguments of a call."""
    random = np.random.default_rng(3)
    attention = ATTENTIONS[kind](SIZE, **OPTIONS.get(kind, {}), dtype="float64")
    layer = AttentionDecoder(attention, UNITS, cell, **options, dtype="float64")
    sizes = [[batch, time, FEATURES], [batch, source, UNITS]] + [[batch, UNITS]] * len(layer.cell_states)
    inputs, memory, *states = (tf.constant(random.normal(size=size)) for size in sizes)
    arguments = inputs, memory, tf.constant([source, 2, 0, 1, 4][:batch]), states
    layer(*arguments)
    reference.randomise(layer)
    return layer, arguments


def cell_step(cell, gates, x, states):
    """States of the cell after a step; `gates` is the layer's one matrix for [x; 1; h]."""
    kernel, bias, recurrent = gates[:, :-UNITS][:, :-1], gates[:, -UNITS - 1], gates[:, -UNITS:]
    if cell == "lstm":
        return reference.lstm_step(x, *states, kernel, recurrent, bias)
    of_h = np.r_[0 : 2 * UNITS, 3 * UNITS : 4 * UNITS]
    inner = np.concatenate([np.zeros(2 * UNITS), bias[3 * UNITS :]])
    h = reference.gru_step(x, *states, kernel[: 3 * UNITS], recurrent[of_h], bias[: 3 * UNITS], inner)
    return (h,)


def decode(layer, kind, inputs, memory, length, states):
    """What the layer has to give for one sentence: (v [time, units], alignment [time, source])."""
    weights, mask = reference.weights(layer), (np.arange(len(memory)) < length).astype(float)
    vector, attended, vectors, alignments = np.zeros(UNITS), np.zeros(len(memory)), [], []
    for x in inputs:
        states = cell_step(layer.cell, weights["gates"], np.concatenate([x, vector]), states)
        context, alignment = reference.attention(
            kind, states[0], memory, mask, attended, reference.weights(layer.attention)
        )
        attended = attended + alignment
        vector = np.tanh(weights["output_kernel"] @ np.concatenate([context, states[0], [1]]))
        vectors.append(vector)
        alignments.append(alignment)
    return np.stack(vectors), np.stack(alignments)


def with_gradients(layer, inputs, memory, lengths, states, training):
    """What the layer gives, and the gradients of a function in which each number of it counts differently."""
    with tf.GradientTape() as tape:
        tape.watch([inputs, memory, states])
        out = layer(inputs, memory, lengths, states, training=training)
        loss = sum(
            tf.reduce_sum(tf.random.stateless_normal(o.shape, [5, i], dtype=tf.float64) * o)
            for i, o in enumerate(out)
        )
    sources = [inputs, memory, *states, *(w.value for w in layer.trainable_weights)]
    return loss, out, tape.gradient(loss, sources, unconnected_gradients="zero")


def assert_same(ours, theirs):
    for a, b in zip(tf.nest.flatten(ours), tf.nest.flatten(theirs), strict=True):
        np.testing.assert_allclose(a, b, **EXACT)


@pytest.mark.parametrize(("cell", "kind"), [("lstm", "additive"), ("gru", "additive"), ("lstm", "location")])
def test_values_are_those_of_the_formulas(cell, kind):
    layer, (inputs, memory, lengths, states) = build(cell, kind)
    vectors, alignments = layer(inputs, memory, lengths, states)
    rows = zip(*(np.asarray(t) for t in (inputs, memory, lengths, *states)))
    for row, (xs, outputs, length, *first) in enumerate(rows):
        truth = decode(layer, kind, xs, outputs, length, first)
        assert_same([vectors[row], alignments[row]], truth)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("kind", ATTENTIONS)
def test_the_quick_gradient_is_the_slow_one(kind, cell):
    layer, arguments = build(cell, kind, batch=3)
    quick, slow = (with_gradients(layer, *arguments, training=training) for training in (True, False))
    assert_same(quick, slow)
    assert all(np.any(gradient) for gradient in quick[2])


@pytest.mark.parametrize(("batch", "time"), [(1, 4), (5, 4), (2, 1)])
@pytest.mark.parametrize("kind", ["multi_head", "location"])
def test_any_batch_and_time_has_the_quick_gradient(kind, batch, time):
    layer, arguments = build("gru", kind, batch, time)
    quick, slow = (with_gradients(layer, *arguments, training=training) for training in (True, False))
    assert_same(quick, slow)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_dropout_is_seeded_and_has_the_right_gradient(cell):
    layer, (inputs, memory, lengths, states) = build(cell, batch=4, dropout=0.5, recurrent_dropout=0.3)
    seed = layer.seed_generator.state

    def run(inputs, start):
        seed.assign(start)
        return with_gradients(layer, inputs, memory, lengths, states, training=True)

    start = seed.numpy()
    _, (vectors, _), (dinputs, *_) = run(inputs, start)
    again, other = run(inputs, start), run(inputs, start + 1)
    assert_same(again[1][0], vectors)
    assert np.any(other[1][0] != vectors)
    dropped = vectors.numpy() == 0
    assert 0 < dropped.mean() < 1
    assert np.all(dropped == dropped[:, :1]), "a unit is dropped at every step of a sentence or at none"
    assert np.any(dropped != dropped[:1]), "each sentence drops units of its own"

    direction = np.random.default_rng(0).normal(size=inputs.shape)
    after, before = (run(inputs + e * direction, start)[0] for e in (1e-6, -1e-6))
    np.testing.assert_allclose(np.sum(dinputs * direction), (after - before) / 2e-6, rtol=1e-6)

    plain, _ = build(cell, batch=4)
    assert_same(layer(inputs, memory, lengths, states), plain(inputs, memory, lengths, states))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("kind", ["additive", "location", "multi_head", "none"])
def test_steps_one_by_one_are_the_whole(kind, cell):
    layer, (inputs, memory, lengths, states) = build(cell, kind)
    vectors, alignments = layer(inputs, memory, lengths, states)
    prepared = layer.attention.prepare(memory, lengths)
    carried, step = layer.first_states(dict(zip(layer.cell_states, states)), prepared), layer.stepper()
    for t in range(inputs.shape[1]):
        assert sorted(carried) == sorted(layer.state_names)
        alignment, carried = step(inputs[:, t], carried, prepared)
        assert_same([carried["vector"], alignment], [vectors[:, t], alignments[:, t]])
    assert_same(carried["attended"], tf.reduce_sum(alignments, axis=1))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_first_weights_are_drawn_as_those_of_keras(cell):
    layer = AttentionDecoder(ATTENTIONS["additive"](SIZE), 32, cell)
    layer.build((None, None, 16), (None, None, 8), (None,), [(None, 32)] * len(layer.cell_states))
    gates = np.asarray(layer.gates.value)
    used, of_h = (slice(None),) * 2
    if cell == "gru":  # rows: update, reset, candidate of x, candidate of h
        used, of_h = slice(0, 96), np.r_[0:64, 96:128]
    kernel, bias, recurrent = gates[used, :48], gates[:, 48], gates[of_h, 49:]
    np.testing.assert_allclose(recurrent.T @ recurrent, np.eye(32), atol=1e-5)
    limit = np.sqrt(6 / sum(kernel.shape))
    assert 0.95 * limit < np.abs(kernel).max() <= limit
    forget = np.arange(128) // 32 == 1
    np.testing.assert_array_equal(bias, np.where(forget, 1.0, 0.0) if cell == "lstm" else np.zeros(128))


def test_config_round_trip():
    layer, arguments = build("gru", "multi_head", dropout=0.1, recurrent_dropout=0.2)
    serialised = keras.saving.serialize_keras_object(layer)
    again, once_more = (keras.saving.deserialize_keras_object(serialised) for _ in range(2))
    assert again.get_config() == once_more.get_config() == layer.get_config()
    again(*arguments)
    again.set_weights(layer.get_weights())
    assert_same(again(*arguments), layer(*arguments))
