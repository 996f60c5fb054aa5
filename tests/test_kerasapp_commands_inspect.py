"""`kerasapp inspect`: what is asked of a model, and what is refused before or after it is loaded."""

import gzip
import json
import re
import shutil

import hand_made
import pytest
from packed import unpack

from kerasapp import spec
from kerasapp.cli import run
from kerasapp.commands import inspect
from kerasapp.config import parsing
from kerasapp.config.building import build
from kerasapp.config.presets import preset

PRESETS = {
    "generation": "tinyshakespeare",
    "translation": "tatoeba-zh-en",
    "synthesis": "digits",
    "series": "sunspots",
}
MODELS = {"generation": lambda: hand_made.generator("ab"), "series": hand_made.forecaster}


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
    monkeypatch.setattr(inspect, "load", lambda path: hand_made.generator("ab \n"))


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
        monkeypatch.setattr(inspect, "load", lambda path: self)
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


TABLES = {
    "empty": "",
    "header": "day,level,flow\n",
    "other": "day,level,wind\n2024-01-01,1,2\n",
    "undated": "level\n1\n",
    "negative": "day,level,flow\n2024-01-01,1,2\n2024-01-02,-2,2\n",
    "words": "day,level,flow\n2024-01-01,1,2\n2024-01-02,1,calm\n",
}


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
        ("generation", ["--text", "a", "--length", "0"], "'0' is not a whole number from 1 to 20000"),
        ("generation", ["--text", "a", "--lenght", "5"], "the nearest known one is --length"),
        ("translation", ["--source", " \n"], "--source: there is no text"),
        ("translation", ["--source", "so long"], "--source: has too many tokens"),
        ("synthesis", ["--text", "so long"], "--text: has too many tokens"),
        ("series", ["--text", "1 2"], "a model of series; give it --file FILE.csv"),
        ("series", ["--source", "1"], "a model of series; give it --file FILE.csv"),
        ("series", ["--file", "missing.csv"], "missing.csv: no such file"),
        ("series", ["--file", "empty.csv"], "empty.csv: the file is empty"),
        ("series", ["--file", "header.csv"], "header.csv: there are no values below the names"),
        ("series", ["--file", "other.csv"], "other.csv: line 1: no column 'flow'; there is day, level, wind"),
        ("series", ["--file", "undated.csv"], "undated.csv: line 1: no column 'flow'; there is level"),
        ("series", ["--file", "negative.csv"], "column level: -2, and the transform sqrt takes 0 or above"),
        ("series", ["--file", "words.csv"], "words.csv: line 3, column flow: 'calm' is not a number"),
    ],
)
def test_what_cannot_be_inspected_is_told_in_a_line(folders, monkeypatch, capsys, task, words, message):
    monkeypatch.chdir(folders)
    for name, text in TABLES.items():
        (folders / f"{name}.csv").write_text(text)
    if task in MODELS:
        monkeypatch.setattr(inspect, "load", lambda path: MODELS[task]())
    else:
        Sentences(monkeypatch, task)
    path = folders / "report.html"
    assert run(["inspect", str(folders / task), *words, "--output", str(path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and message in err and err.count("\n") == 1
    assert not path.exists()


def test_a_series_of_its_own_data(wave_run, tmp_path, capfd):
    path = tmp_path / "report.html"
    assert run(["inspect", str(wave_run), "--length", "150", "--output", str(path)]) == 0
    found = contents(path)
    assert [column["name"] for column in found["columns"]] == ["level", "flow"]
    assert (found["total"], len(found["dates"]), found["dates"][-1]) == (400, 150, "2025-02-03")
    assert found["parts"] == [  # of 240, 80 and 80 steps, the last 150
        {"name": "validation", "start": 0, "end": 70}, {"name": "test", "start": 70, "end": 150},
    ]  # fmt: skip
    assert "<title>wave: what it predicted, and what came</title>" in path.read_text("utf-8")
    out, err = capfd.readouterr()
    assert out == "" and "the last 150 of 400 steps are shown (--length)" in err


def test_a_series_of_another_file(wave_run, tmp_path, capfd):
    file, path = tmp_path / "new.csv", tmp_path / "report.html"
    file.write_text("flow,level\n1,20.5\n2,21\n")  # in another order, without dates
    assert run(["inspect", str(wave_run), "--file", str(file), "--output", str(path)]) == 0
    found = contents(path)
    assert unpack(found["columns"][0]["values"]).tolist() == [20.5, 21.0]
    assert found["dates"] is None and found["parts"] == [] and found["source"] == "new.csv"
    assert "no column 'day' of dates; steps are numbered" in capfd.readouterr().err


def test_an_export_without_its_data_asks_for_a_file(wave_export, wave_file, tmp_path, capsys):
    """Its configuration names a file that is no longer there."""
    version = shutil.copytree(wave_export / "1", tmp_path / "moved")
    config = version / "assets.extra/kerasapp/config.yaml"
    config.write_text(config.read_text("utf-8").replace(str(wave_file), "gone.csv"), "utf-8")
    path = tmp_path / "report.html"
    assert run(["inspect", str(version), "--output", str(path)]) == 2
    err = capsys.readouterr().err
    assert "gone.csv: no such file; give another series with --file FILE.csv" in err and not path.exists()
    assert run(["inspect", str(version), "--file", str(wave_file), "--output", str(path)]) == 0


def test_the_output_is_checked_before_a_model_is_loaded(folders, capsys):
    words = ["inspect", str(folders / "generation"), "--text", "a"]
    assert run(words) == 2 and "--output" in capsys.readouterr().err
    for path, message in [(folders, "is a folder"), (folders / "no" / "r.html", "there is no folder")]:
        assert run([*words, "--output", str(path)]) == 2
        assert message in capsys.readouterr().err
    assert run(["inspect", str(folders / "none"), "--text", "a", "--output", "r.html"]) == 2
    assert "no such folder" in capsys.readouterr().err
