"""The commands around a small real model of synthesis, trained for a moment: what goes in and comes out."""

import json
import math
import random
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from tiny import SPEECH, TONES

import kerasapp
from kerasapp.cli import run

FIGURES = [
    "mel_l1", "mcd_db", "stopped_by_token", "aligned_utterances", "coverage", "backward_steps", "sharpness",
    "teacher_mel_l1", "mean_frame_mel_l1", "last_frame_mel_l1", "mel_real_time_factor",
    "audio_real_time_factor",
]  # fmt: skip


@pytest.fixture
def record(tmp_path):
    """Makes a folder of recordings of words: a tone for a letter."""

    def make(words, name="data"):
        folder = tmp_path / name
        (folder / "wavs").mkdir(parents=True)
        for i, word in enumerate(words):
            hertz = np.repeat([TONES.get(letter, 200) for letter in word] or [200], 800)
            sound = 0.3 * np.sin(2 * np.pi * np.cumsum(hertz) / 8000)
            soundfile.write(folder / "wavs" / f"o{i}.flac", sound, 8000)
        (folder / "metadata.csv").write_text("".join(f"o{i}|{word}\n" for i, word in enumerate(words)))
        return folder

    return make


def letters(count):
    draw = random.Random(5)
    return ["".join(draw.choices(list(TONES), k=3)) + "abc"[i % 3] for i in range(count)]


def evaluated(capsys, *words):
    """The report that `evaluate --json` prints, and what it says on standard error."""
    assert run(["evaluate", *map(str, words), "--json"]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert set(report) >= {"split", "items", "seconds", *FIGURES}
    assert all(math.isfinite(report[name]) for name in FIGURES)
    return report, captured.err


def test_evaluate_scores_the_splits_of_the_runs_own_data(speech_run, capsys):
    report, _ = evaluated(capsys, speech_run)
    assert (report["split"], report["items"]) == ("test", 3)
    assert run(["evaluate", str(speech_run), "--split", "valid"]) == 0
    table = capsys.readouterr().out
    assert all(name in table for name in FIGURES) and "valid" in table


def test_evaluate_scores_another_folder_whole(speech_run, record, capsys):
    words = letters(6)
    report, err = evaluated(capsys, speech_run, "--data.directory", record(words))
    assert (report["split"], report["items"]) == ("test", 6) and "left out" not in err
    # Other words for the same sounds: the levels and the characters stay those of the run.
    again, _ = evaluated(capsys, speech_run, "--data.directory", record(words, "more"))
    for name in FIGURES[:-2]:
        assert again[name] == pytest.approx(report[name], rel=1e-5)


def test_evaluate_names_each_clip_that_it_leaves_out(speech_run, record, capsys):
    folder = record([*letters(6), "xyz", "a" * 601, "", "abz", "ab", "cd", "ef"])
    (folder / "wavs" / "o12.flac").write_text("no sound")
    words = ["--data.directory", folder, "--data.max_failures", "0.5", "--data.max_seconds", "60"]
    report, err = evaluated(capsys, speech_run, *words)
    assert report["items"] == 9
    for line in (
        "4 of 13 clips are left out:",
        "  o6: none of its characters is known",
        "  o7: 601 characters; expected at most 600",
        "  o8: it has no transcript",
        "  o12: not a sound file that can be read",
        "are not in the vocabulary: z 1; no model can read or write these",
    ):
        assert line in err


def train(folder, recordings, *flags):
    words = ["train", "synthesis", "--preset", "ljspeech", "--run", str(folder), "--data.directory"]
    return [*words, str(recordings), *SPEECH, *flags]


BAD = {
    "no folder": ("none", None, "none: no such folder"),
    "too few fields": ("data", "o0|abc\no1\n", "metadata.csv: line 2: 1 field;"),
    "too many fields": ("data", "o0|a|b|c\n", "metadata.csv: line 1: 4 fields;"),
    "no table": ("data/wavs", None, "metadata.csv: no such file"),
    "an id twice": ("data", "o0|abc\no0|abc\n", "line 2: the id o0 was there before"),
    "clips that are not there": ("data", "x|abc\ny|abc\n", "2 of 2 clips cannot be used"),
    "another sample": ("sample:words", None, "sample:words: no such sample"),
}


@pytest.mark.parametrize("command", ["train", "evaluate"])
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case, command, record, speech_run, tmp_path, capsys):
    name, table, named = BAD[case]
    folder = record(letters(3))
    if table:
        (folder / "metadata.csv").write_text(table)
    data = name if name.startswith("sample:") else str(tmp_path / name)
    if command == "train":
        words = train(tmp_path / "new", data)
    else:
        words = ["evaluate", str(speech_run), "--data.directory", data]
    assert run(words) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "Traceback" not in captured.err
    errors = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert errors == captured.err.splitlines()[-1:] and named in errors[0], captured.err
    assert not (tmp_path / "new").exists()


def saved(folder):
    """How often a run has been saved: once before its first step, and here after each."""
    path = folder / "checkpoints" / "checkpoint"
    return int(re.search(r"ckpt-(\d+)", path.read_text())[1]) if path.exists() else 0


@pytest.mark.slow
def test_a_run_killed_twice_ends_with_the_weights_of_an_undisturbed_one(tmp_path, speech_folder):
    flags = ["--training.steps", "30", "--training.save_seconds", "0.001", "--training.average", "0.9"]
    flags += ["--data.time_mask", "2", "--data.frequency_mask", "3", "--training.guide_steps", "20"]

    def command(name):
        return [sys.executable, "-m", "kerasapp", *train(tmp_path / name, speech_folder, *flags)]

    subprocess.run(command("calm"), check=True, capture_output=True)
    for moment in (6, 17):
        process = subprocess.Popen(command("killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while saved(tmp_path / "killed") < moment:
            assert process.poll() is None, "ended before it could be killed"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = subprocess.run(command("killed"), check=True, capture_output=True, text=True)
    assert "going on with this run" in last.stderr
    calm, killed = (kerasapp.load(tmp_path / name).model for name in ("calm", "killed"))
    for a, b in zip(calm.get_weights(), killed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
