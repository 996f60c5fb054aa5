"""The stack of convolutions against NumPy, and its independence of padding and batch."""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
from reference_convolution import (
    convolution,
    convolution_back,
    layer_normalisation,
    layer_normalisation_back,
)

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


def named_weights(layer):
    return {weight.path.split("/", 1)[-1]: np.asarray(weight.value).astype(float) for weight in layer.weights}


@pytest.mark.parametrize(("activation", "width"), [("relu", 5), ("tanh", 4)])
@pytest.mark.parametrize("outputs", [None, 2])
def test_values_are_those_of_the_formula(activation, width, outputs):
    layer = build(activation, width, outputs=outputs)
    weights = named_weights(layer)
    found = layer(X, REAL).numpy()
    for row, length in enumerate(LENGTHS):
        x = X[row, :length]
        for i in range(2):
            x = convolution(x, weights[f"convolution_{i}/kernel"])
            x = layer_normalisation(x, weights[f"norm_{i}/gamma"], weights[f"norm_{i}/beta"])
            x = np.tanh(x) if activation == "tanh" else np.maximum(x, 0)
        if outputs:
            x = convolution(x, weights["last/kernel"]) + weights["last/bias"]
        np.testing.assert_allclose(found[row, :length], x, **CLOSE)
        assert not np.any(found[row, length:])


@pytest.mark.parametrize(("activation", "width"), [("relu", 5), ("tanh", 4)])
def test_gradients_are_those_of_the_formula(activation, width):
    layer = build(activation, width, outputs=2)
    weights, dy = named_weights(layer), np.random.default_rng(1).normal(size=[4, 7, 2]).astype("float32")
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layer(x, REAL, training=True) * dy)
    dx, *found = tape.gradient(loss, [x, *(w.value for w in layer.weights)])
    sums = {name: np.zeros_like(w) for name, w in weights.items()}
    for row, length in enumerate(LENGTHS):
        steps, values = [X[row, :length].astype(float)], []
        for i in range(2):
            z = convolution(steps[-1], weights[f"convolution_{i}/kernel"])
            scale = weights[f"norm_{i}/gamma"], weights[f"norm_{i}/beta"]
            y = reference.ACTIVATIONS[activation](layer_normalisation(z, *scale))
            values.append((z, scale, y))
            steps.append(y)
        d = dy[row, :length].astype(float)
        sums["last/bias"] += d.sum(0)
        d, of_kernel = convolution_back(d, steps[-1], weights["last/kernel"])
        sums["last/kernel"] += of_kernel
        for i, (z, scale, y) in reversed(list(enumerate(values))):
            d, *of_scale = layer_normalisation_back(d * reference.SLOPES[activation](y), z, *scale)
            for name, gradient in zip(("gamma", "beta"), of_scale):
                sums[f"norm_{i}/{name}"] += gradient
            d, of_kernel = convolution_back(d, steps[i], weights[f"convolution_{i}/kernel"])
            sums[f"convolution_{i}/kernel"] += of_kernel
        np.testing.assert_allclose(dx[row, :length], d, **CLOSE)
    for gradient, truth in zip(found, sums.values(), strict=True):
        np.testing.assert_allclose(gradient, truth, **CLOSE)


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
