"""The flags of `kerasapp train`: precedence, refusals, help."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from refusals import refusal

from kerasapp.cli import run
from kerasapp.commands import train
from kerasapp.config import parsing
from kerasapp.config.presets import config_module, preset, recipe
from kerasapp.errors import ConfigError
from kerasapp.tasks.generation.config import GenerationConfig


def parse(*words):
    return train.parse("generation", words, trained=lambda path: None)


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "given.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


# === Precedence ===


def test_no_flags_give_the_default_preset():
    assert parse() == train.Request(
        preset("generation", "tinyshakespeare"), Path("runs/tinyshakespeare"), None
    )


@pytest.mark.parametrize("option", ["run", "from", "config"])
def test_an_empty_option_is_no_default(option):
    """Else --run "$UNSET" --training.overwrite true would delete the default run."""
    with pytest.raises(ConfigError, match=f"--{option}: is empty; expected "):
        parse(f"--{option}", "")


def test_flags_beat_the_file_and_the_file_beats_the_preset(file):
    path = file("model: {units: 32, layers: 3}\ntraining:\n  learning_rate: 5e-4\n")
    request = parse(
        "--preset", "war-and-peace", "--config", path, "--model.units", "16", "--data.files", "w.txt",
        "--run", "runs/a", "--from", "runs/b",
    )  # fmt: skip
    config = request.config
    assert (config.model.units, config.model.layers) == (16, 3)
    assert config.training.learning_rate == 5e-4
    assert config.data.split == preset("generation", "war-and-peace").data.split
    assert (request.folder, request.initial) == (Path("runs/a"), "runs/b")


def test_values_of_every_kind():
    config = parse(
        "--data.files", "a.txt", "12", "b c.gz", "--data.split", "0.8", "0.1", "0.1", "--data.cache", "null",
        "--data.normalisation", "none", "--model.cell=gru", "--model.residual", "true",
        "--training.seed", "7", "--training.weight_decay", "1e-2",
    ).config  # fmt: skip
    assert config.data.files == ("a.txt", "12", "b c.gz")
    assert config.data.split == (0.8, 0.1, 0.1)
    assert config.data.normalisation == "none"
    assert config.data.cache is None
    assert (config.model.cell, config.model.residual) == ("gru", True)
    assert (config.training.seed, config.training.weight_decay) == (7, 0.01)


@pytest.mark.parametrize(
    ("words", "steps", "minutes"),
    [
        (["--training.steps", "9"], 9, None),
        (["--training.minutes", "2"], None, 2.0),
        (["--training.minutes", "null", "--training.steps", "9"], 9, None),
    ],
)
def test_the_limit_given_replaces_the_presets(words, steps, minutes):
    training = parse(*words).config.training
    assert (training.steps, training.minutes) == (steps, minutes)


def test_the_limit_of_a_flag_replaces_the_files(file):
    path = file("training: {steps: 9}")
    assert parse("--config", path).config.training.steps == 9
    training = parse("--config", path, "--training.minutes", "2").config.training
    assert (training.steps, training.minutes) == (None, 2.0)


def test_the_run_folder():
    assert parse().folder == Path("runs/tinyshakespeare")
    assert parse("--preset", "war-and-peace", "--data.files", "w.txt").folder == Path("runs/war-and-peace")
    assert parse("--preset=tinyshakespeare-best", "--run", "a/b").folder == Path("a/b")


def test_a_stored_configuration_is_the_base_where_the_run_alone_is_named(file):
    stored = parsing.build(
        preset("generation", "war-and-peace"), {"data.files": ["w.txt"], "training.steps": 5}
    )
    asked = []

    def config(*words):
        return train.parse("generation", words, lambda folder: asked.append(folder) or stored).config

    assert config("--run", "a") == stored
    assert config("--run", "a", "--model.units", "8") == parsing.build(stored, {"model.units": 8})
    assert asked == [Path("a"), Path("a")]
    default = preset("generation")
    assert config() == default  # runs/PRESET asks for that preset
    assert config("--run", "a", "--preset", "tinyshakespeare") == default
    assert config("--run", "a", "--config", file("model: {}")) == default
    assert config("--run", "a", "--training.overwrite", "true") == parsing.build(
        default, {"training.overwrite": True}
    )


# === Refusals ===


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--training.learning_rat", "1"], ["--training.learning_rat;", "--training.learning_rate"]),
        (["--training.lr", "1"], ["--training.lr;", "--training.learning_rate"]),
        (["--units", "1"], ["--units;", "--model.units"]),
        (["--model.unit", "1"], ["--model.unit;", "--model.units"]),  # no abbreviations
        (["extra"], ["extra; did you mean --data.files extra?"]),
        (["--data", "a.txt"], ["--data; the keys of --data are .files, "]),
        (["--data.pairs", "a.tsv"], ["--data.pairs; the keys of --data are .files, "]),
        (["--epochs", "3"], ["--epochs; give --training.steps N or --training.minutes M"]),
        (["--training.epochs", "3"], ["--training.epochs; give --training.steps N or --training.minutes"]),
        (["--preset", "digits"], ["'digits': is of synthesis: kerasapp train synthesis --preset digits"]),
        (["--data.files"], ["data.files", "at least one"]),
        (["--data.split", "0.9", "0.1"], ["expected 3 arguments: --data.split TRAIN VALID TEST"]),
        (["--data.split", "0.9", "0.1", "0.1"], ["data.split", "[0.9, 0.1, 0.1]", "sum to 1"]),
        (["--data.split", "0", "0.5", "0.5"], ["data.split", "train on"]),
        (["--data.vocabulary_size", "255"], ["data.vocabulary_size", "255", "at least 300"]),
        (["--data.window", "0"], ["data.window", "0", "at least 1"]),
        (["--model.cell", "rnn"], ["model.cell", "rnn", "lstm, gru, simple_rnn"]),
        (["--model.units", "1.5"], ["model.units", "1.5", "whole number"]),
        (["--model.dropout", "1"], ["model.dropout", "1.0", "below 1"]),
        (["--model.tie_embeddings", "--model.units", "9"], ["model.embedding_size: 256", "units, 9"]),
        (["--model.tie_embeddings", "perhaps"], ["model.tie_embeddings", "perhaps", "true or false"]),
        (["--model.tie_embeddings", "true", "--model.units", "9"], ["model.embedding_size: 256", "units, 9"]),
        (["--training.steps", "1e3"], ["training.steps", "1e3", "whole number"]),
        (["--training.steps", "0"], ["training.steps", "0", "at least 1"]),
        (["--training.minutes", "0"], ["training.minutes", "0.0", "above 0"]),
        (["--training.minutes", "long"], ["training.minutes", "long", "a number above 0, or null"]),
        (["--training.steps", "5", "--training.minutes", "1"], ["training.steps: 5", "training.minutes: 1"]),
        (["--training.minutes", "null"], ["training.steps: null", "training.minutes: null"]),
        (["--training.learning_rate", "-1"], ["training.learning_rate", "-1.0", "above 0"]),
        (["--training.learning_rate", "nan"], ["training.learning_rate", "NaN", "a number"]),
        (["--training.warmup", "1"], ["training.warmup", "below 1"]),
        (["--training.average", "1"], ["training.average", "below 1"]),
        (["--training.save_seconds", "61"], ["training.save_seconds", "at most 60"]),
        (["--training.precision", "float16"], ["training.precision", "float16", "mixed_bfloat16"]),
        (["--training.strategy", "multi_worker"], ["training.strategy", "several machines is not"]),
        (["--training.patience", "2", "--data.split", "1", "0", "0"], ["training.patience", "data.split"]),
        (["--preset", "war-and-peas"], ["war-and-peas", "did you mean war-and-peace?", "chinese-poetry"]),
        (["--preset", "chinese-poetry"],
         ["data.files", "kerasapp train generation --preset chinese-poetry --data.files"]),
        (["--config", "absent.yaml"], ["absent.yaml", "No such file"]),
    ],
)  # fmt: skip
def test_flags_refused(words, parts):
    message = refusal(train.parse, "generation", words)
    assert [part for part in parts if part not in message] == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("training: {step: 3}", ["training.step:", "training.steps"]),
        ("trainin: {steps: 3}", ["trainin:", "training"]),
        ("learning_rate: 3", ["learning_rate:", "training.learning_rate"]),
        ("training: 3", ["training: 3", "section"]),
        ("training: {steps: many}", ["training.steps", '"many"', "whole number"]),
        ("training: {steps: 3, minutes: 1}", ["training.steps", "training.minutes"]),
        ("data: {files: a.txt}", ["data.files", '"a.txt"', "a list"]),
        ("model:\n  units: 3\n  units: 4", ["line 3", '"units"', "twice"]),
        ("model: [", ["line 1", "not YAML"]),
        ("model: {units: \x00}", ["not YAML"]),
        ("- 1", ["[1]", "mapping"]),
        ("model: !!python/object:os.system {}", ["not YAML"]),
        ("task: translation", ['"translation" is not "generation"']),
    ],
)
def test_files_refused(file, text, parts):
    path = file(text)
    message = refusal(train.parse, "generation", ["--config", path])
    assert [part for part in parts if part not in message] == []
    if "minutes" not in text:  # a rule about two keys, which flags could have given too
        assert message.startswith(f"{path}: ")


def test_an_unknown_task():
    assert "generation" in refusal(train.parse, "generator", [])


# === Help ===


def test_help_teaches_every_key(capsys):
    with pytest.raises(SystemExit) as caught:
        parse("--preset", "war-and-peace", "--help")
    assert caught.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for section in dataclasses.fields(GenerationConfig):
        for key in vars(getattr(preset("generation"), section.name)):
            assert f" --{section.name}.{key} " in shown
    assert "Peak learning rate" in shown
    assert "(default: 0.8 0.1 0.1)" in shown  # of the preset asked for
    assert "%%" not in shown


def test_flags_load_neither_tensorflow_nor_keras():
    code = (
        "import sys; from kerasapp.commands import train; train.parse('generation', ['--model.units=3']);"
        "print([name for name in ('tensorflow', 'keras', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("docs", [None, "A preset.\n\nWithout a command."])
def test_a_preset_without_a_command_in_its_docstring_is_shown_with_its_flag(monkeypatch, capsys, docs):
    def plain():
        return preset("generation")

    plain.__doc__ = docs
    monkeypatch.setitem(config_module("generation").PRESETS, "plain", plain)
    assert recipe("generation", "plain") == "kerasapp train generation --preset plain"
    with pytest.raises(SystemExit):
        parse("--help")
    assert "  plain " in capsys.readouterr().out


# === The data report ===

SMALL = ["--model.units", "8", "--model.embedding_size", "4", "--data.window", "8", "--training.steps", "2"]
SMALL += ["--data.split", "0.8", "0.1", "0.1", "--training.batch_size", "4"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with a text in Latin letters and one in Cyrillic ones; the cache is inside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "plain.txt").write_text("the river sees the stone\n" * 60)
    (tmp_path / "other.txt").write_text("река видит камень\n" * 60)
    return tmp_path


def test_a_dry_run_reports_and_leaves_nothing(folder, capsys):
    words = ["train", "generation", "--data.files", "plain.txt", "--run", "new", "--dry-run", *SMALL]
    assert run(words) == 0
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("data report of generation\n  read        characters 1,500, files ")
    assert run([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert err == "" and report["read"] == {"characters": 1500, "files": [str(folder / "plain.txt")]}
    assert report["content"]  # the digest of the data, as in the run
    assert report["splits"]["test"]["tokens"] == 150 and len(report["examples"]) == 2
    assert sorted(entry.name for entry in folder.iterdir()) == ["cache", "other.txt", "plain.txt"]
    assert run([word for word in words if word != "--dry-run"] + ["--json"]) == 2
    assert "--json: is for --dry-run" in capsys.readouterr().err


def test_another_script_is_refused_unless_the_vocabulary_grows(folder, tiny_run, capsys):
    kept = json.loads((tiny_run / "data_report.json").read_text())
    assert [unknown["count"] for unknown in kept["unknown"]] == [0, 0, 0]
    words = ["train", "generation", "--data.files", "other.txt", "--from", str(tiny_run), "--run", "other"]
    words += ["--data.split", "0.8", "0.2", "0", "--data.window", "8", "--training.steps", "1"]
    alone = [*words[:4], "--run", str(tiny_run), *words[8:]]  # where another run is: a vocabulary of its own
    assert run([*alone, "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unknown"][0]["count"] == 0
    for more in ([], ["--dry-run", "--json"]):
        assert run([*words, *more]) == 2
        out, err = capsys.readouterr()
        (error,) = [line for line in err.splitlines() if line.startswith("error: ")]
        for part in ("of the train split (83%)", "и 96", "--data.extend_vocabulary", "allow_unknown"):
            assert part in error
        assert bool(out) == bool(more) and not (folder / "other").exists()
    assert run([*words, "--data.extend_vocabulary", "true"]) == 0
    assert "no character of any split" in capsys.readouterr().err
    known, before = (
        set(json.loads((place / "tokenizer.json").read_text())["characters"])
        for place in (folder / "other", tiny_run)
    )
    assert known == before | set("река видит камень")


def test_a_vocabulary_grows_from_a_run_alone(folder, capsys):
    words = ["train", "generation", "--data.files", "other.txt", "--data.extend_vocabulary", "true"]
    assert run([*words, "--run", "a"]) == 2
    assert "data.extend_vocabulary: extends the vocabulary of another run: name it" in capsys.readouterr().err
    assert not (folder / "a").exists()


def test_pairs_that_are_too_long_are_refused_before_anything_is_made(folder, capsys):
    text = "".join(f"{i} {'a' * (90 if i % 10 else 3)}\t{i} b\n" for i in range(10, 110))
    (folder / "pairs.tsv").write_text(text)
    words = ["train", "translation", "--data.pairs", "pairs.tsv", "--data.tokenizer", "characters"]
    words += [
        "--data.split",
        "1",
        "0",
        "0",
        "--data.max_length",
        "20",
        "--run",
        "new",
        "--model.units",
        "8",
        "--training.steps",
        "1",
    ]
    assert run(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert "(90%) are left out, as a side has more than 20 tokens" in lines[-1]
    assert "--data.max_length 94 keeps 99%" in lines[-1] and "--data.max_dropped 1" in lines[-1]
    assert not (folder / "new").exists()
    assert run([*words, "--data.max_dropped", "1", "--dry-run"]) == 0
    assert "(90%) are left out" in " ".join(capsys.readouterr().err.split())
