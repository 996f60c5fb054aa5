"""Puts saboteurs and untouched exports to `kerasapp verify`, the real command, and judges what it says."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from kerasapp.artefact import EXTRA

from .saboteur import Saboteur, broken_copy

LONGEST = 900  # seconds of one verification: what takes longer hangs


class Verdict(NamedTuple):
    """What came of a verification.

    code: the exit code, None where it hung. rows: runtime -> row of the report. told: what it printed for
    people. seconds: that it took.
    """

    code: int | None
    rows: dict
    told: str
    seconds: float


def verify(version, runtimes=(), paths=(), words=("--quick",)):
    """The `Verdict` on a version, of a command that imports the packages in the folders `paths` first."""
    folders = [*map(str, paths), *(path for path in sys.path if path and Path(path).is_dir())]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-m", "kerasapp", "verify", str(version), "--json", *words]
    command += ["--runtimes", *runtimes] if runtimes else []
    started = time.monotonic()
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired:
        return Verdict(None, {}, "", time.monotonic() - started)
    rows = json.loads(done.stdout)["runtimes"] if done.stdout.startswith("{") else {}
    return Verdict(done.returncode, rows, done.stderr, time.monotonic() - started)


def tried(saboteur, version, other, folder, verify=verify):
    """Breaks a copy in an empty folder and verifies it: (what is wrong with the answer, or None; its
    `Verdict`). verify: the function that does."""
    copy = broken_copy(saboteur, version, other, folder)
    found = verify(copy.version, saboteur.rows, copy.paths)
    return missed(saboteur, found), found


def harmless(base):
    """What looks like a saboteur and breaks nothing: the SavedModel is saved again as all signatures are,
    its bundle sealed. An export that this does not leave whole proves nothing about the others."""
    from . import signatures

    return Saboteur("nothing", base, signatures.wrap(serving_default=lambda call: call()), ())


def missed(saboteur, verdict):
    """What the verdict on a saboteur lacks, in a line; None where it is caught and told."""
    if verdict.code != 1:
        return "hung" if verdict.code is None else f"exit code {verdict.code}: {verdict.told.strip()[-300:]}"
    for name in saboteur.rows:
        row = verdict.rows[name]
        if row["ok"] or not row["problems"]:
            return f"{name} says yes"
        if not any(line.startswith(f"{name}: ") for line in verdict.told.splitlines()):
            return f"{name} is not named"
        if saboteur.says is None and not _first(row):
            return f"{name} does not tell the first difference: {row['problems'][0]}"
        if saboteur.says and not any(saboteur.says in problem for problem in row["problems"]):
            return f"{name} does not say {saboteur.says!r}: {row['problems'][0]}"
    if "keras" not in saboteur.rows and not verdict.rows["keras"]["ok"]:
        return f"keras is blamed: {verdict.rows['keras']['problems'][0]}"
    return None


def _first(row):
    parts = (row, row["batched"] or {})
    return next((part["first_difference"] for part in parts if part.get("first_difference")), None)


def another_checkpoint(version, folder):
    """The folder of a version of the same model, in `folder`, whose weights are those of another checkpoint:
    each is off by a fifth of how far the weights of its array scatter."""
    import numpy as np

    import kerasapp

    predictor = kerasapp.load(version)
    draw = np.random.default_rng(5)
    for variable in predictor.model.trainable_variables:
        value = variable.numpy()
        variable.assign(value + 0.2 * value.std() * draw.normal(size=value.shape))
    metadata = Path(version, "tflite", "metadata.json")
    precisions = list(json.loads(metadata.read_text("utf-8"))["precisions"])
    return predictor.task.export(predictor.model, Path(folder, version.parent.name), tflite=precisions)


def base_of(version):
    """Which of `BASES` a version is: its task, or "autoencoder"."""
    from kerasapp.config import parsing

    config = parsing.load(Path(version) / EXTRA / "config.yaml")
    return "autoencoder" if getattr(config.data, "autoencode", False) else config.task
