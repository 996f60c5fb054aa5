"""Phases found for a magnitude: against librosa's Griffin-Lim and TensorFlow's transform."""

import librosa
import numpy as np
import pytest
import tensorflow as tf

from kerasapp.tasks.synthesis.audio_config import AudioConfig
from pipelines.speech.griffin_lim import griffin_lim

RATE = 8000


def settings(**keys):
    return AudioConfig(sample_rate=RATE, mels=40, f_max=4000, **keys)


def magnitude(wave, audio):
    transform = tf.signal.stft(wave, audio.window, audio.hop, audio.fft_size, pad_end=True)
    return tf.abs(transform)


def voice(seconds):
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * time)) / RATE
    buzz = sum(np.sin(k * phase) / k for k in range(1, 15)) * np.sin(np.pi * time / seconds) ** 2
    return tf.constant(buzz / 4, tf.float32)


def convergence(wave, wanted, audio):
    """How far a wave's magnitudes are from the wanted ones, over their norm."""
    return np.linalg.norm(magnitude(wave, audio) - wanted) / np.linalg.norm(wanted)


@pytest.mark.parametrize("keys", [{}, {"window_ms": 32, "hop_ms": 10}, {"window_ms": 60, "hop_ms": 37.5}])
def test_more_rounds_come_closer_for_any_hop(keys):
    """Windows of whole hops, of 3.2 hops (longer than the FFT when rounded up), and of 1.6 hops."""
    wave = voice(0.8)
    reached = []
    for rounds in (0, 5, 40):
        audio = settings(griffin_lim_iterations=rounds, **keys)
        wanted = magnitude(wave, audio)
        found = griffin_lim(wanted, audio)
        assert found.shape == (len(wanted) * audio.hop,)
        reached.append(convergence(found, wanted, audio))
    assert reached[0] > reached[1] > reached[2] and reached[2] < 0.12


def test_as_close_as_librosa():
    wave = voice(1.0)
    audio = settings(griffin_lim_iterations=50)
    wanted = magnitude(wave, audio)
    window = np.pad(np.hanning(401)[:400], (0, 112))
    theirs = librosa.griffinlim(
        wanted.numpy().T, n_iter=50, hop_length=100, n_fft=512, window=window, center=False, random_state=0
    )
    ours = convergence(griffin_lim(wanted, audio), wanted, audio)
    theirs = np.pad(theirs, (0, 400))[: len(wave)].astype(np.float32)
    assert ours < 1.1 * convergence(tf.constant(theirs), wanted, audio)


def test_momentum_comes_closer_in_as_many_rounds():
    wave = voice(0.8)
    wanted = magnitude(wave, settings())
    reached = {}
    for momentum in (0.0, 0.99):
        audio = settings(griffin_lim_iterations=30, griffin_lim_momentum=momentum)
        reached[momentum] = convergence(griffin_lim(wanted, audio), wanted, audio)
    assert reached[0.99] < reached[0.0]


def test_the_same_wave_each_time_whatever_was_drawn_before():
    wanted = magnitude(voice(0.3), settings())
    first = griffin_lim(wanted, settings())
    tf.random.set_seed(3)
    np.testing.assert_array_equal(first, griffin_lim(wanted, settings()))


def test_twice_the_magnitude_is_twice_the_sound():
    audio = settings(griffin_lim_iterations=5)
    wanted = magnitude(voice(0.3), audio)
    np.testing.assert_allclose(griffin_lim(2 * wanted, audio), 2 * griffin_lim(wanted, audio), atol=1e-5)
    assert not griffin_lim(0 * wanted, audio).numpy().any()
