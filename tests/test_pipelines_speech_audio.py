"""Sound files to waves: against soundfile and hand-made clips; and masks of spectrograms."""

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from waves import RATE, SETTINGS, tone, voice

from kerasapp.tasks.synthesis.audio_config import AudioConfig
from pipelines.errors import DataError, UnreadableError
from pipelines.speech.audio import prepared, read, spec_augment
from pipelines.speech.chunks import missing_bytes

# === Files ===


@pytest.mark.parametrize(("suffix", "subtype"), [("wav", "PCM_16"), ("flac", "PCM_24"), ("wav", "FLOAT")])
def test_channels_are_averaged_whatever_the_format(tmp_path, suffix, subtype):
    stereo = np.stack([tone(0.1), tone(0.1, 700)], axis=1)
    soundfile.write(tmp_path / f"clip.{suffix}", stereo, RATE, subtype=subtype)
    wave = read(tmp_path / f"clip.{suffix}", RATE)
    assert wave.dtype == np.float32
    np.testing.assert_allclose(wave, stereo.mean(axis=1), atol=1 / 32768)


def test_another_rate_is_resampled_to_the_same_tone(tmp_path):
    soundfile.write(tmp_path / "clip.wav", tone(0.5, rate=22_050), 22_050, subtype="FLOAT")
    wave = read(tmp_path / "clip.wav", RATE)
    assert len(wave) == RATE // 2
    np.testing.assert_allclose(wave[500:-500], tone(0.5)[500:-500], atol=2e-3)


def with_samples(flac, samples):
    """A FLAC file that says that it has so many samples; 0 stands for unknown, as where it was streamed."""
    header = int.from_bytes(flac[18:26], "big")  # 20 bits of rate, 8 of format, 36 of samples
    return flac[:18] + (header >> 36 << 36 | samples).to_bytes(8, "big") + flac[26:]


def bad_files(folder):
    soundfile.write(folder / "whole.flac", voice(2), RATE)
    whole = (folder / "whole.flac").read_bytes()
    (folder / "cut.flac").write_bytes(whole[: len(whole) // 2])
    (folder / "text.wav").write_text("three one four")
    (folder / "nothing.wav").touch()
    (folder / "headless.raw").write_bytes(bytes(100))
    soundfile.write(folder / "empty.wav", np.zeros(0), RATE)
    soundfile.write(folder / "nan.wav", np.array([0.1, np.nan]), RATE, subtype="FLOAT")
    (folder / "folder.wav").mkdir()
    (folder / "failing.wav").symlink_to("/proc/self/mem")  # opens, and its first byte is an error
    soundfile.write(folder / "whole.wav", voice(2), RATE)
    (folder / "cut.wav").write_bytes((folder / "whole.wav").read_bytes()[:-1000])
    soundfile.write(folder / "whole.aiff", voice(2), RATE)
    (folder / "cut.aiff").write_bytes((folder / "whole.aiff").read_bytes()[:-1000])
    (folder / "pointer.wav").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    soundfile.write(folder / "opposite.wav", np.stack([voice(1), -voice(1)], axis=1), RATE)
    (folder / "short.flac").write_bytes(with_samples(whole, 4 * RATE))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.wav", "no such file"),
        ("text.wav", "not a sound file"),
        ("nothing.wav", "not a sound file"),
        ("headless.raw", "not a sound file"),
        ("folder.wav", "cannot be read: Is a directory"),
        ("failing.wav", "cannot be read: Input/output error"),
        ("short.flac", "cut short: 16,000 of its 32,000 samples"),
        ("cut.flac", "not a sound file"),
        ("cut.wav", "cut short: 1,000 bytes of its sound are missing"),
        ("cut.aiff", "cut short: 1,000 bytes"),
        ("empty.wav", "no length"),
        ("nan.wav", "no number"),
        ("pointer.wav", "is a pointer of Git LFS; git lfs pull"),
        ("opposite.wav", "its channels cancel each other out; keep one"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, name, words):
    bad_files(tmp_path)
    with pytest.raises(DataError) as error:
        read(tmp_path / name, RATE)
    message = str(error.value)
    assert message.startswith(f"{tmp_path / name}: ") and words in message and "\n" not in message
    # What the system says may be otherwise another time; what is in the file will not.
    assert isinstance(error.value, UnreadableError) == ("cannot be read" in words or words == "no such file")


@pytest.mark.parametrize("samples", [0, 2**36 - 1, 4 * 10**9])
def test_a_flac_file_whose_header_does_not_know_its_length_is_read_to_its_end(tmp_path, samples):
    soundfile.write(tmp_path / "clip.flac", voice(9), RATE)
    whole = read(tmp_path / "clip.flac", RATE)
    content = (tmp_path / "clip.flac").read_bytes()
    (tmp_path / "clip.flac").write_bytes(with_samples(content, samples))
    np.testing.assert_array_equal(read(tmp_path / "clip.flac", RATE), whole)
    assert len(whole) == 9 * RATE


@pytest.mark.parametrize("size", [2**31 - 1, 2**32 - 1])
def test_a_wav_file_whose_header_does_not_know_its_length_is_read_to_its_end(tmp_path, size):
    soundfile.write(tmp_path / "clip.wav", voice(2), RATE)
    content = (tmp_path / "clip.wav").read_bytes()
    place = content.index(b"data") + 4
    (tmp_path / "clip.wav").write_bytes(content[:place] + size.to_bytes(4, "little") + content[place + 4 :])
    assert len(read(tmp_path / "clip.wav", RATE)) == 2 * RATE


@pytest.mark.parametrize("format", ["WAV", "WAVEX", "RF64", "AIFF", "W64", "AU", "CAF", "OGG"])
def test_whole_files_of_every_format_miss_nothing(tmp_path, format):
    soundfile.write(tmp_path / "clip", voice(1), RATE, format=format)
    assert missing_bytes(tmp_path / "clip") == 0
    if format in ("WAV", "WAVEX", "RF64", "AIFF"):
        content = (tmp_path / "clip").read_bytes()
        (tmp_path / "clip").write_bytes(content[:-7])
        assert missing_bytes(tmp_path / "clip") == 7


# === Silence and loudness ===


def test_the_silent_ends_are_cut_but_for_the_padding():
    hiss = 1e-4 * np.random.default_rng(0).normal(size=RATE).astype(np.float32)
    pause = np.zeros(RATE // 2, np.float32)
    wave = np.concatenate([hiss, tone(0.3), pause, tone(0.2), hiss])
    expected = np.concatenate([hiss[-160:], tone(0.3), pause, tone(0.2), hiss[:160]])  # 20 ms at either end
    as_recorded = AudioConfig(sample_rate=RATE, f_max=None, loudness_db=None)
    cut = prepared(wave, as_recorded)
    assert 0 <= len(cut) - len(expected) <= 2 * 160  # a frame of 20 ms, at either end, begins in the quiet
    start = np.flatnonzero(np.abs(cut) > 0.1)[0] - np.flatnonzero(np.abs(expected) > 0.1)[0]
    np.testing.assert_array_equal(cut[start + 160 :][:RATE], expected[160:][:RATE])


def test_the_loudness_is_that_of_what_sounds():
    def level(wave):
        return 20 * np.log10(np.sqrt(np.mean(wave.astype(np.float64) ** 2)))

    silence = np.zeros(RATE, np.float32)
    wave = np.concatenate([silence, tone(1.0, amplitude=0.01), silence])
    sounding = prepared(wave, AudioConfig(sample_rate=RATE, f_max=None, padding_ms=0))
    assert level(sounding) == pytest.approx(-23, abs=0.2)
    as_recorded = AudioConfig(sample_rate=RATE, f_max=None, trim_db=0, loudness_db=None)
    np.testing.assert_array_equal(prepared(wave, as_recorded), wave)


def test_an_offset_changes_nothing():
    silence = np.zeros(RATE, np.float32)
    wave = np.concatenate([silence, voice(1.0), silence])
    expected = prepared(wave, SETTINGS)
    assert len(expected) < 1.2 * RATE
    for offset in (0.2, -0.05):
        found = prepared(wave + np.float32(offset), SETTINGS)
        assert len(found) == len(expected)
        np.testing.assert_allclose(found, expected, atol=2e-3)
    with pytest.raises(DataError, match="silent"):
        prepared(silence + np.float32(0.2), SETTINGS)
    quiet = 0.05 * wave + np.float32(0.0009)  # too small an offset to take away, and above the silence
    assert len(prepared(quiet, SETTINGS)) == len(expected)


@pytest.mark.parametrize("clicks", ["before", "after", "both"])
def test_a_click_is_cut_with_the_silence(clicks):
    silence, click = np.zeros(2 * RATE, np.float32), np.array([0.95, -0.95], np.float32)
    wave = np.concatenate([silence, 0.3 * voice(1.0), silence])
    expected = prepared(wave, SETTINGS)
    if clicks != "after":
        wave[:2] = click
    if clicks != "before":
        wave[-2:] = click
    np.testing.assert_array_equal(prepared(wave, SETTINGS), expected)
    with pytest.raises(DataError, match="silent"):
        prepared(np.concatenate([silence, click, silence]), SETTINGS)


def hiss(seconds, amplitude, seed=0):
    return amplitude * np.random.default_rng(seed).normal(size=round(seconds * RATE)).astype(np.float32)


@pytest.mark.parametrize("ends", [(2, 2), (2, 0), (0, 2)])
def test_even_noise_at_an_end_is_silence(ends):
    start, end = (round(seconds * RATE) for seconds in ends)
    speech = tone(1.0) * np.linspace(0.2, 1, RATE, dtype=np.float32)
    clean = np.concatenate([np.zeros(start, np.float32), speech, np.zeros(end, np.float32)])
    assert 0 <= len(prepared(clean, SETTINGS)) - RATE <= 5 * 160  # 20 ms, of padding and of moments
    noisy = clean + hiss(len(clean) / RATE, 0.01)  # 28 dB below the speech
    for click in (False, True):
        noisy[100:102] += 0.9 * click * (start > 0)
        found = prepared(noisy, SETTINGS)
        assert abs(len(found) - RATE) <= 5 * 160


def test_a_quiet_start_that_is_uneven_or_no_quieter_is_speech():
    loud, fading = tone(1.0), np.geomspace(0.03, 0.3, RATE // 2, dtype=np.float32)
    for start in (tone(0.5) * fading, tone(0.5, amplitude=0.15)):
        assert len(prepared(np.concatenate([start, loud]), SETTINGS)) >= 1.5 * RATE


def test_a_short_burst_close_to_the_speech_stays():
    burst, closure = tone(0.02, 2000, 0.1), np.zeros(RATE // 10, np.float32)
    silence = np.zeros(RATE, np.float32)
    found = prepared(np.concatenate([silence, voice(0.5), closure, burst, silence]), SETTINGS)
    assert len(found) >= RATE * (0.5 + 0.1 + 0.02)


def test_the_peak_limits_the_loudness():
    wave = tone(1.0, amplitude=0.01)
    wave[4000] = 0.9  # a click
    loud = prepared(wave, AudioConfig(sample_rate=RATE, f_max=None, trim_db=0, loudness_db=-10))
    np.testing.assert_allclose(loud, wave * (0.99 / 0.9), rtol=1e-6)


@pytest.mark.parametrize("wave", [np.zeros(0), np.zeros(4000), tone(1.0, amplitude=1e-5)])
def test_silence_is_refused(wave):
    with pytest.raises(DataError, match="silent"):
        prepared(wave.astype(np.float32), SETTINGS)


def test_a_few_samples_are_no_speech():
    with pytest.raises(DataError, match=r"too short: 0\.1 ms of sound"):
        prepared(np.array([0.5], np.float32), SETTINGS)


# === Masks ===


def test_masks_are_runs_of_at_most_so_many_frames_and_bands():
    widths = set()
    for step in range(200):
        kept = (
            spec_augment(np.ones([12, 8], np.float32), [3, step], time_mask=4, frequency_mask=20).numpy() != 0
        )
        frames_kept, bands_kept = kept.any(axis=1), kept.any(axis=0)
        if kept.any():
            np.testing.assert_array_equal(kept, frames_kept[:, None] & bands_kept)
            assert (~frames_kept).sum() <= 4
            for line in (frames_kept, bands_kept):
                hidden = np.flatnonzero(~line)
                assert len(hidden) == 0 or hidden[-1] - hidden[0] == len(hidden) - 1
            widths.add(("time", int((~frames_kept).sum())))
        widths.add(("bands", int((~bands_kept).sum())))
    assert widths >= {("time", n) for n in range(5)} | {("bands", n) for n in range(9)}


def test_masks_are_a_function_of_the_seed_alone():
    mel = np.random.default_rng(0).normal(size=(30, 40)).astype(np.float32)
    once = spec_augment(mel, [1, 2], time_mask=10, frequency_mask=10)
    tf.random.set_seed(5)
    np.testing.assert_array_equal(once, spec_augment(mel, [1, 2], time_mask=10, frequency_mask=10))
    assert (once.numpy() != spec_augment(mel, [1, 3], time_mask=10, frequency_mask=10).numpy()).any()
    np.testing.assert_array_equal(mel, spec_augment(mel, [1, 2]))
