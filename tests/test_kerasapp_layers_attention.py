"""The attention layers against the formulas and finite differences, with rows of every length down to 0."""

import keras
import numpy as np
import pytest
import reference
import reference_attention
import tensorflow as tf

from kerasapp.layers.attention import ATTENTIONS, MultiHead

SIZE, MEMORY, SOURCE = 6, 4, 5
LENGTHS = np.array([5, 3, 1, 0], np.int32)
OPTIONS = {"location": {"filters": 3, "width": 3}, "multi_head": {"heads": 2}}


def build(kind):
    """The layer in float64 with random weights, and query, memory and the sum of the alignments before."""
    random = np.random.default_rng(1)
    layer = ATTENTIONS[kind](SIZE, **OPTIONS.get(kind, {}), dtype="float64")
    query = random.normal(size=[len(LENGTHS), MEMORY if kind == "dot" else 3])
    memory = random.normal(size=[len(LENGTHS), SOURCE, MEMORY])
    previous = random.random([len(LENGTHS), SOURCE]) * (np.arange(SOURCE) < LENGTHS[:, None])
    layer(query, memory, LENGTHS)
    reference.randomise(layer)
    return layer, query, memory, previous


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_values_are_those_of_the_formula(kind):
    layer, query, memory, previous = build(kind)
    context, alignment = layer(query, memory, LENGTHS, previous)
    assert context.shape == (len(LENGTHS), layer.value_size)
    for row, length in enumerate(LENGTHS):
        mask = (np.arange(SOURCE) < length).astype(float)
        truth = reference_attention.attention(
            kind, query[row], memory[row], mask, previous[row], reference.weights(layer)
        )
        np.testing.assert_allclose(context[row], truth[0], atol=1e-12)
        np.testing.assert_allclose(alignment[row], truth[1], atol=1e-12)


@pytest.mark.parametrize(("dtype", "width"), [("float64", 3), ("float32", 4)])
@pytest.mark.parametrize("kind", ATTENTIONS)
def test_gradients_are_those_of_the_formula(kind, dtype, width, monkeypatch):
    monkeypatch.setitem(OPTIONS, "location", {"filters": 3, "width": width})
    exact, query, memory, previous = build(kind)
    layer = type(exact).from_config({**exact.get_config(), "dtype": dtype})
    layer(query, memory, LENGTHS)
    layer.set_weights(exact.get_weights())
    weights, random = reference.weights(exact), np.random.default_rng(3)
    dcontext = random.normal(size=[len(LENGTHS), layer.value_size])
    dalignment = random.normal(size=[len(LENGTHS), SOURCE])

    inputs = [tf.constant(t, dtype) for t in (query, memory, previous)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        context, alignment = layer(*inputs[:2], LENGTHS, inputs[2])
        loss = tf.reduce_sum(context * dcontext) + tf.reduce_sum(alignment * dalignment)
    sources = dict(zip(("query", "memory", "previous"), inputs)) | {w.name: w.value for w in layer.weights}
    found = tape.gradient(loss, sources, unconnected_gradients="zero")

    rows = []
    for row, length in enumerate(LENGTHS):
        mask = (np.arange(SOURCE) < length).astype(float)
        arguments = query[row], memory[row], mask, previous[row], weights
        rows.append(reference_attention.attention_back(kind, dcontext[row], dalignment[row], *arguments))
    close = {"rtol": 1e-9, "atol": 1e-10} if dtype == "float64" else {"rtol": 1e-5, "atol": 1e-5}
    for name, gradient in found.items():
        truth = [row[name] for row in rows]
        truth = np.sum(truth, axis=0) if name in weights else np.stack(truth)
        np.testing.assert_allclose(gradient, truth, **close, err_msg=name)


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_gradients_are_those_of_finite_differences(kind):
    layer, query, memory, previous = build(kind)
    tensors = [query, memory, previous, *layer.get_weights()]
    random = np.random.default_rng(2)
    directions = [random.normal(size=t.shape) for t in tensors]
    of_context = random.normal(size=[len(LENGTHS), layer.value_size])
    of_alignment = random.normal(size=[len(LENGTHS), SOURCE])

    def loss(query, memory, previous, *weights):
        layer.set_weights(weights)
        return evaluate(query, memory, previous)

    def evaluate(query, memory, previous):
        context, alignment = layer(query, memory, LENGTHS, previous)
        return tf.reduce_sum(context * of_context) + tf.reduce_sum(alignment * of_alignment)

    watched = [tf.constant(t) for t in tensors[:3]]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        value = evaluate(*watched)
    found = tape.gradient(value, [*watched, *(w.value for w in layer.weights)], unconnected_gradients="zero")

    for i, (gradient, direction) in enumerate(zip(found, directions, strict=True)):
        after, before = (
            loss(*(t + e * direction if i == j else t for j, t in enumerate(tensors))) for e in (1e-6, -1e-6)
        )
        np.testing.assert_allclose(
            np.sum(gradient * direction), (after - before) / 2e-6, rtol=1e-6, atol=1e-8
        )
    assert not np.any(found[1][-1]), "the memory of a row without a real position has an effect"


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_a_row_without_real_positions_gives_zeros_in_float32(kind):
    layer, query, memory, _ = build(kind)
    layer = type(layer).from_config({**layer.get_config(), "dtype": "float32"})
    query, memory = tf.constant(query, tf.float32), tf.constant(memory * 1e4, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([query, memory])
        context, alignment = layer(query, memory, LENGTHS)
        loss = tf.reduce_sum(context) + tf.reduce_sum(alignment**2)
    assert not np.any(context[-1]) and not np.any(alignment[-1])
    variables = [w.value for w in layer.weights]
    for gradient in tape.gradient(loss, [query, memory, *variables], unconnected_gradients="zero"):
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_padding_changes_nothing(kind):
    layer, query, memory, previous = build(kind)
    context, alignment = layer(query, memory, LENGTHS, previous)
    padding = np.full([len(LENGTHS), 7, MEMORY], 50.0)
    padded = np.concatenate([memory, padding], axis=1)
    padded[1, LENGTHS[1] :] = -30.0
    longer = layer(query, padded, LENGTHS, np.pad(previous, [(0, 0), (0, 7)]))
    np.testing.assert_allclose(longer[0], context, atol=1e-12)
    np.testing.assert_allclose(longer[1][:, :SOURCE], alignment, atol=1e-12)
    assert not np.any(longer[1][:, SOURCE:])


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_config_round_trip(kind):
    layer, query, memory, previous = build(kind)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    again(query, memory, LENGTHS)
    again.set_weights(layer.get_weights())
    for ours, truth in zip(again(query, memory, LENGTHS, previous), layer(query, memory, LENGTHS, previous)):
        np.testing.assert_array_equal(ours, truth)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="6 is no multiple of 4 heads"):
        MultiHead(6, heads=4)
    with pytest.raises(ValueError, match="memory of the query's size, 3, not 4"):
        ATTENTIONS["dot"](SIZE)(np.zeros([1, 3]), np.zeros([1, 2, 4]), np.array([2]))
