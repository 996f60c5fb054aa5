"""The bidirectional layer against the formulas and Keras's own."""

import keras
import numpy as np
import pytest
import reference
import reference_recurrent
import tensorflow as tf

from kerasapp.layers.bidirectional import Bidirectional

FEATURES, UNITS, TIME = 3, 4, 6
LENGTHS = tf.constant([6, 3, 1, 4])
REAL = tf.sequence_mask(LENGTHS, TIME)
X = tf.constant(np.random.default_rng(0).normal(size=[4, TIME, FEATURES]), tf.float32)
EXACT = {"rtol": 1e-5, "atol": 1e-5}


def pair(cell):
    """Our layer and Keras's, with the same random weights."""
    ours = Bidirectional(UNITS, cell)
    inner = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[cell](
        UNITS, return_sequences=True, bias_initializer="random_normal"
    )
    theirs = keras.layers.Bidirectional(inner)
    ours(X, LENGTHS)
    theirs(X)
    ours.set_weights(theirs.get_weights())
    return ours, theirs


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_values_and_gradients_are_those_of_the_formulas(cell):
    layer, dy = pair(cell)[0], tf.random.stateless_normal([*X.shape[:2], 2 * UNITS], [1, 2])
    reference.randomise(layer)
    with tf.GradientTape() as tape:
        tape.watch(X)
        y = layer(X, LENGTHS, training=True)
        loss = tf.reduce_sum(tf.where(REAL[:, :, None], dy * y, 0.0))
    dx, *found = tape.gradient(loss, [X, *(w.value for w in layer.trainable_weights)])
    forward, backward = reference.weights(layer.forward), reference.weights(layer.backward)
    sums = [np.zeros(g.shape) for g in found]
    for row, length in enumerate(LENGTHS.numpy()):
        x, of_row = X[row, :length].numpy().astype(float), dy[row, :length].numpy()
        truth = reference_recurrent.bidirectional(cell, x, forward, backward)
        np.testing.assert_allclose(y[row, :length], truth, **EXACT)
        of_x, *of_weights = reference_recurrent.bidirectional_back(cell, of_row, x, forward, backward)
        np.testing.assert_allclose(dx[row, :length], of_x, **EXACT)
        assert not np.any(dx[row, length:])
        named = [half[name] for half in of_weights for name in forward]
        sums = [s + g for s, g in zip(sums, named, strict=True)]
    for a, b in zip(found, sums):
        np.testing.assert_allclose(a, b, **EXACT)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_values_and_gradients_are_those_of_keras(cell):
    ours, theirs = pair(cell)

    def run(layer, call):
        with tf.GradientTape() as tape:
            tape.watch(X)
            real = tf.boolean_mask(call(), REAL)
            loss = tf.reduce_sum(tf.random.stateless_normal(real.shape, [1, 2]) * real)
        return real, tape.gradient(loss, [X, *(w.value for w in layer.trainable_weights)])

    truth, gradients = run(theirs, lambda: theirs(X, mask=REAL))
    for training in (True, False):
        real, found = run(ours, lambda training=training: ours(X, LENGTHS, training=training))
        np.testing.assert_allclose(real, truth, **EXACT)
        for a, b in zip(found, gradients, strict=True):
            np.testing.assert_allclose(a, b, **EXACT)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_padding_changes_nothing(cell):
    ours, _ = pair(cell)
    lengths = tf.constant([6, 3, 0, 4])
    truth = ours(X, lengths)
    noise = tf.where(tf.sequence_mask(lengths, TIME)[:, :, None], X, 9.0)
    longer = ours(tf.pad(noise, [[0, 0], [0, 5], [0, 0]], constant_values=-7.0), lengths)
    assert np.all(np.isfinite(longer))
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(longer[row, :length], truth[row, :length], **EXACT)
        if length:
            alone = ours(X[row : row + 1, :length], lengths[row : row + 1])
            np.testing.assert_allclose(alone[0], truth[row, :length], **EXACT)


def test_config_round_trip():
    layer = Bidirectional(UNITS, "gru", recurrent_dropout=0.2)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    assert again.forward.recurrent_dropout == again.backward.recurrent_dropout == 0.2
    again(X, LENGTHS)
    layer(X, LENGTHS)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(X, LENGTHS), layer(X, LENGTHS))
