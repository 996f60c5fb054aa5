"""The recipe of the digits that are shipped."""

import hashlib
import io
import zipfile
from collections import Counter
from importlib import resources

import numpy as np
import pytest
import soundfile

from kerasapp.tasks.synthesis.audio_config import AudioConfig
from pipelines.speech import digits
from pipelines.speech.recordings import read_recordings
from pipelines.synthesis import prepare

LONGEST = 1.0  # seconds of a digit, as recorded: 0.88
FRACTIONS = (0.6, 0.2, 0.2)


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Three utterances of each length, made twice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits, "_COUNTS", (3,) * 6)
        roots = [tmp_path_factory.mktemp("cache") for _ in range(2)]
        lines = []
        folders = [digits.folder_of(root, FRACTIONS, lines.append) for root in roots]
        assert digits.folder_of(roots[0], FRACTIONS, lines.append) == folders[0]
        assert lines == ["joining 18 utterances of sample:digits"] * 2
    return folders


def hashes(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_recipe_gives_the_same_each_time(few):
    assert hashes(few[0]) == hashes(few[1])
    assert few[0].name == few[1].name


@pytest.mark.parametrize("damage", ["emptied", "missing"])
def test_utterances_that_were_cut_off_are_joined_anew(damage, monkeypatch, tmp_path):
    monkeypatch.setattr(digits, "_COUNTS", (2, 2))
    lines = []
    folder = digits.folder_of(tmp_path, FRACTIONS, lines.append)
    before, path = hashes(folder), folder / "wavs" / "digits-0003.flac"
    path.write_bytes(b"")  # as after a power cut
    if damage == "missing":
        path.unlink()
    assert digits.folder_of(tmp_path, FRACTIONS, lines.append) == folder
    assert hashes(folder) == before and len(lines) == 2


def test_each_string_is_read_once_and_some_short_ones_are_left():
    found = digits.strings()
    assert len(found) == len(set(found)) == 2400
    assert Counter(map(len, found)) == {1: 10, 2: 60, 3: 530, 4: 600, 5: 600, 6: 600}
    spoken = Counter(digit for string in found for digit in string)
    assert set(spoken) == set(range(10)) and max(spoken.values()) < 1.2 * min(spoken.values())


def test_utterances_have_their_digits_and_pauses(few):
    recordings = read_recordings(few[0])
    assert len(recordings) == 18 and not any(recording.problem for recording in recordings)
    for recording in recordings:
        wave, rate = soundfile.read(recording.path)
        words = recording.transcript.split()
        assert rate == 8000 and set(words) <= set(digits.WORDS)
        assert 0.2 * len(words) < len(wave) / rate < 0.1 + LONGEST * len(words) + 0.16 * (len(words) - 1)
        assert 0.05 < np.abs(wave).max() < 0.99
        edge = wave[:300]  # before the first digit: the room, about -65 dB, not digital silence
        assert -70 < 10 * np.log10((edge**2).mean()) < -60


def test_the_clips_left_to_the_benchmark_are_not_used(monkeypatch, tmp_path):
    read = []
    whole = zipfile.ZipFile.read
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda self, name: read.append(name) or whole(self, name))
    monkeypatch.setattr(digits, "_COUNTS", (1,))
    digits.digits(tmp_path, FRACTIONS)
    assert sorted({int(name.removesuffix(".flac").split("_")[2]) for name in read}) == list(range(10, 50))


@pytest.mark.parametrize("fractions", [FRACTIONS, (0.9, 0.05, 0.05)])
def test_no_clip_of_a_split_is_in_another(fractions, monkeypatch, tmp_path):
    def tones(takes):  # the level of a clip tells which take it is, and its length which digit
        return [[np.full(4000 + digit, take / 100) for take in takes] for digit in range(10)]

    monkeypatch.setattr(digits, "_read_clips", tones)
    monkeypatch.setattr(digits, "_noise", lambda: np.zeros(30 * 8000))
    monkeypatch.setattr(digits, "_COUNTS", (10, 60, 100))
    settings = AudioConfig(sample_rate=8000, mels=8, f_max=4000.0)
    corpus = prepare(
        directory=digits.NAME, settings=settings, split=fractions, cache=tmp_path, language="english_digits"
    )
    (folder,) = (path.parent for path in tmp_path.rglob("metadata.csv"))
    used = {name: set() for name in corpus.sizes}
    for name in used:
        for id in corpus.ids(name):
            wave, _ = soundfile.read(folder / "wavs" / f"{id}.flac")
            used[name] |= set(np.unique(np.round(wave[wave > 0.05], 2)))
    assert sum(corpus.sizes.values()) == 170 and all(used.values())
    assert not (used["train"] & used["test"] or used["train"] & used["valid"] or used["valid"] & used["test"])


def test_the_sample_holds_one_voice_without_the_official_test_clips():
    archive = zipfile.ZipFile(str(resources.files("pipelines")) + "/samples/digits.zip")
    expected = {f"{digit}_jackson_{take}.flac" for digit in range(10) for take in range(5, 50)}
    assert set(archive.namelist()) == expected and archive.testzip() is None
    wave, rate = soundfile.read(io.BytesIO(archive.read("7_jackson_32.flac")), dtype="int16")
    assert rate == 8000 and wave.ndim == 1 and 0.2 < len(wave) / rate < LONGEST
