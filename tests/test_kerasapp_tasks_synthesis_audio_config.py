"""The parameters of sound: what follows from them, and what is refused."""

import librosa
import numpy as np
import pytest

from kerasapp.errors import ConfigError
from kerasapp.tasks.synthesis.audio_config import AudioConfig


def test_milliseconds_become_samples():
    audio = AudioConfig()
    # 12.5 ms of 22,050 Hz are 275.6 samples; a window of 50 ms is four hops
    assert (audio.hop, audio.window, audio.fft_size) == (276, 4 * 276, 2048)
    assert audio.hop_seconds == 276 / 22_050
    eight = AudioConfig(sample_rate=8000, mels=64, f_max=None)
    assert (eight.hop, eight.window, eight.fft_size, eight.f_top) == (100, 400, 512, 4000)
    odd = AudioConfig(sample_rate=16_000, window_ms=32, hop_ms=10)
    assert (odd.hop, odd.window, odd.fft_size) == (160, 512, 512)


def test_the_bands_peak_at_equal_distances_in_mel():
    frequencies = np.array(AudioConfig(mels=80, f_min=50, f_max=8000).mel_frequencies)
    mel = 2595 * np.log10(1 + np.array([50, *frequencies, 8000]) / 700)  # HTK, written otherwise
    np.testing.assert_allclose(np.diff(mel), (mel[-1] - mel[0]) / 81, rtol=1e-3)
    assert len(frequencies) == 80


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"sample_rate": 8000}, ["audio.f_max: 8000 Hz", "4000", "audio.sample_rate"]),
        ({"f_min": 8000}, ["audio.f_min: 8000 Hz", "audio.f_max, 8000 Hz"]),
        ({"sample_rate": 8000, "f_max": None, "f_min": 4000}, ["audio.f_min: 4000 Hz", "4000 Hz"]),
        ({"hop_ms": 50}, ["audio.window_ms: 50", "audio.hop_ms, 50"]),
        ({"window_ms": 12.51}, ["audio.window_ms: 12.51"]),  # as many samples as the hop
        ({"hop_ms": 0.01}, ["audio.hop_ms: 0.01", "one sample", "22050 Hz"]),
        ({"mels": 400}, ["audio.mels: 400", "band ", "audio.window_ms"]),
        ({"sample_rate": 0}, ["audio.sample_rate: 0"]),
        ({"floor_db": 0}, ["audio.floor_db: 0"]),
        ({"loudness_db": 3}, ["audio.loudness_db: 3"]),
        ({"griffin_lim_momentum": 1}, ["audio.griffin_lim_momentum: 1"]),
    ],
)
def test_what_cannot_be_names_its_keys(keys, words):
    with pytest.raises(ConfigError) as error:
        AudioConfig(**keys)
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.filterwarnings("ignore:Empty filters:UserWarning")
@pytest.mark.parametrize("mels", [200, 300, 320, 330, 340, 360, 400])
def test_too_many_bands_are_refused_exactly_where_one_is_empty(mels):
    bank = librosa.filters.mel(sr=22_050, n_fft=2048, n_mels=mels, fmin=0, fmax=8000, htk=True, norm=None)
    try:
        AudioConfig(mels=mels)
    except ConfigError:
        assert not bank.any(axis=1).all()
    else:
        assert bank.any(axis=1).all()
