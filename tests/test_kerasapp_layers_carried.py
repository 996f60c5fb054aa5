"""Windows with carried states against the whole sequence at once."""

import keras
import numpy as np
import tensorflow as tf

from kerasapp.layers.carried import Carried
from kerasapp.layers.recurrent import GRU, LSTM

X = np.random.default_rng(0).normal(size=[3, 12, 5]).astype("float32")


def test_training_windows_continue_each_other():
    layer = LSTM(4)
    carried = Carried(layer, streams=3, reset=0.0)
    windows = [carried(X[:, i : i + 4], training=True) for i in range(0, 12, 4)]
    np.testing.assert_allclose(np.concatenate(windows, axis=1), layer(X)[0], atol=1e-6)


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
