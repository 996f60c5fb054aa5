"""A tiny model, trained, exported and shared by all tests that need one."""

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

TEXT = "".join(
    f"{name}:\nWhat say you, {other}? 人生如梦，{i} 杯。\n\n"
    for i in range(60)
    for name, other in [("ROMEO", "Juliet"), ("JULIET", "Romeo"), ("Nurse", "madam")]
)
SMALL = [
    "--model.units", "24", "--model.embedding_size", "8",
    "--data.window", "16", "--data.split", "0.8", "0.1", "0.1",
    "--training.batch_size", "8", "--training.steps", "40", "--training.steps_per_epoch", "15",
    "--training.learning_rate", "0.02",
]  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _cache_folder(tmp_path_factory):
    """Token caches of the tests stay among the tests' files."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def text_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "play.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory, text_file):
    """A finished run folder of a character model."""
    from kerasapp.cli import run

    folder = tmp_path_factory.mktemp("runs") / "tiny"
    code = run(["train", "generation", "--run", str(folder), "--data.files", str(text_file), *SMALL])
    assert code == 0
    return folder


@pytest.fixture(scope="session")
def tiny_export(tmp_path_factory, tiny_run):
    """`saved_models/tiny` with one version."""
    from kerasapp.cli import run

    folder = tmp_path_factory.mktemp("saved_models")
    assert run(["export", str(tiny_run), "--to", str(folder)]) == 0
    return folder / "tiny"
