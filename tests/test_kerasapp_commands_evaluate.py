"""What `kerasapp evaluate` scores: the run's own data, or other files whole; and each task's own options."""

import argparse
import json
import shutil

import pytest

from kerasapp.artefact import EXTRA
from kerasapp.cli import run
from kerasapp.commands.evaluate import data_to_score, learned, options_of, show, shown
from kerasapp.config.building import build
from kerasapp.config.presets import preset
from kerasapp.errors import ConfigError

OWN = {"test_source": "t.de", "test_target": "t.en"}
FILES = build(preset("translation"), {"data": {"source": "a.de", "target": "a.en", **OWN}})
CHINESE = preset("translation", "tatoeba-zh-en")


def test_the_runs_own_data():
    assert data_to_score(FILES, []) == FILES
    assert data_to_score(CHINESE, ["--data.split", "0.5", "0.5", "0"]).data.split == (0.5, 0.5, 0)


def test_other_files_are_scored_whole():
    data = data_to_score(FILES, ["--data.pairs", "b.tsv"]).data
    assert (data.pairs, data.source, data.test_source, data.split) == ("b.tsv", None, None, (0, 0, 1))
    data = data_to_score(CHINESE, ["--data.source", "b.zh", "--data.target=b.en"]).data
    assert (data.pairs, data.source, data.target, data.swap) == (None, "b.zh", "b.en", False)
    assert data.split == (0, 0, 1)
    assert data_to_score(CHINESE, ["--data.pairs", "b.tsv"]).data.swap
    text = data_to_score(preset("generation"), ["--data.files", "b.txt"]).data
    assert (text.files, text.split) == (("b.txt",), (0, 0, 1))


def test_files_that_were_trained_on_are_told(tmp_path):
    (tmp_path / "link.txt").symlink_to("own.txt")
    own = str(tmp_path / "own.txt")
    run = build(preset("generation"), {"data": {"files": [own], "split": (0.8, 0.1, 0.1)}})

    def told(*flags, split="test"):
        return learned(run.data, data_to_score(run, flags).data, split)

    link = str(tmp_path / "link.txt")
    assert told() == told("--data.files", own, "--data.split", "0.8", "0.1", "0.1") == []
    assert told("--data.files", own) == []  # as the run has them: what it held out is scored
    assert told("--data.files", link) == told("--data.files", "a.txt", link) == [link]
    assert told("--data.split", "0", "0", "1") == [own] and told("--data.files", "a.txt") == []
    pairs = data_to_score(FILES, ["--data.test_source", "a.de", "--data.test_target", "a.en"]).data
    assert learned(FILES.data, pairs, "test") == ["a.de", "a.en"]
    assert learned(FILES.data, FILES.data, "test") == []


def test_other_files_with_a_split_or_parts_of_their_own():
    data = data_to_score(FILES, ["--data.pairs", "b.tsv", "--data.split", "0", "1", "0"]).data
    assert (data.split, data.test_source) == ((0, 1, 0), None)
    flags = ["--data.pairs", "b.tsv", "--data.test_source", "c.de", "--data.test_target", "c.en"]
    data = data_to_score(FILES, flags).data
    assert (data.test_source, data.split) == ("c.de", FILES.data.split)


@pytest.mark.parametrize(
    ("flags", "key"),
    [
        (["--data.joint_vocabulary", "true"], "--data.joint_vocabulary"),
        (["--data.tokenizer", "characters"], "--data.tokenizer"),
        (["--data.vocabulary_size", "999"], "--data.vocabulary_size"),
        (["--data.autoencode", "true"], "data.autoencode"),
        (["--data.files", "a"], "--data.files"),
    ],
)
def test_the_models_tokenizers_stay(flags, key):
    with pytest.raises(ConfigError, match=key):
        data_to_score(FILES, flags)


def test_options_of_each_task():
    def args(**given):
        return argparse.Namespace(
            **{"model": "m", "streams": None, "beam_size": None, "output": None} | given
        )

    assert options_of("generation", args()) == {}
    assert options_of("translation", args(beam_size=1)) == {"beam_size": 1}
    with pytest.raises(
        ConfigError, match="--streams: an option of generation, and m is a model of translation"
    ):
        options_of("translation", args(streams=2))
    with pytest.raises(ConfigError, match="--beam-size: an option of translation"):
        options_of("generation", args(beam_size=2))


def test_figures_by_length_are_rows_of_the_table(capsys):
    show(
        {"exact": 0.5, "exact_by_words": {"3": {"exact": 0.25, "items": 4}, "12": {"exact": 1.0, "items": 1}}}
    )
    rows = [line.replace("│", "").split() for line in capsys.readouterr().out.splitlines()]
    assert ["exact", "0.5000"] in rows
    assert ["exact_by_words", "3", "0.2500", "of", "4"] in rows
    assert ["exact_by_words", "12", "1.0000", "of", "1"] in rows


def test_metrics_of_each_column_have_a_line_each(capsys):
    show({"crps": 0.5, "columns": {"load": {"crps": 812.5, "mae": 0.0004}}})
    rows = [line.replace("│", "").split() for line in capsys.readouterr().out.splitlines()]
    assert ["crps", "0.5000"] in rows
    assert ["load", "crps", "812.5000"] in rows and ["load", "mae", "0.0004"] in rows


@pytest.mark.parametrize(
    ("value", "text"), [(18.2, "18.2000"), (0.0, "0.0000"), (3.21e-6, "3.21e-06"), (-0.0004, "-0.0004")]
)
def test_a_small_metric_is_not_shown_as_zero(value, text):
    assert shown(value) == text


def test_data_that_changed_since_the_training_are_told(tiny_run, tiny_export, tmp_path, capsys):
    report = json.loads((tiny_export / "1" / EXTRA / "data_report.json").read_text())
    assert report == json.loads((tiny_run / "data_report.json").read_text()) and report["content"]
    copy = shutil.copytree(tiny_run, tmp_path / "run")
    assert run(["evaluate", str(copy), "--split", "valid"]) == 0
    assert "have changed" not in capsys.readouterr().err
    (copy / "data_report.json").write_text(json.dumps({**report, "content": "another digest"}))
    assert run(["evaluate", str(copy), "--split", "valid"]) == 0
    said = capsys.readouterr().err
    assert "the data have changed since the training: parts of the valid split" in said
    other = tmp_path / "other.txt"  # whose content never was the one of the training
    other.write_text("To be, or not to be: that is the question.\n" * 50)
    assert run(["evaluate", str(copy), "--data.files", str(other)]) == 0
    assert "have changed" not in capsys.readouterr().err


def test_data_that_were_moved_lead_to_the_command_that_finds_them(tiny_run, tmp_path, capsys):
    copy = shutil.copytree(tiny_run, tmp_path / "run")
    text = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text(text.replace("play.txt", "gone.txt"))
    assert run(["evaluate", str(copy), "--split", "valid"]) == 2
    error = capsys.readouterr().err
    assert "gone.txt: no such file; if it was moved: kerasapp evaluate" in error
    assert "--data.files PATH --data.split 0.8 0.1 0.1" in error
