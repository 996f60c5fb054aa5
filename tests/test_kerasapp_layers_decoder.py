"""The decoder with attention against the formulas, and its fast gradient against the slow one."""

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
    sizes = [[batch, time, FEATURES], [batch, source, UNITS]] + [[batch, UNITS]] * len(
        layer.recurrent.state_names
    )
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
        sums.append(reference_decoder.by_path(layer, dweights))
    truth = [np.stack(parts) for parts in zip(*rows)]
    truth += [sum(row[w.path] for row in sums) for w in layer.trainable_weights]
    assert_same([*out, *gradients], truth, EXACT if dtype == "float64" else CLOSE)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("kind", ATTENTIONS)
def test_the_fast_gradient_is_the_slow_one(kind, cell):
    layer, arguments = build(cell, kind, batch=3)
    quick, slow = (with_gradients(layer, *arguments, training=training) for training in (True, False))
    assert_same(quick, slow)
    assert all(np.any(gradient) for gradient in quick[2])


@pytest.mark.parametrize(("batch", "time"), [(1, 4), (5, 4), (2, 1)])
@pytest.mark.parametrize("kind", ["multi_head", "location"])
def test_any_batch_and_time_has_the_fast_gradient(kind, batch, time):
    layer, arguments = build("gru", kind, batch, time)
    quick, slow = (with_gradients(layer, *arguments, training=training) for training in (True, False))
    assert_same(quick, slow)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_dropout_is_seeded_and_has_the_right_gradient(cell):
    layer, (inputs, memory, lengths, states) = build(cell, batch=4, dropout=0.5, recurrent_dropout=0.3)
    seeds = [layer.seed_generator.state, layer.recurrent.cell.seed_generator.state]

    def run(inputs, start):
        for seed in seeds:
            seed.assign(start)
        return with_gradients(layer, inputs, memory, lengths, states, training=True)

    start = seeds[0].numpy()
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
    layer, (inputs, memory, lengths, states) = build(cell, kind, layers={"lstm": 3, "gru": 1}[cell])
    vectors, alignments = layer(inputs, memory, lengths, states)
    prepared = layer.attention.prepare(memory, lengths)
    for step in (layer.step, layer.step_function()):
        carried = layer.first_states(prepared, states)
        for t in range(inputs.shape[1]):
            assert sorted(carried) == sorted(layer.state_names)
            y, alignment, carried = step(inputs[:, t], carried, prepared)
            assert_same([y, alignment], [vectors[:, t], alignments[:, t]])
        assert_same(carried["attended"], tf.reduce_sum(alignments, axis=1))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_first_weights_are_drawn_as_those_of_keras(cell):
    layer = AttentionDecoder(ATTENTIONS["additive"](SIZE), 32, cell)
    layer.build((None, None, 16), (None, None, 8), (None,), None)
    kernel, recurrent, bias = (np.asarray(weight) for weight in layer.recurrent.cell.weights)
    assert kernel.shape == (16 + 32, recurrent.shape[1])
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(32), atol=1e-5)
    for matrix in (kernel, np.asarray(layer.output_kernel)):
        limit = np.sqrt(6 / sum(matrix.shape))
        assert 0.95 * limit < np.abs(matrix).max() <= limit
    forget = np.arange(128) // 32 == 1
    np.testing.assert_array_equal(bias, np.where(forget, 1.0, 0.0) if cell == "lstm" else np.zeros([2, 96]))
    np.testing.assert_array_equal(layer.output_bias, np.zeros(32))


def test_no_weight_of_a_gru_is_dead_and_biases_are_named_so():
    layer, arguments = build("gru", dtype="float32")
    gradients = with_gradients(layer, *arguments, training=True)[2][-len(layer.trainable_weights) :]
    for weight, gradient in zip(layer.trainable_weights, gradients, strict=True):
        assert np.all(gradient != 0), weight.path
    biases = [w for w in layer.weights if "bias" in w.name]  # what weight decay leaves out, by name
    assert [w.path.split("/")[-1] for w in biases] == ["output_bias", "bias", "bias"]
    assert [w.shape for w in layer.weights if "bias" not in w.name and len(w.shape) == 1] == [(SIZE,)]


LONG = {"batch": 4, "time": 400, "source": 60, "memory": 32, "units": 64}


@pytest.mark.parametrize("kind", ["location", "additive"])
def test_gradients_of_long_loops_in_bfloat16(kind):
    """Sums over 400 steps keep their digits: in bfloat16 they would be 10 to 40% off."""
    found, truth = (of_a_long_loop(kind, dtype) for dtype in ("mixed_bfloat16", "float32"))
    errors = {
        name: float(np.linalg.norm(found[name] - truth[name]) / np.linalg.norm(truth[name])) for name in truth
    }
    assert max(errors.values()) < 0.015, errors


def of_a_long_loop(kind, dtype):
    """The alignment and the gradients by the memory and the attention's weights: name -> float32 array."""
    random = np.random.default_rng(5)
    batch, time, source, size, units = LONG.values()
    keras.utils.set_random_seed(1)
    layer = AttentionDecoder(ATTENTIONS[kind](units, dtype=dtype), units, dtype=dtype)
    inputs, memory = (random.normal(size=[batch, n, size]).astype("float32") for n in (time, source))
    lengths = tf.constant([60, 50, 40, 60])
    direction = random.normal(size=[batch, 1, units]).astype("float32")
    layer.build(inputs.shape, memory.shape)

    @tf.function(autograph=False)
    def run(memory):
        with tf.GradientTape() as tape:
            tape.watch(memory)
            vectors, alignment = layer(inputs, memory, lengths, training=True)
            loss = tf.reduce_sum(tf.cast(vectors, tf.float32) * direction)
        return alignment, tape.gradient(loss, [memory, *(w.value for w in layer.attention.trainable_weights)])

    alignment, gradients = run(tf.constant(memory))
    names = ["alignment", "memory", *(w.name for w in layer.attention.trainable_weights)]
    return {n: tf.cast(value, tf.float32).numpy() for n, value in zip(names, [alignment, *gradients])}


def test_config_round_trip():
    layer, arguments = build("gru", "multi_head", dropout=0.1, recurrent_dropout=0.2)
    serialised = keras.saving.serialize_keras_object(layer)
    again, once_more = (keras.saving.deserialize_keras_object(serialised) for _ in range(2))
    assert again.get_config() == once_more.get_config() == layer.get_config()
    again(*arguments)
    again.set_weights(layer.get_weights())
    assert_same(again(*arguments), layer(*arguments))
