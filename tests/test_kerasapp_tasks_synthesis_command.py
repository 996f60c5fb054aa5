"""`kerasapp synthesize` around a synthesizer that hums: sentences joined, files numbered, trouble told."""

import gzip
import json
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
from PIL import Image

from kerasapp.cli import run
from kerasapp.commands import remote
from kerasapp.config import parsing
from kerasapp.config.building import build
from kerasapp.config.presets import preset
from kerasapp.tasks.synthesis import command as synthesize
from kerasapp.tasks.synthesis import sentences as speech_module

RATE = 8000
STEP = 200  # samples of two frames
PAUSE = 1600  # samples


class Speech(NamedTuple):
    audio: np.ndarray
    sample_rate: int
    seconds: float
    mel: np.ndarray
    alignment: np.ndarray
    tokens: list
    stop: np.ndarray
    stop_reason: str = "stop_token"
    coverage: float = 1.0
    backward_steps: int = 0
    sharpness: float = 0.9
    aligned: bool = True
    left_out: int = 0


class Hummer:
    """Answers as `Synthesizer` does, a step a character, as loud as the text is long.

    Digits are what it does not know, "!" makes it lose its place, "endless" its end. It keeps what
    it was asked.
    """

    def __init__(self):
        self.asked = []

    def check(self, texts):
        return [self._reason("".join(c for c in text if c.isalpha())) for text in texts]

    def lengths(self, texts):
        return [len(text) for text in texts]

    def _reason(self, known):
        return None if 0 < len(known) <= 100 else f"has {len(known)} letters" if known else "is mute"

    def synthesize(self, texts, progress=None, **knobs):
        assert not any(self.check(texts))
        self.asked.append((texts, knobs))
        return [self._speech(text) for text in texts]

    def _speech(self, text):
        steps, tokens = len(text) + 1, [*text, "</s>"]
        return Speech(
            audio=np.full(steps * STEP, len(text) / 100, np.float32),
            sample_rate=RATE,
            seconds=steps * STEP / RATE,
            mel=np.zeros([2 * steps, 64], np.float32),
            alignment=np.eye(steps, dtype=np.float32),
            tokens=tokens,
            stop=np.zeros(steps, np.float32),
            left_out=sum(c.isdecimal() for c in text),
            **{"stop_reason": "cap"} if "endless" in text else {},
            **{"aligned": False, "coverage": 0.5, "backward_steps": 3} if "!" in text else {},
        )


@pytest.fixture
def model(tmp_path):
    """A folder that looks like a run."""
    folder = tmp_path / "model"
    folder.mkdir()
    parsing.save(preset("synthesis"), folder / "config.yaml")
    (folder / "best.keras").write_bytes(b"")
    return str(folder)


@pytest.fixture
def hummer(monkeypatch):
    synthesizer = Hummer()
    monkeypatch.setattr(remote, "load", lambda path: synthesizer)
    return synthesizer


def heard(path):
    """The file as runs of one value: list of (hundredths, samples)."""
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.format, info.subtype) == (RATE, 1, "WAV", "PCM_16")
    wave, _ = soundfile.read(path)
    values = np.round(100 * wave).astype(int)
    ends = [*(np.flatnonzero(np.diff(values)) + 1), len(values)]
    return [(int(values[end - 1]), int(size)) for end, size in zip(ends, np.diff([0, *ends]), strict=True)]


@pytest.mark.parametrize("text", ["four zero", "-five", "--", "--six", "né"])
def test_one_sentence(model, hummer, tmp_path, capsys, text):
    text = "--a" if text == "--" else text
    words = ["synthesize", model, "--output", str(tmp_path / "a.wav"), "--seed", "7", "--", text]
    assert run(words) == 0
    assert heard(tmp_path / "a.wav") == [(len(text), (len(text) + 1) * STEP)]
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"{tmp_path / 'a.wav'}: ") and len(err.splitlines()) == 1
    ((texts, knobs),) = hummer.asked
    assert texts == [text]
    assert knobs == {
        "max_ratio": 0.3, "window": 0, "stop_threshold": 0.5, "prenet_dropout": 0.0, "seed": 7
    }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "model"]


def test_sentences_are_joined_with_pauses(model, hummer, tmp_path, monkeypatch):
    monkeypatch.setattr(speech_module, "AT_ONCE", 2)
    text = "One. Two three?\n\nFour, five six seven eight, nine ten eleven twelve."
    assert run(["synthesize", model, text, "--output", str(tmp_path / "a.wav"), "--longest", "30"]) == 0
    parts = ["One.", "Two three?", "Four, five six seven eight,", "nine ten eleven twelve."]
    assert [texts for texts, _ in hummer.asked] == [parts[:2], parts[2:]]
    said = [(len(part), (len(part) + 1) * STEP) for part in parts]
    silence = (0, PAUSE)
    assert heard(tmp_path / "a.wav") == [said[0], silence, said[1], silence, said[2], silence, said[3]]


def test_what_may_be_wrong_is_told(model, hummer, tmp_path, capsys):
    text = "Fine. An endless one. 7 of 99. Lost! 1 2 3."
    assert run(["synthesize", model, text, "--output", str(tmp_path / "a.wav"), "--json"]) == 0
    out, err = capsys.readouterr()
    places = ["TEXT: ", "TEXT, sentence 2: ", "TEXT, sentence 3: ", "TEXT, sentence 4: "]
    for line, place in zip(err.splitlines(), places, strict=False):
        assert line.startswith(place)
    for line, part in zip(err.splitlines(), ["left out", "cut off", "3 characters", "50%"], strict=False):
        assert part in line
    report = json.loads(out)
    (file,) = report["files"]
    assert file["file"] == str(tmp_path / "a.wav") and file["sample_rate"] == RATE
    assert file["seconds"] == report["seconds"] == soundfile.info(tmp_path / "a.wav").duration
    assert [row["stop_reason"] for row in file["sentences"]] == [
        "stop_token", "cap", "stop_token", "stop_token"
    ]  # fmt: skip
    assert [row["aligned"] for row in file["sentences"]] == [True, True, True, False]
    assert [row["left_out"] for row in file["sentences"]] == [0, 0, 3, 0]
    assert file["sentences"][0]["text"] == "Fine."


@pytest.mark.parametrize("text", ["ab cd", "One. Two. Three."])
def test_the_picture(model, hummer, tmp_path, capsys, text):
    words = ["--output", str(tmp_path / "a.wav"), "--plot", str(tmp_path / "a.png")]
    assert run(["synthesize", model, text, *words]) == 0
    assert Image.open(tmp_path / "a.png").format == "PNG"
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_long_text_is_drawn_in_part(model, hummer, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(synthesize, "DRAWN", 0.5)
    drawn = []
    monkeypatch.setattr(synthesize, "draw", lambda path, speeches, settings: drawn.extend(speeches))
    words = ["--output", str(tmp_path / "a.wav"), "--plot", str(tmp_path / "a.png")]
    assert run(["synthesize", model, "Abcdef. " * 9, *words]) == 0
    assert len(drawn) == 2  # of 0.2 s each
    assert "first 2 of 9 sentences" in capsys.readouterr().err


def test_speeches_joined_for_the_picture():
    first, second = Hummer().synthesize(["ab", "c"])
    found = speech_module.joined([first, second], 4, 2)
    assert found["tokens"] == ["a", "b", "</s>", "c", "</s>"]
    expected = np.zeros([3 + 4 + 2, 5])
    expected[:3, :3], expected[7:, 3:] = np.eye(3), np.eye(2)
    np.testing.assert_array_equal(found["alignment"], expected)
    np.testing.assert_array_equal(np.isnan(found["mel"][:, 0]), [False] * 6 + [True] * 8 + [False] * 4)
    assert found["stop"].shape == (9,)


@pytest.mark.parametrize("name", ["in.txt", "in.gz"])
def test_a_file_of_lines(model, hummer, tmp_path, capsys, name):
    content = b"\xef\xbb\xbffour\r\n\n12\nOne. Two!\n   \nt\xffo\n" + b"x" * 101 + b"\nlast"
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    words = ["synthesize", model, "--input", str(tmp_path / name), "--output", str(tmp_path / "out")]
    assert run([*words, "--json"]) == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0001.wav", "0004.wav", "0008.wav"]
    assert heard(tmp_path / "out" / "0001.wav") == [(4, 5 * STEP)]
    assert heard(tmp_path / "out" / "0004.wav") == [(4, 5 * STEP), (0, PAUSE), (4, 5 * STEP)]
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert [file["line"] for file in report["files"]] == [1, 4, 8]
    assert [row["line"] for row in report["unread"]] == [3, 6, 7]
    told = err.splitlines()
    assert told[0] == "line 3: is mute"
    assert told[1] == "line 6: is not UTF-8 (byte 2 of the line)" and told[2].startswith("line 7: has 101")
    assert told[3].startswith("line 4, sentence 2: words may be missing")
    assert "3 files" in told[4] and "3 could not be read" in told[4] and len(told) == 5


def test_a_folder_that_is_there_is_filled(model, hummer, tmp_path):
    (tmp_path / "in").write_bytes(b"four")
    (tmp_path / "out").mkdir()
    assert run(["synthesize", model, "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out")]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["0001.wav"]


def test_a_failure_leaves_the_output_as_it_was(model, hummer, tmp_path, monkeypatch):
    (tmp_path / "a.wav").write_text("before")
    monkeypatch.setattr(hummer, "synthesize", lambda texts, **knobs: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run(["synthesize", model, "four", "--output", str(tmp_path / "a.wav")]) == 130
    assert (tmp_path / "a.wav").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "model"]


BAD = {
    "no run": ("{here}/none x --output {here}/a.wav", "none"),
    "a run of another task": ("{here}/translation x --output {here}/a.wav", "kerasapp translate"),
    "no output": ("{model} x", "--output"),
    "no text": ("{model} --output {here}/a.wav", "TEXT, or --input"),
    "text and file": ("{model} x --input {model}/config.yaml --output {here}/a.wav", "TEXT, or --input"),
    "no such file": ("{model} --input {here}/none.txt --output {here}/out", "none.txt"),
    "damaged gzip": ("{model} --input {here}/cut.gz --output {here}/out", "cut.gz"),
    "output into no folder": ("{model} x --output {here}/no/a.wav", "no folder"),
    "output onto a folder": ("{model} x --output {here}", "is a folder"),
    "no WAV": ("{model} x --output {here}/a.mp3", "ends in .wav"),
    "lines into a file": ("{model} --input {here}/cut.gz --output {here}/cut.gz", "is a file"),
    "lines into no folder": ("{model} --input {here}/cut.gz --output {here}/no/out", "no folder"),
    "plot of lines": ("{model} --input {here}/cut.gz --output {here}/out --plot {here}/a.png", "--plot"),
    "plot into no folder": ("{model} x --output {here}/a.wav --plot {here}/no/a.png", "no folder"),
    "blank": ("{model}  --output {here}/a.wav", "TEXT: is mute"),
    "unknown symbols alone": ("{model} 1. --output {here}/a.wav", "TEXT: is mute"),
    "too long": ("{model} {long} --output {here}/a.wav --longest 600", "TEXT: has 101 letters"),
    "a part too long": ("{model} a,{long} --output {here}/a.wav --longest 600", "102 letters"),
    "not UTF-8": ("{model} \udcff --output {here}/a.wav", "TEXT: is not UTF-8"),
    "two texts": ("{model} good morning --output {here}/a.wav", "unknown argument morning"),
    "misspelt flag": ("{model} x --outpt {here}/a.wav --output {here}/a.wav", "--output"),
    "negative ratio": ("{model} x --output {here}/a.wav --max-ratio -1", "--max-ratio"),
    "threshold": ("{model} x --output {here}/a.wav --stop-threshold 2", "--stop-threshold"),
    "dropout": ("{model} x --output {here}/a.wav --prenet-dropout 1", "--prenet-dropout"),
    "seed": ("{model} x --output {here}/a.wav --seed 2147483648", "--seed"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case, model, hummer, tmp_path, capsys):
    other = tmp_path / "translation"
    other.mkdir()
    parsing.save(build(preset("translation", "tatoeba-zh-en")), other / "config.yaml")
    (other / "best.keras").write_bytes(b"")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(bytes(range(256)) * 99)[:300])
    words, named = BAD[case]
    places = {"here": tmp_path, "model": model, "long": "x" * 101}
    assert run(["synthesize", *(word.format(**places) for word in words.split(" "))]) == 2
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 1 and err[0].startswith("error: ") and named in err[0], err
    assert not (tmp_path / "a.wav").exists()


def test_help_needs_no_tensorflow():
    code = (
        "import sys; from kerasapp.tasks.synthesis import command as synthesize\n"
        "try: synthesize.main(['--help'])\n"
        "except SystemExit: print([m for m in ('tensorflow', 'matplotlib', 'soundfile') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
