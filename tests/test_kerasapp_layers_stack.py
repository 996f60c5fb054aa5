"""The stack against plain Keras layers put together by hand, its steps against its call, its dropouts."""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf

from kerasapp.layers.stack import RecurrentStack, transposed

FEATURES, UNITS, TIME, ROWS = 3, 4, 6, 3
X = np.random.default_rng(0).normal(size=[ROWS, TIME, FEATURES]).astype("float32")
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
OPTIONS = [
    {},
    {"cell": "gru", "residual": True, "layer_normalisation": True},
    {"cell": "simple_rnn", "layers": 3, "residual": True, "drop_sum": False, "first": 1},
    {"layers": 0},
    {"layers": 1, "units": FEATURES, "residual": True},
]
KERAS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "simple_rnn": keras.layers.SimpleRNN}


def build(**options):
    stack = RecurrentStack(**{"units": UNITS, "layers": 2, **options})
    stack.build(X.shape)
    reference.randomise(stack)
    return stack


def drawn_states(stack, seed=1):
    draw = np.random.default_rng(seed)
    return {
        name: tf.constant(draw.normal(size=[ROWS, stack.units]), tf.float32) for name in stack.state_names
    }


def assert_same(found, expected):
    tf.nest.assert_same_structure(found, expected)
    for a, b in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


def by_hand(stack, x, states, mask=None):
    """What the stack has to give, of Keras's own layers."""
    after = {}
    for i, ours in enumerate(stack.recurrent_layers):
        layer = KERAS[stack.get_config()["cell"]](stack.units, return_sequences=True, return_state=True)
        layer.build(x.shape)
        layer.set_weights(ours.get_weights())
        names = [name for name in states if name.endswith(f"_{i + stack.get_config()['first']}")]
        y, *new = layer(x, initial_state=[states[name] for name in names], mask=mask)
        after.update(zip(names, new, strict=True))
        if stack.normalisations:
            gamma, beta = stack.normalisations[i].get_weights()
            y = y.numpy()
            deviation = np.sqrt(y.var(axis=-1, keepdims=True) + stack.normalisations[i].epsilon)
            y = gamma * (y - y.mean(axis=-1, keepdims=True)) / deviation + beta
        x = x + y if stack.residual and x.shape[-1] == y.shape[-1] else y
    return tf.convert_to_tensor(x), after


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("options", OPTIONS)
def test_the_stack_is_keras_layers_on_each_other(options, masked):
    stack = build(**options)
    mask = tf.constant(np.arange(TIME) < np.array([TIME, 2, 4])[:, None]) if masked else None
    states = drawn_states(stack)
    assert_same(stack(X, states, mask=mask), by_hand(stack, X, states, mask))
    zeros = {name: tf.zeros([ROWS, stack.units]) for name in stack.state_names}
    assert_same(stack(X), by_hand(stack, X, zeros))
    assert_same(stack(X, states, training=True), stack(X, states))  # nothing is dropped


def test_states_are_numbered():
    assert RecurrentStack(4, layers=2).state_names == ["h_0", "c_0", "h_1", "c_1"]
    assert RecurrentStack(4, "gru", layers=2, first=1).state_names == ["h_1", "h_2"]


@pytest.mark.parametrize("options", OPTIONS)
def test_steps_are_the_whole(options):
    stack = build(**options)
    states = drawn_states(stack)
    whole, last = stack(X, states)
    rows, columns, table_columns = states, transposed(states), transposed(states)
    inputs = tf.constant(X[:, :, :].reshape([-1, FEATURES]))  # all that comes, by number
    by_number, step_function = stack.step_function(inputs), stack.step_function()
    for t in range(TIME):
        y, rows = stack.step(X[:, t], rows)
        assert_same(y, whole[:, t])
        y, columns = step_function(tf.transpose(X[:, t]), columns)
        assert_same(tf.transpose(y), whole[:, t])
        if stack.recurrent_layers:
            y, table_columns = by_number(tf.constant([t, TIME + t, 2 * TIME + t]), table_columns)
            assert_same(tf.transpose(y), whole[:, t])
    for found in (rows, transposed(columns)):
        assert_same(found, last)


@pytest.mark.parametrize(("drop_sum", "residual"), [(True, True), (False, True), (True, False)])
def test_dropout_has_one_mask_for_all_steps_and_stands_where_it_should(drop_sum, residual):
    stack = build(layers=1, units=FEATURES, dropout=0.5, drop_sum=drop_sum, residual=residual)
    plain = build(layers=1, units=FEATURES, residual=False)
    plain.set_weights(stack.get_weights())
    y = plain(X)[0].numpy()
    found, last = stack(X, training=True)
    assert_same(last, plain(X)[1])  # the states are those before dropout
    added = X if residual and not drop_sum else 0
    dropped = y + X if residual and drop_sum else y
    kept = np.isclose(found - added, 2 * dropped, **CLOSE)
    assert np.all(kept | np.isclose(found - added, 0, atol=1e-6))
    assert np.all(kept == kept[:, :1]) and 0 < kept.mean() < 1
    assert_same(stack(X)[0], y + X if residual else y)


def test_streams_carry_on_in_training_alone():
    stack, plain = build(streams=ROWS, layers=2), build(layers=2)
    plain.set_weights(stack.get_weights())
    for carried in stack.carried:
        carried.reset = 0.0
    first, middle = stack(X[:, :4], training=True)
    assert_same(stack(X[:, :4]), plain(X[:, :4]))
    second, last = stack(X[:, 4:], training=True)
    assert_same((tf.concat([first, second], axis=1), last), plain(X))
    assert_same([m.value() for m in stack.memory], [last[name] for name in stack.state_names])
    assert_same(stack(X[:, 4:], middle, training=True)[0], second)  # states that are given come first
    assert len(stack.weights) == len(plain.weights)


@pytest.mark.parametrize("streams", [None, 2])
def test_it_stands_in_a_model_of_ones_own(streams, tmp_path):
    tokens = keras.Input([None], dtype="int32")
    x = keras.layers.Embedding(7, FEATURES, mask_zero=True)(tokens)
    y, states = RecurrentStack(UNITS, "gru", 2, layer_normalisation=True, streams=streams)(x)
    model = keras.Model(tokens, [y, states])
    reference.randomise(model)
    ids = np.array([[1, 2, 3, 4], [5, 6, 0, 0]])
    truth = model(ids)
    alone = model(ids[1:, :2])
    assert_same([state[1:] for state in truth[1].values()], [*alone[1].values()])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same(loaded(ids), truth)
    assert loaded.layers[-1].get_config() == model.layers[-1].get_config()
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    assert_same(copy(ids), truth)
