"""`kerasapp export`: the name of the model, the figures of its card, and what is refused before any work."""

from types import SimpleNamespace

import pytest

from kerasapp.artefact import EXTRA, Artefact
from kerasapp.cli import run
from kerasapp.commands import export
from kerasapp.errors import CheckError, ConfigError
from kerasapp.verify import checking

HISTORY = """epoch,step,loss,valid_error,best
0,2,3.5,3.0,True
1,4,3.0,2.0,True
2,6,2.5,2.5,False
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("kerasapp.training.checkpoint.saved_state", lambda run: {"data": "digest"})
    (tmp_path / "history.csv").write_text(HISTORY)
    return tmp_path


def test_the_figures_are_those_of_the_epoch_whose_model_was_kept(folder):
    (folder / "finished").touch()
    assert export.best_metrics(folder) == {
        "epoch": "1", "step": "4", "loss": "3.0", "valid_error": "2.0", "data": "digest"
    }  # fmt: skip


def test_a_run_that_goes_on_says_so_in_the_card(folder):
    assert export.best_metrics(folder)["training"] == "was interrupted; this is the best model until then"


def test_a_run_without_validation_has_no_figures(folder):
    (folder / "history.csv").write_text(HISTORY.replace("True", "False"))
    assert export.best_metrics(folder) == {}
    (folder / "history.csv").unlink()
    assert export.best_metrics(folder) == {}


@pytest.mark.parametrize(
    ("path", "given", "name"),
    [
        ("runs/mine", None, "mine"),
        ("runs/mine", "stories", "stories"),
        ("saved_models/mine/3", None, "mine"),
        ("saved_models/mine/0003", None, "mine"),
        ("runs/人生", None, "人生"),
    ],
)
def test_the_name_is_the_runs_or_the_exports_unless_given(tmp_path, path, given, name):
    path = tmp_path / path
    assert export._name(SimpleNamespace(name=given), Artefact(path, path, path)) == name


@pytest.mark.parametrize("name", ["a/b", ".hidden", "7", "-1", "a b", "..", "a:b"])
def test_a_name_that_servers_cannot_serve_is_refused(tmp_path, name):
    """A number would be taken for a version."""
    with pytest.raises(ConfigError, match="--name: ") as caught:
        export._name(SimpleNamespace(name=name), Artefact(tmp_path, tmp_path, tmp_path))
    assert repr(name) in str(caught.value)


def test_no_version_is_written_where_a_runtime_does_not_hold(monkeypatch, capsys):
    rows = {"keras": {"ok": True}, "rest": {"ok": False}, "grpc": {"ok": False}}
    monkeypatch.setattr(checking, "verify", lambda staged, how: {"ok": False, "runtimes": rows})
    monkeypatch.setattr("kerasapp.commands.verify.show", lambda report, file: None)
    with pytest.raises(CheckError, match="no version is written: rest, grpc does not hold"):
        export._verified("staged")
    assert "skip with --no-verify" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [("--no-measure", "--no-measure: goes with --production"), ("--tflite float8", "--tflite")],
)
def test_wrong_words(capsys, words, said):
    assert run(["export", "runs/none", *words.split()]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_production_files_are_for_a_folder_that_servers_find(tmp_path, capsys):
    folder = tmp_path / "mine" / "best"
    (folder / EXTRA).mkdir(parents=True)
    (folder / EXTRA / "config.yaml").touch()
    assert run(["export", str(folder), "--production", str(tmp_path / "production")]) == 2
    error = capsys.readouterr().err
    assert f"{folder}: servers look for NAME/VERSION" in error and error.count("\n") == 1
