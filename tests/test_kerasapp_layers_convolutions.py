"""The stack of convolutions against NumPy, and its independence of padding and batch."""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf

from kerasapp.layers.convolutions import Convolutions

LENGTHS = [7, 3, 1, 5]
REAL = (np.arange(7) < np.array(LENGTHS)[:, None]).astype("float32")
X = np.random.default_rng(0).normal(size=[4, 7, 3]).astype("float32")
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def build(activation="relu", width=5, **options):
    layer = Convolutions([6, 4], width, activation, **options)
    layer(X, REAL)
    reference.randomise(layer)
    return layer


def convolved(x, kernel):
    """x [time, features], kernel [width, features, channels] -> [time, channels]; zeros beyond both ends."""
    width = len(kernel)
    padded = np.pad(x, [((width - 1) // 2, width // 2), (0, 0)])
    return np.stack([np.tensordot(padded[t : t + width], kernel, 2) for t in range(len(x))])


def normalised(x, gamma, beta):
    spread = np.sqrt(x.var(-1, keepdims=True) + 1e-3)
    return (x - x.mean(-1, keepdims=True)) / spread * gamma + beta


@pytest.mark.parametrize(("activation", "width"), [("relu", 5), ("tanh", 4)])
@pytest.mark.parametrize("outputs", [None, 2])
def test_values_are_those_of_the_formula(activation, width, outputs):
    layer = build(activation, width, outputs=outputs)
    weights = {weight.path.split("/", 1)[-1]: np.asarray(weight.value) for weight in layer.weights}
    found = layer(X, REAL).numpy()
    for row, length in enumerate(LENGTHS):
        x = X[row, :length]
        for i in range(2):
            x = convolved(x, weights[f"convolution_{i}/kernel"])
            x = normalised(x, weights[f"norm_{i}/gamma"], weights[f"norm_{i}/beta"])
            x = np.tanh(x) if activation == "tanh" else np.maximum(x, 0)
        if outputs:
            x = convolved(x, weights["last/kernel"]) + weights["last/bias"]
        np.testing.assert_allclose(found[row, :length], x, **CLOSE)
        assert not np.any(found[row, length:])


@pytest.mark.parametrize("training", [False, True])
def test_padding_and_the_rest_of_the_batch_change_nothing(training):
    layer = build(outputs=2)
    truth = layer(X, REAL, training=training).numpy()
    noise = np.where(REAL[:, :, None] > 0, X, -100.0)
    longer = np.pad(noise, [(0, 0), (0, 4), (0, 0)], constant_values=9), np.pad(REAL, [(0, 0), (0, 4)])
    np.testing.assert_allclose(layer(*longer, training=training)[:, :7], truth, **CLOSE)
    for row, length in enumerate(LENGTHS):
        alone = layer(X[row : row + 1, :length], REAL[row : row + 1, :length], training=training)
        np.testing.assert_allclose(alone[0], truth[row, :length], **CLOSE)
    assert layer(X[:0], REAL[:0]).shape == (0, 7, 2)


def test_training_drops_channels_of_a_row_by_the_seed():
    layer = Convolutions([64], 1, "tanh", dropout=0.5)
    inference = layer(X, REAL).numpy()
    seed = layer.dropout.seed_generator.state
    start = seed.numpy()
    found, other = layer(X, REAL, training=True).numpy(), layer(X, REAL, training=True).numpy()
    assert np.any(found != other)
    seed.assign(start)
    np.testing.assert_array_equal(layer(X, REAL, training=True), found)
    kept = found[:, :1] != 0
    assert 0.3 < kept.mean() < 0.7 and np.any(kept[:1] != kept)
    np.testing.assert_allclose(found, np.where(kept, 2 * inference, 0), **CLOSE)


def test_gradients_reach_every_weight_and_no_padding():
    layer, x = build("tanh", outputs=2), tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layer(x, REAL, training=True) ** 2)
    of_x, *gradients = tape.gradient(loss, [x, *(w.value for w in layer.trainable_weights)])
    assert all(np.any(gradient) for gradient in gradients)
    np.testing.assert_array_equal(np.any(of_x, axis=-1), REAL > 0)


def test_config_round_trip():
    layer = build(dropout=0.1, outputs=2, dtype="mixed_bfloat16")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    again(X, REAL)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(X, REAL), layer(X, REAL))
    assert again(X, REAL).dtype == "bfloat16" and {w.dtype for w in again.weights} == {"float32"}
