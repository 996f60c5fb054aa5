"""Reading folders in the form of LJSpeech."""

import re

import numpy as np
import pytest
import soundfile

from pipelines.errors import DataError
from pipelines.speech.recordings import read_recordings


@pytest.fixture
def folder(tmp_path):
    """Makes a folder of a table and of clips, each of another sound."""

    def make(table, files, clips="wavs"):
        (tmp_path / "metadata.csv").write_bytes(table.encode() if isinstance(table, str) else table)
        (tmp_path / clips).mkdir()
        for number, name in enumerate(files):
            soundfile.write(tmp_path / clips / name, np.full(80, number / 100), 8000)
        return tmp_path

    return make


def test_a_folder_by_hand(folder):
    table = "\ufeffa|Dr. X|doctor  x\r\nb.flac|one\n c |2|\nd||\ne|gone\nf|twice\n"
    found = read_recordings(folder(table, ["a.wav", "b.flac", "c.ogg", "d.WAV", "f.wav", "f.flac"], "clips"))
    assert [(r.id, r.transcript, r.path and r.path.name, r.problem) for r in found] == [
        ("a", "doctor x", "a.wav", ""),
        ("b.flac", "one", "b.flac", ""),
        ("c", "2", "c.ogg", ""),
        ("d", "", "d.WAV", "it has no transcript"),
        ("e", "gone", None, "the clip is missing"),
        ("f", "twice", "f.flac", "several clips have its name: f.flac, f.wav"),
    ]
    contents = [recording.content for recording in found]
    assert contents[4:] == ["", ""] and len(set(contents[:4])) == 4


def test_what_is_no_clip_is_passed_over(folder):
    path = folder("a|one\n", ["a.wav"])
    (path / "wavs" / "a.txt").write_text("one")
    (path / "wavs" / "b.wav").mkdir()
    assert read_recordings(path)[0].problem == ""
    (path / "metadata.csv").write_text("b|two\n")
    assert read_recordings(path)[0].problem == "the clip is not a file"


def test_a_clip_that_the_system_cannot_read_is_a_problem_of_its_own(folder):
    path = folder("a|one\nb|two\n", ["a.wav"])
    (path / "wavs" / "b.wav").symlink_to("/proc/self/mem")  # opens, and its first byte is an error
    found = read_recordings(path)
    assert [recording.problem for recording in found] == ["", "cannot be read: Input/output error"]
    assert [bool(recording.content) for recording in found] == [True, False]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("a|x\nb\n", "metadata.csv: line 2: 1 field; expected id|transcript or"),
        ("a|x\n\nb|y\n", "metadata.csv: line 2: 1 field; expected"),
        ("a|x|y|z\n", "metadata.csv: line 1: 4 fields; expected"),
        ("a|x\n |y\n", "metadata.csv: line 2: the id is empty"),
        ("a|x\nb|y\na|z\n", "metadata.csv: line 3: the id a was there before"),
        (b"a|x\nb|\xff\n", "metadata.csv: byte 6, line 2: not UTF-8"),
        ("", "metadata.csv: the file is empty"),
    ],
)
def test_an_unusable_table_is_named_with_its_line(folder, table, message):
    with pytest.raises(DataError, match=re.escape(message)) as error:
        read_recordings(folder(table, ["a.wav"]))
    assert "\n" not in str(error.value)


def test_folders_that_are_not_there_are_named(tmp_path):
    with pytest.raises(DataError, match="gone: no such folder; expected one with metadata"):
        read_recordings(tmp_path / "gone")
    with pytest.raises(DataError, match=r"metadata\.csv: no such file"):
        read_recordings(tmp_path)
    (tmp_path / "metadata.csv").write_text("a|x\n")
    with pytest.raises(DataError, match="no folder of clips; expected wavs/ or clips/"):
        read_recordings(tmp_path)
