"""The discriminator of spectrograms: patches, padding and batch, config, learning."""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf

from kerasapp.models.mel_discriminator import MelDiscriminator
from kerasapp.models.synthesis import PADDING

MELS = 11  # odd, so that a band at the edge is half a one
LENGTHS = np.array([19, 24, 1, 8])
RANDOM = np.random.default_rng(0)
MEL = RANDOM.normal(size=[4, 24, MELS]).astype("float32")
MEL[np.arange(24) >= LENGTHS[:, None]] = PADDING


@pytest.fixture(scope="module")
def model():
    model = MelDiscriminator(MELS, channels=[4, 5, 6])
    reference.randomise(model)
    return model


def run(model, mel):
    return {name: value.numpy() for name, value in model({"mel": mel}).items()}


def test_a_patch_is_a_step_of_eight_frames(model):
    found = run(model, MEL)
    assert {name: (value.shape, value.dtype) for name, value in found.items()} == {
        "scores": ((4, 3), np.dtype("float32")), "counted": ((4, 3), np.dtype("float32")),
    }  # fmt: skip
    np.testing.assert_array_equal(found["counted"], [[1, 1, 1], [1, 1, 1], [1, 0, 0], [1, 0, 0]])
    assert np.all((found["scores"] != 0) == (found["counted"] == 1))


def test_a_score_is_that_of_convolutions_by_hand(model):
    """With a single convolution: the frames around an even one, the bands around an even one, in NumPy."""
    small = MelDiscriminator(4, channels=[2])
    reference.randomise(small)
    kernel, bias, last, shift = (np.asarray(weight, "float64") for weight in small.get_weights())
    mel = RANDOM.normal(size=[5, 4])
    around = np.pad(mel, 1)  # frames, then bands
    hidden = np.zeros([3, 2, 2])
    for frame in range(3):
        for band in range(2):
            window = around[2 * frame : 2 * frame + 3, 2 * band : 2 * band + 3]
            value = np.einsum("tm,tmc->c", window, kernel[:, :, 0]) + bias
            hidden[frame, band] = np.where(value > 0, value, 0.2 * value)
    rows = np.pad(hidden.reshape([3, 4]), [(1, 1), (0, 0)])
    scores = [np.sum(rows[i : i + 3] * last[:, :, 0]) + shift[0] for i in range(3)]
    found = run(small, mel[np.newaxis].astype("float32"))["scores"][0]
    np.testing.assert_allclose(found, scores, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("added", [1, 2, 7, 8])
def test_padding_and_the_rest_of_the_batch_change_nothing(model, added):
    truth = run(model, MEL)["scores"]
    padded = np.pad(MEL, [(0, 0), (0, added), (0, 0)], constant_values=PADDING)
    np.testing.assert_allclose(run(model, padded)["scores"][:, :3], truth, rtol=1e-4, atol=1e-5)
    for row, length in enumerate(LENGTHS):
        alone = run(model, MEL[row : row + 1, :length])["scores"][0]
        assert len(alone) == -(-length // 8)
        np.testing.assert_allclose(alone, truth[row, : len(alone)], rtol=1e-4, atol=1e-5)


def test_config_and_file_round_trip(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(run(loaded, MEL)["scores"], run(model, MEL)["scores"])


def test_scores_are_float32_where_layers_compute_in_less():
    found = run(MelDiscriminator(MELS, dtype="mixed_bfloat16"), MEL)
    assert {value.dtype for value in found.values()} == {np.dtype("float32")}


def test_it_learns_to_tell_the_blurred_from_the_sharp():
    keras.utils.set_random_seed(0)
    model = MelDiscriminator(MELS, channels=[4, 4])
    optimizer = keras.optimizers.Adam(0.01)

    @tf.function
    def step(sharp, blurred):
        with tf.GradientTape() as tape:
            real, fake = (model({"mel": mel})["scores"] for mel in (sharp, blurred))
            loss = tf.reduce_mean((real - 1) ** 2) + tf.reduce_mean(fake**2)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    def pair():
        sharp = RANDOM.normal(size=[8, 32, MELS]).astype("float32")
        blurred = (sharp + np.roll(sharp, 1, 1)) / 2**0.5  # as loud, but smoother
        return sharp, blurred

    def told_apart():
        sharp, blurred = (np.mean(run(model, mel)["scores"]) for mel in pair())
        return sharp - blurred

    assert told_apart() < 0.2
    for _ in range(200):
        step(*pair())
    assert told_apart() > 0.5
