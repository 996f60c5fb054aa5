"""Windows with carried states against the whole sequence at once."""

import keras
import numpy as np
import pytest
import reference
import reference_recurrent
import tensorflow as tf

from kerasapp.layers import recurrent
from kerasapp.layers.carried import Carried
from kerasapp.layers.recurrent import LSTM

ALL = {"return_sequences": True, "return_state": True}
X = np.random.default_rng(0).normal(size=[3, 12, 5]).astype("float32")


def test_training_windows_continue_each_other():
    layer = LSTM(4, **ALL)
    carried = Carried(layer, streams=3, reset=0.0)
    windows = [carried(X[:, i : i + 4], training=True) for i in range(0, 12, 4)]
    np.testing.assert_allclose(np.concatenate(windows, axis=1), layer(X)[0], atol=1e-6)


def test_a_window_has_the_gradient_of_truncated_backpropagation():
    layer = LSTM(4, **ALL)
    carried = Carried(layer, streams=3, reset=0.0)
    first, second = X[:, :7], tf.constant(X[:, 7:])
    carried.build(first.shape)
    reference.randomise(layer)
    carried(first, training=True)
    with tf.GradientTape() as tape:
        tape.watch(second)
        loss = tf.reduce_sum(carried(second, training=True) ** 2)
    dx, *found = tape.gradient(loss, [second, *(w.value for w in layer.trainable_weights)])
    weights, zeros, sums = reference.weights(layer), (np.zeros(4),) * 2, []
    for row, x in enumerate(X.astype(float)):
        _, start, _ = reference_recurrent.recurrent("lstm", x[:7], zeros, weights)
        outputs, _, saved = reference_recurrent.recurrent("lstm", x[7:], start, weights)
        of_x, _, of_weights = reference_recurrent.recurrent_back(
            "lstm", 2 * outputs, zeros, x[7:], saved, weights
        )
        np.testing.assert_allclose(dx[row], of_x, rtol=1e-5, atol=1e-5)
        sums.append(of_weights)
    for name, gradient in zip(weights, found, strict=True):
        np.testing.assert_allclose(gradient, sum(s[name] for s in sums), rtol=1e-5, atol=1e-5)


def test_outside_training_nothing_is_carried_or_disturbed():
    layer = recurrent.GRU(4, **ALL)
    carried = Carried(layer, streams=3, reset=0.0)
    carried(X[:, :4], training=True)
    memory = carried.memory[0].numpy()
    other_batch_size = carried(X[:1, :7])
    np.testing.assert_allclose(other_batch_size, layer(X[:1, :7])[0], atol=1e-6)
    np.testing.assert_array_equal(carried.memory[0].numpy(), memory)
    assert np.abs(memory).max() > 0


@pytest.mark.parametrize("training", [False, True])
def test_a_masked_step_changes_no_state(training):
    layer = LSTM(4, **ALL)
    carried = Carried(layer, streams=3, reset=0.0)
    mask = tf.sequence_mask([12, 5, 1], 12)
    carried.build(X.shape)
    outputs, *states = carried.run(X, training, mask)
    for row, length in enumerate([12, 5, 1]):
        expected, *after = layer(X[row : row + 1, :length])
        np.testing.assert_allclose(outputs[row, :length], expected[0], atol=1e-6)
        for found, memory, state in zip(states, carried.memory, after, strict=True):
            np.testing.assert_allclose(found[row], state[0], atol=1e-6)
            np.testing.assert_allclose(memory[row], state[0] if training else 0, atol=1e-6)


def test_reset_rows_begin_from_zeros():
    layer = LSTM(4, **ALL)
    carried = Carried(layer, streams=3, reset=1.0)
    carried(X[:, :4], training=True)
    np.testing.assert_allclose(carried(X[:, 4:8], training=True), layer(X[:, 4:8])[0], atol=1e-6)


def test_each_row_is_reset_by_itself_with_the_share_that_is_asked_for():
    keras.utils.set_random_seed(1)
    rows = 1000
    x = np.random.default_rng(1).normal(size=[rows, 2, 5]).astype("float32")
    layer = LSTM(4, **ALL)
    carried = Carried(layer, streams=rows, reset=0.2)
    shares = []
    for _ in range(3):
        carried(x, training=True)
        begun = np.isclose(carried(x, training=True), layer(x)[0], atol=1e-6).all(axis=(1, 2))
        shares.append(begun.mean())
    np.testing.assert_allclose(shares, 0.2, atol=0.06)
    assert len(set(shares)) > 1  # drawn anew each time


@pytest.mark.parametrize("graph", [False, True])
def test_a_batch_of_another_size_starts_from_zeros_and_leaves_the_streams(graph):
    layer = LSTM(4, **ALL)
    carried = Carried(layer, streams=3, reset=0.0)
    carried.build(X.shape)

    def run(x):
        return carried(x, training=True)

    if graph:
        run = tf.function(run, input_signature=[tf.TensorSpec([None, None, 5])])
    first = run(X[:, :4])
    memory = [variable.numpy() for variable in carried.memory]
    for rows in (1, 2, 5):
        other = np.random.default_rng(rows).normal(size=[rows, 4, 5]).astype("float32")
        np.testing.assert_allclose(run(other), layer(other)[0], atol=1e-6)
    np.testing.assert_array_equal([variable.numpy() for variable in carried.memory], memory)
    windows = [first, run(X[:, 4:8]), run(X[:, 8:])]
    np.testing.assert_allclose(np.concatenate(windows, axis=1), layer(X)[0], atol=1e-6)


def test_a_layer_that_does_not_return_all_is_refused():
    with pytest.raises(ValueError, match="return_sequences=True and return_state=True"):
        Carried(LSTM(4), streams=3)


def test_no_gradient_reaches_the_window_before():
    carried = Carried(LSTM(4, **ALL), streams=3, reset=0.0)
    x = tf.Variable(X[:, :4])
    with tf.GradientTape() as tape:
        carried(x, training=True)
        later = tf.reduce_sum(carried(X[:, 4:8], training=True))
    assert tape.gradient(later, x) is None


def test_memory_is_no_weight_and_the_config_round_trips():
    carried = Carried(LSTM(4, **ALL), streams=3)
    carried(X)
    assert len(carried.weights) == 3
    copy = Carried.from_config(carried.get_config())
    assert isinstance(copy.layer, LSTM) and copy.layer.units == 4 and copy.streams == 3
    assert keras.tree.map_structure(type, copy.get_config()) == keras.tree.map_structure(
        type, carried.get_config()
    )
