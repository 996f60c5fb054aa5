"""The signatures of a servable that speaks: empty batches, sounds in range, inputs out of range."""

import io

import numpy as np
import pytest
import soundfile
import tensorflow as tf

import kerasapp
from kerasapp.tasks.synthesis.spec import SPEC

MELS = 20


@pytest.fixture(scope="module")
def servable(speech_run):
    return kerasapp.load(speech_run).servable


def loaded(export):
    """The signatures as a server has them."""
    return tf.saved_model.load(str(export / "1")).signatures


@pytest.mark.parametrize("served", [False, True])
def test_a_batch_without_a_row_has_an_answer_without_a_row(servable, speech_export, served):
    signatures = loaded(speech_export) if served else servable.signatures()
    text = tf.zeros([0], tf.string)
    knobs = {name: tf.zeros([0], tf.constant(value).dtype) for name, value in SPEC.defaults.items()}
    spoken = signatures["synthesize"](text=text, **knobs)
    assert {name: value.shape[0] for name, value in spoken.items()} == dict.fromkeys(spoken, 0)
    assert spoken["mel"].shape[2] == MELS
    default = signatures["serving_default"](text=text)
    assert {name: value.shape for name, value in default.items()} == dict.fromkeys(default, (0,))
    for frames in (0, 7):
        sound = signatures["mel_to_audio"](mel=tf.zeros([0, frames, MELS]), frames=tf.zeros([0], tf.int32))
        assert sound["waveform"].shape == (0, 100 * frames) and sound["audio_bytes"].shape == (0,)
    assert signatures["tokenize"](text=text)["ids"].shape == (0, 0)


def test_a_loud_sound_is_clipped_in_the_waveform_as_in_the_file(servable):
    mel = tf.fill([1, 10, MELS], 3.0)
    sound = servable.mel_to_audio(mel, tf.constant([10]))
    wave = sound["waveform"].numpy()[0]
    assert np.abs(wave).max() == 1.0
    file, rate = soundfile.read(io.BytesIO(sound["audio_bytes"].numpy()[0]))
    assert rate == 8000
    np.testing.assert_allclose(file, wave, atol=2 / 32768)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_spectrogram_with_values_that_are_no_numbers_is_an_error(servable, value):
    mel = np.full([2, 6, MELS], -5.0, np.float32)
    mel[1, 4, 3] = value
    with pytest.raises(tf.errors.InvalidArgumentError, match="mel: must be finite numbers"):
        servable.mel_to_audio(tf.constant(mel), tf.constant([6, 5]))
    sound = servable.mel_to_audio(tf.constant(mel), tf.constant([6, 4]))  # beyond the end it does not matter
    assert np.all(np.isfinite(sound["waveform"]))


@pytest.mark.parametrize("row", [[4, 0, 5], [4, -1, 5], [4, 1_000, 5]])
def test_ids_that_no_character_has_are_an_error(servable, row):
    ids = tf.constant([[4, 5, 6], row])
    with pytest.raises(tf.errors.InvalidArgumentError, match="ids: must be from 1 to"):
        servable.encode(ids, tf.constant([3, 3]))
    states = servable.encode(ids, tf.constant([3, 1]))  # beyond the length they do not matter
    np.testing.assert_array_equal(states["mask"], [[1, 1, 1], [1, 0, 0]])


@pytest.mark.parametrize("length", [-1, 0, 4])
def test_a_length_that_the_ids_do_not_have_is_an_error(servable, length):
    with pytest.raises(tf.errors.InvalidArgumentError, match="lengths: must be from 1 to"):
        servable.encode(tf.constant([[4, 5, 6]]), tf.constant([length]))


def test_the_spectrogram_is_that_of_the_whole_answer(servable):
    text = tf.constant(["abc", "de"])
    knobs = {name: tf.fill([2], tf.constant(value)) for name, value in SPEC.defaults.items()}
    whole, part = servable.synthesize(text, **knobs), servable.spectrogram(text, **knobs)
    assert set(whole) - set(part) == {"waveform", "samples", "audio_bytes", "sample_rate", "seconds"}
    np.testing.assert_array_equal(part["mel"], whole["mel"])
