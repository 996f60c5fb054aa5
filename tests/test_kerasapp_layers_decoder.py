"""The decoder with attention against the formulas, and its quick gradient against the slow one."""

import keras
import numpy as np
import pytest
import reference
import reference_decoder
import tensorflow as tf

from kerasapp.layers.attention import ATTENTIONS
from kerasapp.layers.decoder import AttentionDecoder

FEATURES, UNITS, SIZE = 3, 4, 6  # dot wants a memory of UNITS
OPTIONS = {"location": {"filters": 3, "width": 3}, "multi_head": {"heads": 2}}
EXACT = {"rtol": 1e-9, "atol": 1e-10}
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def build(cell="lstm", kind="additive", batch=3, time=4, source=5, dtype="float64", **options):
    """The layer with random weights, and the arguments of a call."""
    random = np.random.default_rng(3)
    attention = ATTENTIONS[kind](SIZE, **OPTIONS.get(kind, {}), dtype=dtype)
    layer = AttentionDecoder(attention, UNITS, cell, **options, dtype=dtype)
    sizes = [[batch, time, FEATURES], [batch, source, UNITS]] + [[batch, UNITS]] * len(layer.cell_states)
    inputs, memory, *states = (tf.constant(random.normal(size=size), dtype) for size in sizes)
    arguments = inputs, memory, tf.constant([source, 2, 0, 1, 4][:batch]), states
    layer(*arguments)
    reference.randomise(layer)
    return layer, arguments


def with_gradients(layer, inputs, memory, lengths, states, training):
    """What the layer gives, and the gradients of a function in which each number of it counts differently."""
    with tf.GradientTape() as tape:
        tape.watch([inputs, memory, states])
        out = layer(inputs, memory, lengths, states, training=training)
        loss = sum(tf.reduce_sum(of_result(i, o) * o) for i, o in enumerate(out))
    sources = [inputs, memory, *states, *(w.value for w in layer.trainable_weights)]
    return loss, out, tape.gradient(loss, sources, unconnected_gradients="zero")


def of_result(i, result):
    """The gradient by the layer's i-th result in `with_gradients`."""
    return tf.random.stateless_normal(result.shape, [5, i], dtype=result.dtype)


def assert_same(ours, theirs, close=EXACT):
    for a, b in zip(tf.nest.flatten(ours), tf.nest.flatten(theirs), strict=True):
        np.testing.assert_allclose(a, b, **close)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("kind", ATTENTIONS)
def test_values_and_gradients_are_those_of_the_formulas(kind, cell, dtype):
    layer, arguments = build(cell, kind, dtype=dtype)
    weights = reference_decoder.formula_weights(layer)
    _, out, gradients = with_gradients(layer, *arguments, training=True)
    of_vectors, of_alignments = (of_result(i, o).numpy() for i, o in enumerate(out))
    rows, sums = [], []
    for row in range(len(of_vectors)):
        inputs, memory, length, *states = (t[row].numpy() for t in (*arguments[:3], *arguments[3]))
        mask = (np.arange(len(memory)) < length).astype(float)
        given = cell, kind, inputs, memory, mask, states, weights
        vectors, alignments, saved = reference_decoder.decoder(*given)
        dx, dmemory, dstates, dweights = reference_decoder.decoder_back(
            *given[:2], of_vectors[row], of_alignments[row], *given[2:6], saved, weights
        )
        rows.append([vectors, alignments, dx, dmemory, *dstates])
        found = {**dweights["attention"], "output_kernel": dweights["output_kernel"]}
        sums.append({**found, "gates": reference_decoder.gates_of(cell, dweights["cell"])})
    truth = [np.stack(parts) for parts in zip(*rows)]
    truth += [sum(row[w.name] for row in sums) for w in layer.trainable_weights]
    assert_same([*out, *gradients], truth, EXACT if dtype == "float64" else CLOSE)


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
