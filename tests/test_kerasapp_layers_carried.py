"""Windows with carried states against the whole sequence at once."""

import keras
import numpy as np
import reference
import reference_recurrent
import tensorflow as tf

from kerasapp.layers.carried import Carried
from kerasapp.layers.recurrent import GRU, LSTM

X = np.random.default_rng(0).normal(size=[3, 12, 5]).astype("float32")


def test_training_windows_continue_each_other():
    layer = LSTM(4)
    carried = Carried(layer, streams=3, reset=0.0)
    windows = [carried(X[:, i : i + 4], training=True) for i in range(0, 12, 4)]
    np.testing.assert_allclose(np.concatenate(windows, axis=1), layer(X)[0], atol=1e-6)


def test_a_window_has_the_gradient_of_truncated_backpropagation():
    layer = LSTM(4)
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
    layer = GRU(4)
    carried = Carried(layer, streams=3, reset=0.0)
    carried(X[:, :4], training=True)
    memory = carried.memory[0].numpy()
    other_batch_size = carried(X[:1, :7])
    np.testing.assert_allclose(other_batch_size, layer(X[:1, :7])[0], atol=1e-6)
    np.testing.assert_array_equal(carried.memory[0].numpy(), memory)
    assert np.abs(memory).max() > 0


def test_reset_rows_begin_from_zeros():
    layer = LSTM(4)
    carried = Carried(layer, streams=3, reset=1.0)
    carried(X[:, :4], training=True)
    np.testing.assert_allclose(carried(X[:, 4:8], training=True), layer(X[:, 4:8])[0], atol=1e-6)


def test_no_gradient_reaches_the_window_before():
    carried = Carried(LSTM(4), streams=3, reset=0.0)
    x = tf.Variable(X[:, :4])
    with tf.GradientTape() as tape:
        carried(x, training=True)
        later = tf.reduce_sum(carried(X[:, 4:8], training=True))
    assert tape.gradient(later, x) is None


def test_memory_is_no_weight_and_the_config_round_trips():
    carried = Carried(LSTM(4), streams=3)
    carried(X)
    assert len(carried.weights) == 3
    copy = Carried.from_config(carried.get_config())
    assert isinstance(copy.layer, LSTM) and copy.layer.units == 4 and copy.streams == 3
    assert keras.tree.map_structure(type, copy.get_config()) == keras.tree.map_structure(
        type, carried.get_config()
    )
