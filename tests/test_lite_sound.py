"""The small runtime's waves against those of `pipelines.speech.audio`."""

import io
import wave

import numpy as np
import pytest
import tensorflow as tf

from kerasapp.tasks.synthesis.audio_config import AudioConfig
from kerasapp_lite.sound import griffin_lim, mel_bank, mel_to_audio, write_wav
from pipelines.speech import audio
from pipelines.speech import griffin_lim as reference

SETTINGS = [
    AudioConfig(sample_rate=8000, mels=40, f_max=4000, griffin_lim_iterations=5),
    AudioConfig(window_ms=40, hop_ms=15, f_min=50, griffin_lim_iterations=3, griffin_lim_momentum=0.5),
]


def parameters(settings):
    """What the metadata of a bundle have of an `AudioConfig`."""
    names = "sample_rate", "window", "hop", "fft_size", "f_min"
    names += "griffin_lim_iterations", "griffin_lim_momentum"
    return {**{name: getattr(settings, name) for name in names}, "f_max": settings.f_top}


def tone(settings):
    time = np.arange(settings.sample_rate // 4) / settings.sample_rate
    sound = 0.4 * np.sin(2 * np.pi * 440 * time) + 0.2 * np.sin(2 * np.pi * (700 + 900 * time) * time)
    return sound.astype("float32")


@pytest.mark.parametrize("settings", SETTINGS)
def test_mel_bank_is_that_of_tensorflow(settings):
    expected = tf.signal.linear_to_mel_weight_matrix(
        settings.mels, settings.fft_size // 2 + 1, settings.sample_rate, settings.f_min, settings.f_top
    )
    np.testing.assert_allclose(mel_bank(settings.mels, parameters(settings)), expected, atol=2e-5)


@pytest.mark.parametrize("settings", SETTINGS)
def test_griffin_lim_is_that_of_the_servable(settings):
    magnitude = np.abs(np.random.default_rng(0).normal(size=[30, settings.fft_size // 2 + 1])).astype(
        "float32"
    )
    expected = reference.griffin_lim(tf.constant(magnitude), settings).numpy()
    found = griffin_lim(magnitude, parameters(settings))
    assert found.dtype == np.float32 and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("settings", SETTINGS)
def test_mel_to_audio_has_the_mel_that_it_was_given(settings):
    mel = audio.log_mel(tone(settings), settings).numpy()
    sound = mel_to_audio(mel, parameters(settings))
    expected, _ = audio.mel_to_audio(mel[None], [len(mel)], settings)
    near = np.abs(audio.log_mel(sound, settings).numpy() - mel).mean()
    own = np.abs(audio.log_mel(expected[0], settings).numpy() - mel).mean()
    assert sound.shape == expected.shape[1:]
    assert near < own * 1.05 + 0.01


def test_a_mel_that_is_far_too_loud_is_a_loud_sound():
    """exp(200) is infinite in float32, and sound would be no number."""
    settings = SETTINGS[0]
    loud, louder = (np.full([20, settings.mels], level, "float32") for level in (10.0, 200.0))
    found = mel_to_audio(louder, parameters(settings))
    assert np.abs(found).max() == 1.0
    np.testing.assert_array_equal(found, mel_to_audio(loud, parameters(settings)))


def test_write_wav_is_read_back():
    file, sound = io.BytesIO(), np.array([0.0, 0.5, -0.5, 1.0, -1.0, 3.0], "float32")
    write_wav(file, sound, 8000)
    file.seek(0)
    with wave.open(file) as read:
        assert (read.getnchannels(), read.getsampwidth(), read.getframerate()) == (1, 2, 8000)
        samples = np.frombuffer(read.readframes(6), "<i2")
    assert samples.tolist() == [0, 16384, -16384, 32767, -32767, 32767]
