"""The loss of translation against NumPy and Keras's own label smoothing."""

import keras
import numpy as np
import pytest
import reference

from kerasapp.losses import SmoothedCrossEntropy

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=[3, 5, 7], scale=2).astype("float32")
TARGETS = np.array([[1, 2, 3, 4, 5], [6, 1, 0, 0, 0], [3, 3, 6, 0, 0]], "int32")


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_value_is_that_of_the_formula(smoothing):
    truth = reference.smoothed_cross_entropy(TARGETS, LOGITS.astype("float64"), smoothing)
    np.testing.assert_allclose(SmoothedCrossEntropy(smoothing)(TARGETS, LOGITS), truth, rtol=1e-5)


def test_value_is_that_of_keras_without_padding():
    targets = np.maximum(TARGETS, 1)
    truth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)(
        keras.ops.one_hot(targets, 7), LOGITS
    )
    np.testing.assert_allclose(SmoothedCrossEntropy(0.2)(targets, LOGITS), truth, rtol=1e-5)


def test_padding_does_not_count():
    loss = SmoothedCrossEntropy(0.1)
    noisy = np.where(TARGETS[:, :, None] == 0, 1e4 * LOGITS, LOGITS)
    np.testing.assert_array_equal(loss(TARGETS, noisy), loss(TARGETS, LOGITS))
    longer = np.pad(TARGETS, [(0, 2), (0, 3)]), np.pad(LOGITS, [(0, 2), (0, 3), (0, 0)], constant_values=9)
    np.testing.assert_allclose(loss(*longer), loss(TARGETS, LOGITS), rtol=1e-6)
    assert loss(np.zeros_like(TARGETS), LOGITS) == 0.0
    other = SmoothedCrossEntropy(0.1, pad_id=3)(TARGETS, LOGITS)
    truth = reference.smoothed_cross_entropy(TARGETS, LOGITS.astype("float64"), 0.1, pad_id=3)
    np.testing.assert_allclose(other, truth, rtol=1e-5)


def test_config_round_trip_and_use_in_a_model():
    loss = SmoothedCrossEntropy(0.3, pad_id=2)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    np.testing.assert_array_equal(again(TARGETS, LOGITS), loss(TARGETS, LOGITS))

    inputs = keras.Input([None, 7])
    model = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    model.compile(loss=SmoothedCrossEntropy(0.1))
    result = model.evaluate(LOGITS, TARGETS, batch_size=3, verbose=0)
    truth = reference.smoothed_cross_entropy(TARGETS, LOGITS.astype("float64"), 0.1)
    np.testing.assert_allclose(result, truth, rtol=1e-5)
