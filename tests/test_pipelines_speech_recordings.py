"""Reading folders in the form of LJSpeech."""

import re

import numpy as np
import pytest
import soundfile

from pipelines.errors import DataError
from pipelines.speech.recordings import read_recordings, same_sounds


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
    table = "\ufeffa|Dr. X|doctor  x\r\nb.flac|one|\n c |2|\nd||\ne|gone|\nf|twice|\n\n \n"
    found = read_recordings(folder(table, ["a.wav", "b.flac", "c.ogg", "d.WAV", "f.wav", "f.flac"], "clips"))
    assert [(r.id, r.transcript, r.path and r.path.name, r.problem) for r in found] == [
        ("a", "doctor x", "a.wav", ""),
        ("b.flac", "one", "b.flac", ""),
        ("c", "2", "c.ogg", ""),
        ("d", "", "d.WAV", "it has no transcript"),
        ("e", "gone", None, "the clip is missing"),
        ("f", "twice", None, "several clips have its name: f.flac, f.wav"),
    ]
    contents = [recording.content for recording in found]
    assert contents[4:] == ["", ""] and len(set(contents[:4])) == 4


def test_one_sound_under_two_names_is_named_unless_it_has_one_text(folder):
    path = folder("a|one\nb|two\nc|three\nd|three\n", ["a.wav", "b.wav", "c.wav"])
    for copy, of in (("b", "a"), ("d", "c")):
        (path / "wavs" / f"{copy}.wav").write_bytes((path / "wavs" / f"{of}.wav").read_bytes())
    found = same_sounds(read_recordings(path))
    assert found == {
        one: f"its sound is that of {other} too, which has another transcript" for one, other in ("ab", "ba")
    }


@pytest.mark.parametrize(
    ("ids", "files"),
    [
        (["spk1/a.wav", "spk2/a.wav"], ["spk1/a.wav", "spk2/a.wav"]),
        (["spk1/a", "wavs/spk2/a"], ["spk1/a.wav", "spk2/a.wav"]),
        (["a", "b.wav"], ["one/a.wav", "two/below/b.wav"]),
        (["./wavs/a.wav", "/elsewhere/wavs/b.wav"], ["a.wav", "b.flac"]),
        (["wavs\\a.wav", "spk\\b"], ["a.wav", "spk/b.WAV"]),
        (["\u00e9a", "e\u0301b.wav"], ["e\u0301a.wav", "\u00e9b.wav"]),
        (["a.b", "c.d.wav"], ["a.b.wav", "c.d.wav"]),
    ],
)
def test_clips_are_found_by_path_by_name_and_in_any_form(folder, ids, files):
    path = folder("".join(f"{id}|text\n" for id in ids), [])
    for number, file in enumerate(files):
        (path / "wavs" / file).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path / "wavs" / file, np.full(80, number / 100), 8000)
    found = read_recordings(path)
    assert [(r.path, r.problem) for r in found] == [(path / "wavs" / file, "") for file in files]
    assert found[0].content != found[1].content


def test_one_clip_of_two_ids_is_a_problem_of_both(folder):
    path = folder("spk1/a.wav|one\nspk2/a.wav|two\nb|three\n", ["a.wav", "b.wav"])
    assert [r.problem for r in read_recordings(path)] == [
        "a.wav is the clip of spk2/a.wav too",
        "a.wav is the clip of spk1/a.wav too",
        "",
    ]


def test_one_name_in_two_folders_is_a_problem(folder):
    path = folder("a|one\n", [])
    for place in ("x", "y"):
        (path / "wavs" / place).mkdir()
        soundfile.write(path / "wavs" / place / "a.wav", np.zeros(80), 8000)
    assert read_recordings(path)[0].problem == "several clips have its name: x/a.wav, y/a.wav"


def test_a_format_that_is_not_read_is_named(folder):
    path = folder("a|one\nb.m4a|two\nc|three\n", [])
    for name in ("a.m4a", "b.m4a", "c.txt"):
        (path / "wavs" / name).write_bytes(b"x")
    cure = "not a format that libsndfile reads; convert it to WAV or FLAC"
    assert [r.problem for r in read_recordings(path)] == [
        f"a.m4a: {cure}", f"b.m4a: {cure}", "the clip is missing"
    ]  # fmt: skip


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
        (
            "a,x\nb,y\n",
            "line 1: 1 field; expected id|transcript or id|transcript|normalised transcript, such "
            "as by sed 's/,/|/' ",
        ),
        ("a\tx\nb\ty\n", "normalised transcript, such as by tr '\\t' '|' < "),
        ("a|x\nb\n", "metadata.csv: line 2: 1 field; expected id|transcript or"),
        ("a|x\n\nb|y\n", "metadata.csv: line 2: 1 field; expected"),
        ("a|x|y|z\n", "metadata.csv: line 1: 4 fields; expected"),
        ("a|x\n |y\n", "metadata.csv: line 2: the id is empty"),
        (
            "a|x\nb|no|yes\n",
            "metadata.csv: line 2: 3 fields, and the lines before have 2; expected id|",
        ),
        ("a|x|x\nb|y\n", "metadata.csv: line 2: 2 fields, and the lines before have 3; expected"),
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
