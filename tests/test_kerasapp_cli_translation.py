"""The commands around a small real model of translation, trained for a moment: what goes in and comes out."""

import gzip
import json

import pytest

from kerasapp.cli import run

# A number in each sentence makes it the only one of its kind, so that the pairs are split one by one.
PAIRS = [
    (" ".join(chr(97 + (i * k) % 25) for k in range(1, 4 + i % 5)) + f" {i}", f"{i} 句 {i % 7}")
    for i in range(80)
]
SMALL = [
    "--data.tokenizer", "characters", "--data.split", "0.8", "0.1", "0.1",
    "--model.units", "16", "--model.embedding_size", "8",
    "--training.steps", "6", "--training.steps_per_epoch", "3", "--training.batch_size", "16",
]  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in PAIRS), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory, table):
    folder = tmp_path_factory.mktemp("runs") / "letters"
    assert run(["train", "translation", "--run", str(folder), "--data.pairs", str(table), *SMALL]) == 0
    return folder


def test_a_file_keeps_its_lines(model, tmp_path, capsys):
    lines = [source.encode() for source, _ in PAIRS[:20]]
    expected = []
    for line in lines[:3]:
        assert run(["translate", str(model), line.decode()]) == 0
        expected.append(capsys.readouterr().out)
    lines[5:9] = [b"", b"\xff", b"a" * 5000, "\x00 👍 \u202e".encode()]
    (tmp_path / "in.gz").write_bytes(gzip.compress(b"\n".join(lines)))
    words = ["--input", str(tmp_path / "in.gz"), "--output", str(tmp_path / "out")]
    assert run(["translate", str(model), *words]) == 2
    answers = (tmp_path / "out").read_text(encoding="utf-8").split("\n")
    assert len(answers) == 21 and answers[20] == ""
    assert [f"{answer}\n" for answer in answers[:3]] == expected  # as each alone
    assert answers[5] == answers[6] == answers[7] == ""
    err = capsys.readouterr().err
    assert "line 7: is not UTF-8" in err and "line 8: has 5,000 tokens" in err
    assert "line 9: the model does not know 3 of 5 characters" in err and "line 10" not in err


def test_one_sentence_with_all_there_is_to_see(model, tmp_path, capsys):
    picture = tmp_path / "alignment.png"
    words = [str(model), "--beam-size", "3", "--n-best", "3", "a b c", "--alignment-plot", str(picture)]
    assert run(["translate", *words]) == 0
    scores = [float(line.split("\t")[0]) for line in capsys.readouterr().out.splitlines()]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("text", ["", "   ", "-", "-5 度", "👍", "\x01\x7f", "\u3000", "العربية"])
def test_any_sentence_gives_one_line(model, text, capsys):
    assert run(["translate", str(model), text]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and out.endswith("\n")


def test_evaluate_scores_the_test_split_and_other_files(model, tmp_path, capsys):
    assert run(["evaluate", str(model), "--json", "--output", str(tmp_path / "hypotheses")]) == 0
    report = json.loads(capsys.readouterr().out)
    keys = ["split", "files", "items", "seconds", "bleu", "chrf", "signature", "nats_per_token", "unfinished"]
    assert list(report) == keys and (report["split"], report["items"]) == ("test", 8)
    assert (tmp_path / "hypotheses").read_text(encoding="utf-8").count("\n") == 8
    for side, words in (("source", [source for source, _ in PAIRS]), ("target", [t for _, t in PAIRS])):
        (tmp_path / side).write_text("\n".join(words[:30]), encoding="utf-8")
    other = ["--data.source", str(tmp_path / "source"), "--data.target", str(tmp_path / "target")]
    assert run(["evaluate", str(model), "--json", "--beam-size", "1", *other]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["split"], report["items"]) == ("test", 30)


BAD = {
    "an option of another task": ("evaluate {model} --streams 2", "--streams"),
    "another task's command": ("generate {model} --prompt a", "kerasapp translate"),
    "another tokenizer": ("evaluate {model} --data.vocabulary_size 400", "--data.vocabulary_size"),
    "output into no folder": ("evaluate {model} --output {here}/no/file", "no folder"),
    "no data": ("train translation", "data.pairs"),
    "a start that is no folder": ("train translation --data.pairs {table} --from {here}/none", "none"),
    "one file of two": ("train translation --data.source {table}", "data.target"),
    "missing file": ("train translation --run {here}/new --data.pairs {here}/none.tsv", "none.tsv"),
    "one column": ("train translation --run {here}/new --data.pairs {here}/one.tsv", "one.tsv"),
    "different line counts": (
        "train translation --run {here}/new --data.source {table} --data.target {here}/one.tsv",
        "one.tsv",
    ),
    "unknown sample": ("train translation --run {here}/new --data.pairs sample:tatoeba", "tatoeba-cmn-eng"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case, model, table, tmp_path, capsys):
    (tmp_path / "one.tsv").write_text("a\tb\nno tab\n")
    words, named = BAD[case]
    names = {"model": model, "here": tmp_path, "table": table}
    assert run([word.format(**names) for word in words.split()]) == 2
    err = capsys.readouterr().err
    lines = [line for line in err.splitlines() if line]
    assert len(lines) == 1 and lines[0].startswith("error: ") and named in lines[0], err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.tsv"]
