"""`kerasapp embed` around a model that counts letters: rows in order, bad lines, neighbours, projector."""

import gzip
import io
import json
import sys

import numpy as np
import pytest
from google.protobuf import text_format
from tensorboard.plugins.projector import ProjectorConfig

from kerasapp.cli import run
from kerasapp.commands import remote
from kerasapp.config import parsing
from kerasapp.config.building import build
from kerasapp.config.presets import preset
from kerasapp.tasks.translation import projector


class Counter:
    """Answers as `Translator` does: how often a, b and c stand in a sentence."""

    def check(self, sentences):
        return ["has 2,000 tokens; at most 1,000 are translated" if "long" in s else None for s in sentences]

    def embed(self, sentences, progress=None):
        assert not any(self.check(sentences))
        return np.array([[s.count(letter) for letter in "abc"] for s in sentences], np.float32)


def folder(path, name):
    """A folder that looks like a run."""
    path.mkdir()
    parsing.save(build(preset(*name)), path / "config.yaml")
    (path / "best.keras").write_bytes(b"")
    return str(path)


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "load", lambda path: Counter())
    return folder(tmp_path / "model", ("translation", "sentence-autoencoder"))


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="lines.txt"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(tmp_path / name)

    return write_file


def test_a_file_gives_an_array(model, write, tmp_path, capsys):
    for file in (write("aab\n\n c \nlast"), write(gzip.compress(b"aab\r\n\r\n c \r\nlast"), "lines.gz")):
        assert run(["embed", model, "--input", file, "--output", str(tmp_path / "out.npy")]) == 0
        found = np.load(tmp_path / "out.npy")
        assert (found.dtype, found.shape) == (np.float32, (4, 3))
        assert found.tolist() == [[2, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]]
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("4 sentences in ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lines.gz", "lines.txt", "model", "out.npy"]


def test_lines_that_cannot_be_read_are_zeros_and_named(model, write, tmp_path, capsys):
    file = write(b"a\n\xff\nlong\n" + b"b" * (2**18 + 1) + b"\nc")
    assert run(["embed", model, "--input", file, "--output", str(tmp_path / "out.npy")]) == 2
    assert np.load(tmp_path / "out.npy").tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]]
    err = capsys.readouterr().err.splitlines()
    assert err[0] == "line 2: is not UTF-8 (byte 1 of the line)"
    assert err[1].startswith("line 3: has 2,000 tokens") and err[2].startswith("line 4: is longer than")
    assert err[3].endswith("3 could not be read") and len(err) == 4


def test_chunks_keep_the_order(model, write, tmp_path):
    sentences = ["a" * (i % 7) + "b" * (i % 5) for i in range(9000)]
    file = write("\n".join(sentences))
    assert run(["embed", model, "--input", file, "--output", str(tmp_path / "out.npy")]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), Counter().embed(sentences))


def test_texts_and_standard_input_give_lines_of_numbers(model, capsys, monkeypatch):
    assert run(["embed", model, "abc a", "-b", ""]) == 0
    assert capsys.readouterr().out == "2 1 1\n0 1 0\n0 0 0\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"cc\nab\n")))
    assert run(["embed", model]) == 0
    assert capsys.readouterr().out == "0 0 2\n1 1 0\n"


def test_neighbours_by_cosine(model, write, capsys):
    file = write("b\n\nab\na a\nc\nab\naab\n")
    words = ["embed", model, "a", "bc", "--input", file, "--neighbours", "3"]
    assert run([*words, "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["queries"]
    assert first == {
        "text": "a",
        "neighbours": [
            {"line": 4, "similarity": 1.0, "text": "a a"},
            {"line": 7, "similarity": round(2 / 5**0.5, 4), "text": "aab"},
            {"line": 3, "similarity": round(0.5**0.5, 4), "text": "ab"},
        ],
    }
    assert [row["text"] for row in second["neighbours"]] == ["b", "c", "ab"]
    assert run(words) == 0
    shown = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
    assert ["1.000", "4", "a", "a"] in shown and ["0.894", "7", "aab"] in shown and ["bc"] in shown


def test_a_blank_query_is_like_nothing(model, write, capsys):
    assert run(["embed", model, "", "--input", write("a\nb\n"), "--neighbours", "1", "--json"]) == 0
    (query,) = json.loads(capsys.readouterr().out)["queries"]
    assert query["neighbours"] == [{"line": 1, "similarity": 0.0, "text": "a"}]


def test_the_projector_s_files(model, write, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(projector, "MOST", 3)
    file, target = write("a\tb\n\nc\nab\naaa\nbc\n"), tmp_path / "projector"
    assert run(["embed", model, "--input", file, "--projector", str(target)]) == 0
    out, err = capsys.readouterr()
    assert out == "" and f"3 sentences; to see them: tensorboard --logdir {target}" in err
    config = text_format.Parse((target / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (embedding,) = config.embeddings
    vectors = np.loadtxt(target / embedding.tensor_path, delimiter="\t")
    labels = (target / embedding.metadata_path).read_text().splitlines()
    assert labels == ["a b", "ab", "bc"]  # of five, evenly spread
    assert vectors.tolist() == [[1, 1, 0], [1, 1, 0], [0, 1, 1]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input", "none.txt", "--output", "out.npy"], "none.txt: No such file"),
        (["--input", "{empty}", "--output", "out.npy"], "there is no line in it"),
        (["--input", "{lines}", "--output", "out.txt"], "out.txt does not end in .npy"),
        (["--input", "{lines}", "--output", "none/out.npy"], "there is no folder none"),
        (["a", "--input", "{lines}"], "--input: give either it or TEXT"),
        (["--input", "{lines}", "--neighbours", "2"], "--neighbours: give sentences as TEXT"),
        (["a", "--neighbours", "2"], "--neighbours: give sentences as TEXT"),
        (["a", "--input", "{lines}", "--neighbours", "0"], "'0' is not a whole number from 1 to 1000"),
        (["a", "--json"], "--json: goes with --neighbours"),
        (["--input", "{lines}", "--projector", "{lines}"], "is a file; a folder is expected"),
        (["long", "--input", "{lines}", "--neighbours", "2"], "TEXT 1: has 2,000 tokens"),
        (["a", b"\xff".decode("utf-8", "surrogateescape")], "TEXT 2: is not UTF-8"),
        (["--inptu", "x"], "the nearest known one is --input"),
    ],
)
def test_bad_requests_are_told_in_one_line(model, write, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    files = {"lines": write("a\nb\n"), "empty": write("", "empty.txt")}
    assert run(["embed", model, *(word.format(**files) for word in words)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err.splitlines()[-1]
    assert not list(tmp_path.glob("out*"))


def test_models_without_a_vector_are_refused(tmp_path, capsys):
    models = {
        folder(tmp_path / "zh", ("translation", "tatoeba-zh-en")): "a model with attention, here general",
        folder(tmp_path / "text", ("generation", None)): "a model of generation, not of translation",
        str(tmp_path / "nothing"): "nothing",
    }
    for path, message in models.items():
        assert run(["embed", path, "a"]) == 2
        err = capsys.readouterr().err
        assert message in err and len(err.splitlines()) == 1
    assert run(["embed"]) == 2 and "RUN|EXPORT, or --server" in capsys.readouterr().err
