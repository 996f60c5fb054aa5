"""Sound to log-mel and back: against NumPy formulae, librosa and hand-made waves."""

import io
import types

import librosa
import numpy as np
import pytest
import soundfile
import tensorflow as tf
from waves import RATE, SETTINGS, tone, voice

from kerasapp.tasks.synthesis.audio_config import AudioConfig
from pipelines.speech.audio import frames, log_mel, mel_to_audio, wav_bytes

# === Log-mels ===


def reference(wave, settings):
    """The formula of `log_mel`'s docstring, frame by frame, in float64."""
    n = np.arange(settings.window)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / settings.window)
    hertz = np.arange(settings.fft_size // 2 + 1) * settings.sample_rate / settings.fft_size
    mel = 1127 * np.log(1 + np.stack([hertz, np.clip(hertz, settings.f_min, settings.f_top)]) / 700)
    low, high = (1127 * np.log(1 + f / 700) for f in (settings.f_min, settings.f_top))
    width = (high - low) / (settings.mels + 1)
    peaks = low + width * np.arange(1, settings.mels + 1)
    bank = np.maximum(0, 1 - np.abs(mel[0][:, None] - peaks) / width)  # [bins, mels]
    rows = []
    for start in range(0, len(wave), settings.hop):
        cut = np.zeros(settings.window)
        piece = wave[start : start + settings.window]
        cut[: len(piece)] = piece
        magnitude = np.abs(np.fft.rfft(cut * window, settings.fft_size)) / (window.sum() / 2)
        rows.append(np.log(np.maximum(magnitude @ bank, 10 ** (settings.floor_db / 20))))
    return np.array(rows)


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        AudioConfig(sample_rate=RATE, mels=30, f_min=80, f_max=3000, window_ms=32, hop_ms=10, floor_db=-60),
    ],
)
def test_log_mel_is_its_formula(settings):
    wave = voice(0.5)
    mel = log_mel(wave, settings)
    assert mel.shape == (frames(len(wave), settings), settings.mels)
    np.testing.assert_allclose(mel, reference(wave, settings), atol=2e-3)


def test_log_mel_beside_librosa():
    """librosa's triangles are linear in Hz, HTK's and ours in mel: up to a fifth of a nat in narrow bands."""
    settings = AudioConfig(sample_rate=RATE, mels=40, f_max=None)
    wave = voice(1.0)
    theirs = librosa.feature.melspectrogram(
        y=wave, sr=RATE, n_fft=512, win_length=None, window=np.pad(np.hanning(401)[:400], (0, 112)),
        hop_length=100, center=False, power=1, n_mels=40, htk=True, norm=None,
    )  # fmt: skip
    ours = log_mel(wave, settings).numpy()[: theirs.shape[1]]
    difference = np.abs(ours - np.log(np.maximum(theirs.T / 100, 1e-5)))
    assert difference.max() < 0.2 and difference.mean() < 0.03


def test_a_sine_of_full_scale_measures_0():
    settings = AudioConfig(sample_rate=RATE, mels=20, f_max=None)
    # a frequency that is both a bin of the transform and near the peak of its band
    hertz = round(settings.mel_frequencies[15] / (RATE / 512)) * RATE / 512
    mel = log_mel(tone(0.5, hertz, amplitude=1.0), settings).numpy()[5:30]
    assert (mel.argmax(axis=1) == 15).all()
    # the window's main lobe spreads over neighbouring bins, whose magnitudes add up
    assert (mel[:, 15] > 0).all() and (mel[:, 15] < 1).all()
    np.testing.assert_allclose(log_mel(np.zeros(1000, np.float32), settings), np.log(1e-5), rtol=1e-6)


def test_neither_padding_nor_other_rows_change_a_spectrogram():
    short, long = voice(0.31), voice(0.8, seed=1) * 3
    batch = np.stack([np.pad(short, (0, len(long) - len(short))), long])
    together = log_mel(batch, SETTINGS).numpy()
    for row, wave in zip(together, (short, long), strict=True):
        count = frames(len(wave), SETTINGS)
        np.testing.assert_allclose(row[:count], log_mel(wave, SETTINGS), atol=1e-4)


def test_the_number_of_frames_of_short_waves():
    for samples in (1, 99, 100, 101, 400):
        wave = np.zeros(samples, np.float32)
        assert log_mel(wave, SETTINGS).shape[0] == frames(samples, SETTINGS) == -(-samples // 100)
    np.testing.assert_array_equal(frames(np.array([1, 200, 201]), SETTINGS), [1, 2, 3])


def test_settings_are_known_by_their_attributes():
    names = ("sample_rate", "window", "hop", "fft_size", "mels", "f_min", "f_top", "floor_db")
    plain = types.SimpleNamespace(**{name: getattr(SETTINGS, name) for name in names})
    np.testing.assert_array_equal(log_mel(voice(0.1), plain), log_mel(voice(0.1), SETTINGS))


# === And back ===


@pytest.fixture(scope="module")
def sound():
    """mel_to_audio, traced once for any batch and length."""
    signature = [tf.TensorSpec([None, None, 40]), tf.TensorSpec([None], tf.int32)]
    return tf.function(
        lambda mel, count: mel_to_audio(mel, count, SETTINGS), autograph=False, input_signature=signature
    )


def test_copy_synthesis(sound):
    wave = voice(1.0)
    mel = log_mel(wave, SETTINGS)
    copy, samples = sound(mel[None], [len(mel)])
    assert copy.shape == (1, len(mel) * 100) and samples.numpy() == [len(mel) * 100]
    again = log_mel(copy[0], SETTINGS)
    assert np.abs(again - mel).mean() < 0.15  # nats
    magnitude = [
        np.abs(librosa.stft(x, n_fft=512, win_length=400, hop_length=100)) for x in (wave, copy[0].numpy())
    ]
    assert np.linalg.norm(magnitude[1] - magnitude[0]) < 0.35 * np.linalg.norm(magnitude[0])


def test_neither_padding_nor_other_rows_change_a_sample(sound):
    first, second = log_mel(voice(0.4), SETTINGS).numpy(), log_mel(voice(0.6, seed=1), SETTINGS).numpy()
    noise = np.random.default_rng(0).normal(size=(3, 70, 40)).astype(np.float32)
    noise[0, : len(first)], noise[1, : len(second)] = first, second
    together, samples = sound(noise, [len(first), len(second), 0])
    np.testing.assert_array_equal(samples, [len(first) * 100, len(second) * 100, 0])
    for row, mel in zip(together.numpy(), (first, second), strict=False):
        alone = sound(mel[None], [len(mel)])[0].numpy()[0]
        np.testing.assert_array_equal(row[: len(alone)], alone)
        assert not row[len(alone) :].any()
    assert not together[2].numpy().any()
    assert sound(noise[:1, :0], [0])[0].shape == (1, 0)


def test_the_lengths_that_the_network_gets_wrong(sound):
    """One frame, values beyond full scale, and more frames than there are: no overflow."""
    wave, samples = sound(np.full([1, 3, 40], 100, np.float32), [7])
    assert samples.numpy() == [300] and np.isfinite(wave).all()
    assert sound(np.zeros([1, 1, 40], np.float32), [1])[0].shape == (1, 100)


def test_wav_files(sound):
    waves = np.stack([np.pad(tone(0.1), (0, 200)), 3 * tone(0.125)])
    files = wav_bytes(waves, [800, 1000], RATE)
    for content, wave in zip(files.numpy(), (waves[0, :800], np.clip(waves[1], -1, 1)), strict=True):
        info = soundfile.info(io.BytesIO(content))
        assert (info.samplerate, info.channels, info.subtype) == (RATE, 1, "PCM_16")
        heard, _ = soundfile.read(io.BytesIO(content))
        np.testing.assert_allclose(heard, wave, atol=1.01 / 32768)
    assert soundfile.info(io.BytesIO(wav_bytes(waves[:1], [0], RATE).numpy()[0])).frames == 0


def test_a_served_graph_draws_nothing_and_needs_no_other_library(sound, tmp_path):
    class Speaker(tf.Module):
        @tf.function(autograph=False, input_signature=sound.input_signature)
        def __call__(self, mel, count):
            wave, samples = mel_to_audio(mel, count, SETTINGS)
            again = log_mel(wave, SETTINGS)
            return {"wave": wave, "mel": again, "audio_bytes": wav_bytes(wave, samples, RATE)}

    tf.saved_model.save(Speaker(), str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    graph = loaded.__call__.concrete_functions[0].graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    kinds = {node.op for node in nodes}
    assert {"RFFT", "IRFFT", "EncodeWav"} <= kinds
    assert not [kind for kind in kinds if "Random" in kind or ">" in kind or "PyFunc" in kind]
    mel = log_mel(voice(0.3), SETTINGS)[None]
    wave, _ = sound(mel, [mel.shape[1]])
    answer = loaded(mel, [mel.shape[1]])
    np.testing.assert_allclose(answer["wave"], wave, atol=1e-5)
    assert len(answer["audio_bytes"][0].numpy()) == 44 + 2 * wave.shape[1]
