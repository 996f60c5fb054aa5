"""The losses against NumPy, and that of translation against Keras's own label smoothing."""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf

from kerasapp.tasks.synthesis.losses import GuidedAttentionLoss, SpectrogramLoss, StopLoss
from kerasapp.tasks.translation.losses import SmoothedCrossEntropy
from pipelines.speech.clips import PADDING

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=[3, 5, 7], scale=2).astype("float32")
STEPS = np.array([4, 2, 0])  # of three utterances, padded to 4
REAL = np.arange(4) < STEPS[:, None]
MEL = np.where(REAL[:, :, None], RANDOM.normal(size=[3, 4, 5]), PADDING).astype("float32")
OUTPUTS = RANDOM.normal(size=[3, 4, 10]).astype("float32")
STOP = np.where(REAL, np.arange(4) >= STEPS[:, None] - 1, PADDING).astype("float32")
GUIDE = np.where(REAL[:, :, None], RANDOM.uniform(0.1, 1.0, [3, 4, 6]), 0).astype("float32")
ALIGNMENT = RANDOM.dirichlet(np.ones(6), [3, 4]).astype("float32")
TARGETS = np.array([[1, 2, 3, 4, 5], [6, 1, 0, 0, 0], [3, 3, 6, 0, 0]], "int32")


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_value_is_that_of_the_formula(smoothing):
    truth = reference.smoothed_cross_entropy(TARGETS, LOGITS.astype("float64"), smoothing)
    np.testing.assert_allclose(SmoothedCrossEntropy(smoothing)(TARGETS, LOGITS), truth, rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradient_is_that_of_the_formula(smoothing):
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = SmoothedCrossEntropy(smoothing)(TARGETS, logits)
    truth = reference.smoothed_cross_entropy_back(TARGETS, LOGITS.astype("float64"), smoothing)
    np.testing.assert_allclose(tape.gradient(value, logits), truth, atol=1e-6)


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


def test_spectrogram_loss_is_that_of_the_formula():
    before, after = (OUTPUTS[REAL][:, half] - MEL[REAL] for half in (slice(0, 5), slice(5, 10)))
    truth = sum(np.mean(np.abs(d)) + np.mean(d**2) for d in (before, after))
    np.testing.assert_allclose(SpectrogramLoss()(MEL, OUTPUTS), truth, rtol=1e-5)
    assert SpectrogramLoss()(MEL, np.concatenate([MEL, MEL], axis=-1)) == 0


def test_stop_loss_is_that_of_the_formula():
    logits = LOGITS[:, :4, 0]
    p, ends = reference.sigmoid(logits[REAL].astype("float64")), STOP[REAL]
    truth = 2.0 * np.mean(np.where(ends, -3 * np.log(p), -np.log(1 - p)))
    np.testing.assert_allclose(StopLoss(2.0, positive_weight=3.0)(STOP, logits), truth, rtol=1e-5)


def test_guided_attention_loss_is_the_mean_cost_of_a_step():
    truth = 0.5 * np.sum(GUIDE * ALIGNMENT) / np.sum(REAL)
    np.testing.assert_allclose(GuidedAttentionLoss(0.5)(GUIDE, ALIGNMENT), truth, rtol=1e-5)
    assert GuidedAttentionLoss()(np.zeros_like(GUIDE), ALIGNMENT) == 0


SPEECH = {
    "spectrogram": (SpectrogramLoss(), MEL, OUTPUTS),
    "stop": (StopLoss(2.0, 3.0), STOP, LOGITS[:, :4, 0]),
    "alignment": (GuidedAttentionLoss(0.3), GUIDE, ALIGNMENT),
}


@pytest.mark.parametrize("kind", SPEECH)
def test_padding_of_speech_does_not_count(kind):
    loss, targets, outputs = SPEECH[kind]
    truth, real = loss(targets, outputs), REAL.reshape([3, 4] + [1] * (outputs.ndim - 2))
    np.testing.assert_allclose(loss(targets, np.where(real, outputs, 1e4)), truth, rtol=1e-6)
    fill = 0 if kind == "alignment" else PADDING
    rest = [(0, 0)] * (targets.ndim - 2)
    longer = (
        np.pad(targets, [(0, 2), (0, 3), *rest], constant_values=fill),
        np.pad(outputs, [(0, 2), (0, 3), *rest], constant_values=9),
    )
    np.testing.assert_allclose(loss(*longer), truth, rtol=1e-6)
    assert loss(np.full_like(targets, fill), outputs) == 0.0


@pytest.mark.parametrize("kind", SPEECH)
def test_losses_of_speech_have_a_config(kind):
    loss, targets, outputs = SPEECH[kind]
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    np.testing.assert_array_equal(again(targets, outputs), loss(targets, outputs))


def test_losses_of_speech_in_one_model():
    shapes = {"mel_out": [None, 10], "stop": [None], "alignment": [None, 6]}
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    model = keras.Model(inputs, {name: keras.layers.Identity()(x) for name, x in inputs.items()})
    names = dict(zip(shapes, SPEECH.values()))
    model.compile(loss={name: loss for name, (loss, _, _) in names.items()})
    outputs = {name: values for name, (_, _, values) in names.items()}
    targets = {name: values for name, (_, values, _) in names.items()}
    result = model.evaluate(outputs, targets, batch_size=3, verbose=0, return_dict=True)
    truth = {f"{name}_loss": float(loss(y, x)) for name, (loss, y, x) in names.items()}
    assert result == pytest.approx({**truth, "loss": sum(truth.values())}, rel=1e-5)
