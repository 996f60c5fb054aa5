"""Waves to make spectrograms of, for the tests of pipelines."""

import numpy as np

from kerasapp.tasks.synthesis.audio_config import AudioConfig

RATE = 8000
SETTINGS = AudioConfig(sample_rate=RATE, mels=40, f_max=4000, griffin_lim_iterations=30)


def tone(seconds, hertz=440.0, amplitude=0.5, rate=RATE):
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(
        np.float32
    )


def voice(seconds, seed=0):
    """A buzz of many harmonics that glides and swells, over a little noise: a crude vowel."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(110 + 30 * np.sin(2 * np.pi * time)) / RATE
    buzz = sum(np.sin(k * phase) / k for k in range(1, 20)) * (1 + np.sin(2 * np.pi * 2 * time)) / 8
    return (buzz + 0.002 * rng.normal(size=len(time))).astype(np.float32)
