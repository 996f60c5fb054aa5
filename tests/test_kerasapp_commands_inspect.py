"""`kerasapp inspect`: what is asked of a model, and what is refused before or after it is loaded."""

import gzip
import json
import re

import hand_made
import pytest

from kerasapp import spec
from kerasapp.cli import run
from kerasapp.commands import inspect
from kerasapp.config import parsing
from kerasapp.config.building import build
from kerasapp.config.presets import preset

PRESETS = {"generation": "tinyshakespeare", "translation": "tatoeba-zh-en", "synthesis": "digits"}


@pytest.fixture
def folders(tmp_path):
    """Folders that look like runs, by task."""
    for task, name in PRESETS.items():
        (tmp_path / task).mkdir()
        parsing.save(build(preset(task, name)), tmp_path / task / "config.yaml")
        (tmp_path / task / "best.keras").write_bytes(b"")
    return tmp_path


@pytest.fixture
def loaded(monkeypatch):
    """What is loaded in place of a run: a model whose weights were drawn."""
    monkeypatch.setattr(inspect, "_load", lambda path: hand_made.generator("ab \n"))


def contents(path):
    text = path.read_text("utf-8")
    return json.loads(re.search(r'id="contents">(.*?)</script>', text, re.DOTALL)[1])


def test_a_report_of_a_run(tiny_run, tmp_path, capfd):
    path = tmp_path / "report.html"
    text = "What say you, Juliet? 人生"
    assert run(["inspect", str(tiny_run), "--text", text, "--output", str(path)]) == 0
    found = contents(path)
    assert "".join(found["tokens"]) == text and found["model"]["units"] == 24
    assert "<title>tiny: what it does with a text</title>" in path.read_text("utf-8")
    out, err = capfd.readouterr()
    assert out == "" and re.search(r"report\.html: 0\.\d\d MB, in \d+\.\d s; loading the model took", err)


def test_the_beginning_of_a_file_is_read(folders, loaded):
    file, path = folders / "text.gz", folders / "report.html"
    file.write_bytes(gzip.compress(("ab ba\n" * 1000).encode()))
    words = ["inspect", str(folders / "generation"), "--file", str(file), "--output", str(path)]
    assert run([*words, "--length", "8"]) == 0
    found = contents(path)
    assert ("".join(found["tokens"]), found["of"]) == ("ab ba\nab", 6000)


class Sentences:
    """Keeps the sentences that are asked for; one with "long" in it cannot be read."""

    def __init__(self, monkeypatch, task):
        self.asked = None
        module = spec.spec(task).load("inspection")
        monkeypatch.setattr(inspect, "_load", lambda path: self)
        monkeypatch.setattr(module, "inspect", self.inspect)

    def check(self, sentences):
        return ["has too many tokens" if "long" in sentence else None for sentence in sentences]

    def inspect(self, predictor, sentences, progress):
        self.asked = sentences
        return {"task": "translation"}


def test_lines_of_a_file_are_sentences(folders, monkeypatch, capsys):
    model = Sentences(monkeypatch, "translation")
    file = folders / "lines.txt"
    file.write_text("one\n\n too long\n" + "more\n" * 60, "utf-8")
    words = [
        "inspect",
        str(folders / "translation"),
        "--file",
        str(file),
        "--output",
        str(folders / "r.html"),
    ]
    assert run(words) == 0
    assert model.asked == ["one", *["more"] * 48]
    err = capsys.readouterr().err
    assert "the first 50 of 62 sentences" in err and "sentence 2 has too many tokens, and is left out" in err


def test_a_text_that_is_spoken_is_cut_into_sentences(folders, monkeypatch):
    model = Sentences(monkeypatch, "synthesis")
    file = folders / "text.txt"
    file.write_text("One two. Three\nfour!", "utf-8")
    words = ["inspect", str(folders / "synthesis"), "--file", str(file), "--output", str(folders / "r.html")]
    assert run(words) == 0 and model.asked == ["One two.", "Three four!"]


@pytest.mark.parametrize(
    ("task", "words", "message"),
    [
        ("generation", [], "--text TEXT, or --file FILE: exactly one of them is required"),
        ("translation", [], "--source TEXT, or --file FILE: exactly one of them is required"),
        ("generation", ["--text", "a", "--file", "b"], "exactly one of them"),
        ("generation", ["--source", "a"], "a model of generation; give it --text"),
        ("generation", ["--text", ""], "--text: there is no text"),
        ("generation", ["--text", "\udce9"], "--text: is not UTF-8 (byte 1"),
        ("generation", ["--file", "missing.txt"], "missing.txt: no such file"),
        ("generation", ["--text", "a", "--length", "0"], "'0' is not a number of characters"),
        ("generation", ["--text", "a", "--lenght", "5"], "the nearest known one is --length"),
        ("translation", ["--source", " \n"], "--source: there is no text"),
        ("translation", ["--source", "so long"], "--source: has too many tokens"),
        ("synthesis", ["--text", "so long"], "--text: has too many tokens"),
    ],
)
def test_what_cannot_be_inspected_is_told_in_a_line(folders, monkeypatch, capsys, task, words, message):
    if task == "generation":
        monkeypatch.setattr(inspect, "_load", lambda path: hand_made.generator("ab"))
    else:
        Sentences(monkeypatch, task)
    path = folders / "report.html"
    assert run(["inspect", str(folders / task), *words, "--output", str(path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and message in err and err.count("\n") == 1
    assert not path.exists()


def test_the_output_is_checked_before_a_model_is_loaded(folders, capsys):
    words = ["inspect", str(folders / "generation"), "--text", "a"]
    assert run(words) == 2 and "--output" in capsys.readouterr().err
    for path, message in [(folders, "is a folder"), (folders / "no" / "r.html", "there is no folder")]:
        assert run([*words, "--output", str(path)]) == 2
        assert message in capsys.readouterr().err
    assert run(["inspect", str(folders / "none"), "--text", "a", "--output", "r.html"]) == 2
    assert "no such folder" in capsys.readouterr().err
