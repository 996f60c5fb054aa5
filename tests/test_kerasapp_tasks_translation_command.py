"""`kerasapp translate` around a translator that turns words round: lines in order, bad ones named."""

import gzip
import io
import json
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest

from kerasapp.cli import run
from kerasapp.commands import lines, remote
from kerasapp.config import parsing
from kerasapp.config.building import build
from kerasapp.config.presets import preset


class Answer(NamedTuple):
    text: str
    score: float
    finished: bool
    n_best: list
    source_tokens: list
    target_tokens: list
    alignment: np.ndarray


class Reverser:
    """Answers as `Translator` does; keeps what it was asked."""

    def __init__(self):
        self.asked = []

    def check(self, sentences):
        return ["has 2,000 tokens; at most 1,000 are translated" if "long" in s else None for s in sentences]

    def translate(self, sentences, progress=None, **knobs):
        self.asked.append((sentences, knobs))
        assert not any(self.check(sentences))
        return [self._answer(sentence, knobs["n_best"]) for sentence in sentences]

    def _answer(self, sentence, n_best):
        text, source = sentence[::-1], [*("<unk>" if c == "ж" else c for c in sentence), "</s>"]
        pairs = [(text + "!" * i, -0.5 - i) for i in range(n_best)]
        return Answer(text, -0.5, "cut" not in sentence, pairs, source, source, np.eye(len(source)))


@pytest.fixture
def model(tmp_path):
    """A folder that looks like a run."""
    folder = tmp_path / "model"
    folder.mkdir()
    parsing.save(build(preset("translation", "tatoeba-zh-en")), folder / "config.yaml")
    (folder / "best.keras").write_bytes(b"")
    return str(folder)


@pytest.fixture
def reverser(monkeypatch):
    translator = Reverser()
    monkeypatch.setattr(remote, "load", lambda path: translator)
    return translator


def piped(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize("text", ["我很高兴。", "-5 度", "--", "", "line\nbreak"])
def test_one_sentence(model, reverser, capsys, text):
    assert run(["translate", model, "--beam-size", "2", *(["--"] if text == "--" else []), text]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == (text[::-1].replace("\n", " ") + "\n", "")
    ((sentences, knobs),) = reverser.asked
    assert sentences == [text]
    assert knobs == {
        "beam_size": 2, "length_penalty": 1.0, "coverage_penalty": 0.0, "n_best": 1,
        "min_ratio": 0.0, "max_ratio": 2.0,
    }  # fmt: skip


def test_scores_and_n_best(model, reverser, capsys, monkeypatch):
    assert run(["translate", model, "ab", "--scores"]) == 0
    assert capsys.readouterr().out == "-0.5000\tba\n"
    assert run(["translate", model, "ab", "--n-best", "2"]) == 0
    assert capsys.readouterr().out == "-0.5000\tba\n-1.5000\tba!\n"
    piped(monkeypatch, b"ab\n\nc")
    assert run(["translate", model, "--scores"]) == 0
    assert capsys.readouterr().out == "-0.5000\tba\n\n-0.5000\tc\n"
    piped(monkeypatch, b"ab\n\nc")
    assert run(["translate", model, "--n-best", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "0 ||| ba ||| -0.5000", "0 ||| ba! ||| -1.5000", "1 |||  ||| 0.0000",
        "2 ||| c ||| -0.5000", "2 ||| c! ||| -1.5000",
    ]  # fmt: skip


LINES = "\ufeff早上好\r\nab\u2028c\x0b\x85d\n\n   \nlast".encode()


@pytest.mark.parametrize("name", ["in.txt", "in.gz"])
def test_a_file(model, reverser, tmp_path, capsys, name):
    (tmp_path / name).write_bytes(gzip.compress(LINES) if name.endswith("gz") else LINES)
    output = tmp_path / "out.txt"
    output.write_text("before")
    assert run(["translate", model, "--input", str(tmp_path / name), "--output", str(output)]) == 0
    expected = ["好上早", "d\x85\x0bc\u2028ba", "", "", "tsal", ""]
    assert output.read_bytes().decode().split("\n") == expected
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("5 sentences in ") and "per second" in err
    assert (
        run(["translate", model, "--input", str(tmp_path / name), "--output", str(tmp_path / "out.gz")]) == 0
    )
    assert gzip.decompress((tmp_path / "out.gz").read_bytes()) == output.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["model", name, "out.txt", "out.gz"])


def test_chunks_keep_the_order_and_the_numbers(model, reverser, capsys, tmp_path):
    written = [f"sentence {i}" for i in range(10_000)]
    written[9_000] = "too long"
    (tmp_path / "in").write_text("\n".join(written) + "\n")
    assert run(["translate", model, "--input", str(tmp_path / "in")]) == 2
    out, err = capsys.readouterr()
    assert out.splitlines() == [line[::-1] if line != "too long" else "" for line in written]
    assert "line 9001: has 2,000 tokens" in err and "1 could not be translated" in err
    assert [len(sentences) for sentences, _ in reverser.asked] == [4096, 4096, 10_000 - 8192 - 1]


def test_lines_that_cannot_be_translated(model, reverser, capsys, monkeypatch):
    endless = b"x" * (2 * lines.LONGEST + 5)
    piped(monkeypatch, b"one\nt\xffo\n" + endless + b"\nlong\n\x00\nsix")
    assert run(["translate", model]) == 2
    out, err = capsys.readouterr()
    assert out.splitlines() == ["eno", "", "", "", "\x00", "xis"]
    problems = err.splitlines()
    assert problems[0] == "line 2: is not UTF-8 (byte 2 of the line)"
    assert problems[1].startswith("line 3: is longer than") and problems[2].startswith("line 4: has 2,000")
    assert problems[3].startswith("6 sentences in") and len(problems) == 4


def test_a_terminal_gets_each_answer_at_once(model, reverser, capsys, monkeypatch):
    piped(monkeypatch, b"one\ntwo\n")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert run(["translate", model]) == 0
    assert [sentences for sentences, _ in reverser.asked] == [["one"], ["two"]]
    assert capsys.readouterr().out == "eno\nowt\n"


def test_a_failure_leaves_the_output_as_it_was(model, reverser, tmp_path, monkeypatch, capsys):
    (tmp_path / "in").write_bytes(b"a\nb\n")
    (tmp_path / "out").write_text("before")
    monkeypatch.setattr(reverser, "check", lambda sentences: (_ for _ in ()).throw(KeyboardInterrupt))
    words = ["translate", model, "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    assert run(words) == 130
    assert (tmp_path / "out").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "model", "out"]


def test_the_alignment_is_drawn(model, reverser, tmp_path):
    path = tmp_path / "picture.png"
    assert run(["translate", model, "ab", "--alignment-plot", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")


BAD = {
    "no run": ("{here}/none x", "none"),
    "a run of another task": ("{here}/generation x", "kerasapp generate"),
    "text and file": ("{model} x --input {model}/config.yaml", "--input"),
    "no such file": ("{model} --input {here}/none.txt", "none.txt"),
    "folder as file": ("{model} --input {here}", "directory"),
    "damaged gzip": ("{model} --input {here}/cut.gz", "cut.gz"),
    "output into no folder": ("{model} x --output {here}/no/out", "no folder"),
    "output onto a folder": ("{model} x --output {here}", "is a folder"),
    "output onto the input": ("{model} --input {here}/cut.gz --output {here}/cut.gz", "would be lost"),
    "plot of lines": ("{model} --alignment-plot {here}/a.png", "--alignment-plot"),
    "more than the beam": ("{model} x --n-best 5", "--n-best"),
    "no beam": ("{model} x --beam-size 0", "--beam-size"),
    "ratios": ("{model} x --min-ratio 3", "--min-ratio"),
    "too long": ("{model} long", "TEXT: has 2,000 tokens"),
    "not UTF-8": ("{model} \udcff", "TEXT: is not UTF-8"),
    "two texts": ("{model} good morning", "unknown argument morning"),
    "misspelt flag": ("{model} x --beam 3", "--beam-size"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case, model, reverser, tmp_path, capsys):
    other = tmp_path / "generation"
    other.mkdir()
    parsing.save(preset("generation"), other / "config.yaml")
    (other / "best.keras").write_bytes(b"")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(bytes(range(256)) * 99)[:300])
    words, named = BAD[case]
    assert run(["translate", *(word.format(here=tmp_path, model=model) for word in words.split(" "))]) == 2
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 1 and err[0].startswith("error: ") and named in err[0], err


def test_help_needs_no_tensorflow():
    code = (
        "import sys; from kerasapp.tasks.translation import command as translate\n"
        "try: translate.main(['--help'])\n"
        "except SystemExit: print([m for m in ('tensorflow', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_was_cut_is_marked(model, reverser, tmp_path, capsys):
    told = "the translation was cut at its greatest length and did not end; a larger --max-ratio allows more"
    assert run(["translate", model, "a cut"]) == 0
    assert capsys.readouterr() == ("tuc a\n", f"TEXT: {told}\n")
    (tmp_path / "in").write_text("a\nb cut\n\nlong\n")
    assert run(["translate", model, "--input", str(tmp_path / "in"), "--json"]) == 2
    out, err = capsys.readouterr()
    assert [line for line in err.splitlines() if "cut" in line] == [f"line 2: {told}"]
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["line"] for row in rows] == [1, 2, 3, 4]
    assert rows[0] == {
        "line": 1, "translation": "a", "score": -0.5, "finished": True,
        "n_best": [{"translation": "a", "score": -0.5}],
    }  # fmt: skip
    assert [row["finished"] for row in rows] == [True, False, False, False] and rows[3]["score"] is None


def test_characters_that_the_model_does_not_know_are_counted(model, reverser, tmp_path, capsys):
    assert run(["translate", model, "a ж ж b"]) == 0
    told = "the model does not know 2 of 7 characters of the sentence\n"
    assert capsys.readouterr().err == f"TEXT: {told}"
    (tmp_path / "in").write_text("a\na ж ж b\n")
    assert run(["translate", model, "--input", str(tmp_path / "in")]) == 0
    assert f"line 2: {told}" in capsys.readouterr().err


def test_one_sentence_as_json(model, reverser, capsys):
    assert run(["translate", model, "ab", "--json", "--beam-size", "2", "--n-best", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["translation"], found["finished"]) == ("ba", True) and "line" not in found
    assert [row["translation"] for row in found["n_best"]] == ["ba", "ba!"]
    assert run(["translate", model, "ab", "--json", "--scores"]) == 2
    assert "--scores: --json has them" in capsys.readouterr().err
