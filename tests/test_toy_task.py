"""A task of a user's own, from the outside: told by an entry point alone, it goes through every stage."""

import codecs
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent
ENTRY_POINTS = """[kerasapp.tasks]
cipher = toy_task.spec:SPEC

[kerasapp_lite.tasks]
cipher = toy_task.phone:TASK
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A function that runs a program where the package is installed: (module, words) -> finished process."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "site" / "toy_task-0.1.dist-info").mkdir(parents=True)
    (folder / "site" / "toy_task").symlink_to(HERE / "toy_task", target_is_directory=True)
    (folder / "site" / "toy_task-0.1.dist-info" / "METADATA").write_text("Name: toy-task\nVersion: 0.1\n")
    (folder / "site" / "toy_task-0.1.dist-info" / "entry_points.txt").write_text(ENTRY_POINTS)
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz ", k=12)) for _ in range(200)]
    (folder / "pairs.tsv").write_text("".join(f"{codecs.encode(word, 'rot13')}\t{word}\n" for word in words))
    paths = [folder / "site", ROOT, ROOT / "lite"]

    def run(module, *words):
        return subprocess.run(
            [sys.executable, "-m", module, *words], cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def run(installed):
    """The name of a trained run."""
    words = ("--data.files", "pairs.tsv", "--run", "rot13")
    done = installed("kerasapp", "train", "cipher", *words)
    assert done.returncode == 0, done.stderr
    return "rot13"


@pytest.fixture(scope="module")
def export(installed, run):
    """An exported version, with a bundle, that export has verified."""
    done = installed("kerasapp", "export", run, "--tflite", "float32", "dynamic")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_command_line_knows_it(installed):
    assert "decipher     read a secret text" in installed("kerasapp", "--help").stdout
    assert (
        "tasks: generation, translation, synthesis, series, cipher" in installed("kerasapp", "train").stdout
    )
    assert "--model.units" in installed("kerasapp", "train", "cipher", "--help").stdout


def test_it_trains_is_scored_and_answers(installed, run):
    report = json.loads(installed("kerasapp", "evaluate", run, "--json").stdout)
    assert report["accuracy"] == 1.0 and report["split"] == "test"
    assert installed("kerasapp", "decipher", run, "--text", "uryyb").stdout == "hello\n"
    refused = installed("kerasapp", "decipher", run, "--text", "uryyb", "--limit", "501")
    assert refused.returncode == 2 and "'501' is not a whole number from 1 to 500" in refused.stderr


def test_its_data_are_reported(installed, run):
    words = ("--data.files", "pairs.tsv", "--run", "dry")
    done = installed("kerasapp", "train", "cipher", *words, "--dry-run", "--json")
    report = json.loads(done.stdout)
    assert report["splits"] == {"train": {"items": 160}, "valid": {"items": 20}, "test": {"items": 20}}
    assert report["read"]["files"][0].endswith("pairs.tsv") and len(report["examples"]) == 2
    told = installed("kerasapp", "train", "cipher", *words, "--dry-run")
    assert told.returncode == 0 and told.stdout == "" and "data report of cipher" in told.stderr


def test_an_export_holds_in_every_runtime(installed, export):
    done = installed("kerasapp", "verify", export, "--json", "--items", "12")
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["ok"], done.stderr
    assert all(row["equal"] == 1.0 and row["items"] for row in report["runtimes"].values())
    assert {"keras", "saved_model", "cc_loader", "rest", "grpc", "tflite_float32"} <= report[
        "runtimes"
    ].keys()


def test_a_phone_runs_it(installed, export):
    done = installed("kerasapp_lite.cli", "decipher", f"{export}/tflite", "uryyb", "--limit", "4")
    assert (done.returncode, done.stdout) == (0, "hell\n"), done.stderr


def test_what_it_lacks_is_said_in_a_line(installed, run):
    done = installed("kerasapp", "inspect", run, "--text", "a", "--output", "report.html")
    assert done.returncode == 2 and done.stderr.startswith(
        "error: cipher has no inspection; tasks that have one:"
    )
    assert "invalid choice: 'cipher'" in installed("kerasapp", "quickstart", "cipher").stderr


def test_one_line_registers_it_and_the_page_gets_its_form(monkeypatch):
    from toy_task.spec import SPEC

    from kerasapp import spec
    from kerasapp.serving.page.routes import _form

    monkeypatch.setattr(spec, "_SPECS", {task.name: task for task in spec.specs()})
    spec.register(SPEC)
    assert spec.of_signatures(["decipher"]) is SPEC
    form = _form(SPEC, ["decipher"])
    assert (form["signature"], form["input"], form["streams"]) == ("decipher", "secret", False)
    (knob,) = form["knobs"]
    assert (knob["name"], knob["default"], knob["least"], knob["most"]) == ("limit", 100, 1, 500)
