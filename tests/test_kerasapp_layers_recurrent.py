"""The recurrent layers against the formulas and against Keras: values, gradients, graphs, files."""

import keras
import numpy as np
import pytest
import reference
import reference_recurrent
import tensorflow as tf

from kerasapp.layers import recurrent

CELLS = ["LSTM", "GRU", "SimpleRNN"]
NAMES = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "simple_rnn"}  # of the formulas
FEATURES, UNITS = 3, 4
ALL = {"return_sequences": True, "return_state": True}
EXACT = {"rtol": 1e-5, "atol": 1e-5}


def pair(cell, **options):
    """Our layer and Keras's, built, with the same random weights."""
    options = {**ALL, "bias_initializer": "random_normal", **options}
    ours, theirs = (getattr(module, cell)(UNITS, **options) for module in (recurrent, keras.layers))
    ours.build([None, None, FEATURES])
    theirs.build([None, None, FEATURES])
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def data(cell, batch, time, seed=0):
    """x, initial states and a random mask; the first row of the mask is empty, the second full."""
    random = np.random.default_rng(seed)
    x = tf.constant(random.normal(size=[batch, time, FEATURES]), tf.float32)
    count = 2 if cell == "LSTM" else 1
    states = [tf.constant(random.normal(size=[batch, UNITS]), tf.float32) for _ in range(count)]
    mask = random.random([batch, time]) < 0.6
    mask[0], mask[min(1, batch - 1)] = False, True
    return x, states, tf.constant(mask)


def gradients(layer, x, states, mask, training=True):
    """Everything the layer gives, and the gradients of a random function of all of it."""

    @tf.function
    def run(x, states, mask):
        with tf.GradientTape() as tape:
            tape.watch([x, states])
            results = layer(x, initial_state=states, mask=mask, training=training)
            weights = [of_result(i, r) for i, r in enumerate(results)]
            loss = sum(
                tf.reduce_sum(w * tf.cast(r, tf.float32)) for w, r in zip(weights, results, strict=True)
            )
        return results, tape.gradient(loss, [x, *states, *[v.value for v in layer.trainable_variables]])

    return run(x, states, mask)


def of_result(i, result):
    """The gradient by a layer's i-th result in `gradients`: each number counts differently."""
    return tf.random.stateless_normal(tf.shape(result), [i, 7])


def assert_same(ours, theirs):
    ours, theirs = tf.nest.flatten(ours), tf.nest.flatten(theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, **EXACT)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("time", [1, 6])
@pytest.mark.parametrize("cell", CELLS)
def test_values_and_gradients_are_those_of_the_formulas(cell, time, training):
    layer, name = pair(cell)[0], NAMES[cell]
    reference.randomise(layer)
    x, states, mask = data(cell, 4, time)
    results, found = gradients(layer, x, states, mask, training)
    doutputs, *dlast = (of_result(i, r).numpy().astype(float) for i, r in enumerate(results))
    weights = {n: w.astype(float) for n, w in reference.weights(layer).items()}
    rows, dx, dstates, sums = [], [], [], []
    for row in range(len(x)):
        inputs, first = x[row].numpy().astype(float), tuple(s[row].numpy().astype(float) for s in states)
        outputs, last, saved = reference_recurrent.recurrent(name, inputs, first, weights, mask[row])
        rows.append([outputs, *last])
        of_row = reference_recurrent.recurrent_back(
            name, doutputs[row], tuple(d[row] for d in dlast), inputs, saved, weights
        )
        for found_rows, gradient in zip((dx, dstates, sums), of_row):
            found_rows.append(gradient)
    assert_same(results, [np.stack(parts) for parts in zip(*rows)])
    of_weights = [sum(s[n] for s in sums) for n in weights]
    assert_same(found, [np.stack(dx), *(np.stack(parts) for parts in zip(*dstates)), *of_weights])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_values_and_gradients_are_those_of_keras(cell, masked, training):
    ours, theirs = pair(cell)
    x, states, mask = data(cell, 5, 6)
    mask = mask if masked else None
    assert_same(gradients(ours, x, states, mask, training), gradients(theirs, x, states, mask))


@pytest.mark.parametrize("cell", CELLS)
def test_options_of_keras(cell):
    x, states, _ = data(cell, 2, 3)
    ours, theirs = pair(cell, use_bias=False)
    assert_same(gradients(ours, x, states, None), gradients(theirs, x, states, None))
    ours, theirs = pair(cell)
    assert_same(ours(x, training=True), theirs(x))  # from zeros
    assert_same(
        ours(x, initial_state=states if len(states) > 1 else states[0]), theirs(x, initial_state=states)
    )


@pytest.mark.parametrize("cell", CELLS)
def test_any_batch_and_length_in_one_graph(cell):
    ours, theirs = pair(cell)
    spec = tf.TensorSpec([None, None, FEATURES]), tf.TensorSpec([None, None], tf.bool)
    run = tf.function(lambda x, mask: ours(x, mask=mask, training=True), input_signature=spec)
    for batch, time in [(1, 1), (1, 4), (2, 1), (3, 7)]:
        x, _, mask = data(cell, batch, time)
        assert_same(run(x, mask), theirs(x, mask=mask))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_steps_and_halves_are_the_whole(cell, training):
    ours, _ = pair(cell)
    x, states, mask = data(cell, 3, 6)
    whole, *last = ours(x, initial_state=states, mask=tf.ones_like(mask), training=training)
    for parts in (6, 2):  # a part of one step runs without a loop
        outputs, carried = [], states
        for part in tf.split(x, parts, axis=1):
            output, *carried = ours(part, initial_state=carried, training=training)
            outputs.append(output)
        assert_same([tf.concat(outputs, axis=1), *carried], [whole, *last])


@pytest.mark.parametrize("cell", CELLS)
def test_one_step_has_the_gradients_of_keras(cell):
    ours, theirs = pair(cell)
    x, states, mask = data(cell, 3, 1)
    for m in (mask, None):
        assert_same(gradients(ours, x, states, m), gradients(theirs, x, states, m))


def test_one_step_is_traced_without_a_loop():
    ours, _ = pair("LSTM")
    graph = tf.function(ours).get_concrete_function(tf.TensorSpec([None, 1, FEATURES])).graph
    assert not [op for op in graph.get_operations() if "While" in op.type]


@pytest.mark.parametrize("cell", CELLS)
def test_functional_model_round_trip_and_saved_model(cell, tmp_path):
    x, states, _ = data(cell, 2, 5)
    sequences = keras.Input([None, FEATURES])
    initial = [keras.Input([UNITS]) for _ in states]
    layer = getattr(recurrent, cell)(UNITS, **ALL, recurrent_dropout=0.2, seed=3)
    outputs, *last = layer(sequences, initial_state=initial)
    assert outputs.shape == (None, None, UNITS) and [s.shape for s in last] == [(None, UNITS)] * len(states)
    model = keras.Model([sequences, *initial], [outputs, *last])
    truth = model([x, *states])

    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_same(again([x, *states]), truth)
    assert again.layers[-1].get_config() == layer.get_config()

    module = tf.Module()
    module.model = model
    specs = [tf.TensorSpec([None, None, FEATURES]), [tf.TensorSpec([None, UNITS])] * len(states)]
    module.run = tf.function(lambda x, states: model([x, *states]), input_signature=specs)
    tf.saved_model.save(module, str(tmp_path / "export"))
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    assert_same(loaded.run(x, states), truth)
    assert b"SigmoidGrad" not in (tmp_path / "export" / "saved_model.pb").read_bytes()  # inference alone


def test_mask_of_an_embedding_is_used():
    ids = tf.constant([[5, 3, 0, 0], [1, 2, 3, 4]])
    ours, theirs = pair("GRU")
    embedding = keras.layers.Embedding(6, FEATURES, mask_zero=True)
    assert_same(ours(embedding(ids)), theirs(embedding(ids)))
    assert_same(ours(embedding(ids))[1][0], ours(embedding(ids[:1, :2]))[1][0])


@pytest.mark.parametrize("cell", CELLS)
def test_weight_drop_is_dropout_of_the_recurrent_kernel(cell):
    x, states, _ = data(cell, 3, 4)
    ours, theirs = pair(cell)
    dropping = getattr(recurrent, cell)(UNITS, **ALL, recurrent_dropout=0.5, seed=5)
    dropping.build(x.shape)
    dropping.set_weights(ours.get_weights())
    assert_same(dropping(x, initial_state=states), ours(x, initial_state=states))  # off outside training

    start = dropping.cell.seed_generator.state.numpy()
    first = dropping(x, initial_state=states, training=True)
    second = dropping(x, initial_state=states, training=True)
    assert np.abs(first[0] - second[0]).max() > 1e-3  # each call draws a mask of its own
    dropping.cell.seed_generator.state.assign(start)
    assert_same(dropping(x, initial_state=states, training=True), first)

    dropping.cell.seed_generator.state.assign(start)
    dropped = keras.random.dropout(theirs.cell.recurrent_kernel, 0.5, seed=dropping.cell.seed_generator)
    assert 0 < np.count_nonzero(dropped) < dropped.shape[0] * dropped.shape[1]
    theirs.cell.recurrent_kernel.assign(dropped)
    assert_same(first, theirs(x, initial_state=states))


@pytest.mark.parametrize("cell", CELLS)
def test_input_dropout_is_one_mask_for_all_steps(cell):
    x, states, _ = data(cell, 3, 4)
    layer, theirs = pair(cell, dropout=0.5, seed=5)
    start = layer.cell.seed_generator.state.numpy()
    result = layer(x, initial_state=states, training=True)
    layer.cell.seed_generator.state.assign(start)
    kept = keras.random.dropout(tf.ones_like(x[:, :1]), 0.5, seed=layer.cell.seed_generator)
    assert_same(result, theirs(x * kept, initial_state=states))


@pytest.mark.parametrize("cell", CELLS)
def test_mixed_bfloat16(cell):
    ours, theirs = pair(cell, dtype="mixed_bfloat16")
    x, states, mask = data(cell, 4, 5)
    (results, found), (expected, truth) = (gradients(layer, x, states, mask) for layer in (ours, theirs))
    assert all(r.dtype == tf.bfloat16 for r in results)
    assert all(v.dtype == "float32" for v in ours.trainable_variables)
    for a, b in zip([*results, *found], [*expected, *truth], strict=True):
        np.testing.assert_allclose(tf.cast(a, tf.float32), tf.cast(b, tf.float32), rtol=0.1, atol=0.1)


RETURNS = [
    {},
    {"return_sequences": False, "return_state": False},
    {"return_sequences": True},
    {"return_state": True},
    ALL,
]


@pytest.mark.parametrize("returns", RETURNS)
@pytest.mark.parametrize("cell", CELLS)
def test_what_is_returned_is_what_keras_returns(cell, returns):
    ours, theirs = (
        getattr(module, cell)(UNITS, bias_initializer="random_normal", name="layer", **returns)
        for module in (recurrent, keras.layers)
    )
    assert ours.get_config() == theirs.get_config()
    assert type(ours).from_config(ours.get_config()).get_config() == ours.get_config()
    for layer in (ours, theirs):
        layer.build([None, None, FEATURES])
    ours.set_weights(theirs.get_weights())
    for time in (1, 5):
        x, states, mask = data(cell, 4, time)
        begun = {"initial_state": states}
        for options in ({}, {"mask": mask}, begun, {**begun, "mask": mask}):
            expected = theirs(x, **options)
            for training in (False, True):
                found = ours(x, training=training, **options)
                tf.nest.assert_same_structure(found, expected)
                assert_same(found, expected)
    symbolic = [layer(keras.Input([None, FEATURES])) for layer in (ours, theirs)]
    shapes = [keras.tree.map_structure(lambda tensor: tensor.shape, results) for results in symbolic]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("cell", CELLS)
def test_it_stands_in_any_keras_model(cell, tmp_path):
    ids, wanted = np.array([[5, 3, 0, 0], [1, 2, 3, 4], [2, 0, 0, 0]]), np.array([[1.0], [0.0], [2.0]])

    def build(module):
        layer = getattr(module, cell)
        return keras.Sequential(
            [
                keras.layers.Embedding(6, FEATURES, mask_zero=True),
                layer(UNITS, return_sequences=True),
                layer(UNITS),
                keras.layers.Dense(1),
            ]
        )

    ours, theirs = build(recurrent), build(keras.layers)
    for model in (ours, theirs):
        model.build([None, None])
    ours.set_weights(theirs.get_weights())
    for model in (ours, theirs):
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
        model.fit(ids, wanted, batch_size=2, epochs=3, shuffle=False, verbose=0)
    assert_same(ours.get_weights(), theirs.get_weights())
    ours.save(tmp_path / "model.keras")
    assert_same(keras.models.load_model(tmp_path / "model.keras").predict(ids, verbose=0), theirs(ids))


@pytest.mark.parametrize(
    "options",
    [
        {"stateful": True},
        {"go_backwards": True},
        {"unroll": True},
        {"zero_output_for_mask": True},
        {"activation": "relu"},
        {"recurrent_activation": "tanh"},
    ],
)
def test_what_is_not_supported_is_refused(options):
    with pytest.raises(ValueError, match=r"^LSTM (supports|does not support) "):
        recurrent.LSTM(UNITS, **options)
