"""Every setting of `training` that all tasks share acts: whole runs of a few steps of a tiny series.

What tasks add to the section, and what they read of it themselves, has its rows in the tasks' own tables.
"""

import contextlib
import functools
import itertools
import shutil
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from settings import Row, Table, becomes, differ

import kerasapp
from kerasapp import cli
from kerasapp.config.checks import hints
from kerasapp.config.training import TrainingConfig
from kerasapp.training import fit

SHARED = sorted(f"training.{name}" for name in hints(TrainingConfig))


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """The working folder, with the table to learn from."""
    path = tmp_path_factory.mktemp("settings")
    values = np.random.default_rng(0).uniform(1, 9, 40)
    (path / "table.csv").write_text("a\n" + "".join(f"{a}\n" for a in values))
    with contextlib.chdir(path):
        yield


@pytest.fixture(scope="module", autouse=True)
def _eager():
    """Steps of `fit` run operation by operation: to trace them takes longer than all of these runs."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    """Nothing is drawn for TensorBoard; a clock of which each look takes a second."""
    monkeypatch.setattr(kerasapp.Series, "summarise", lambda task, model: None)
    ticks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))


numbers = itertools.count()


def trained(task):
    """A whole run: the steps after which it was validated, the checkpoints that it wrote, and the weights
    that it kept."""
    run = Path(f"run{next(numbers)}")
    history = fit.train(task, run).history
    return {
        "epochs": [row["step"] for row in history],
        "saves": int(tf.train.latest_checkpoint(str(run / "checkpoints")).rpartition("-")[2]),
        "weights": keras.models.load_model(run / "best.keras", compile=False).get_weights(),
    }


def other_weights(before, after):
    return before["epochs"] == after["epochs"] and differ(before["weights"], after["weights"])


def validated_after(*steps):
    return lambda before, after: before["epochs"] != after["epochs"] == list(steps)


def getting_worse(task):
    """A run whose figure is worse in each epoch than in the one before."""
    figures = itertools.count()
    task.validate = lambda model: {task.monitor: -task.direction * next(figures)}
    return trained(task)


def strategy(task):
    """The strategy under which a run makes its model."""

    class Seen(Exception):
        pass

    def build(training):
        raise Seen(type(tf.distribute.get_strategy()).__name__)

    task.build = build
    with pytest.raises(Seen) as seen:
        trained(task)
    return str(seen.value)


def number_formats(task):
    """The format that the layers of the model that is trained compute in."""
    formats = []

    def build(training, make=task.build):
        model = make(training)
        formats.extend(layer.compute_dtype for layer in model.layers if training)
        return model

    task.build = build
    trained(task)
    return set(formats)


def computes_in_bfloat16(before, after):
    return "bfloat16" in after - before


class StopsAtOnce(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = True


@functools.cache
def finished_run():
    """A finished run, and the words that made it."""
    run = Path("finished")
    words = ["--data.files", "table.csv", "--data.window", "6", "--training.steps", "1"]
    assert cli.run(["train", "series", "--run", str(run), *words]) == 0
    return run, words


def started_anew(task):
    """Whether `kerasapp train` replaces a finished run that stands in its folder: exit code, what is left."""
    finished, words = finished_run()
    run = Path(shutil.copytree(finished, f"run{next(numbers)}"))
    (run / "mark").touch()
    words = [*words, "--training.overwrite", str(task.config.training.overwrite).lower()]
    return cli.run(["train", "series", "--run", str(run), *words]), (run / "mark").exists()


BASE = {
    "data.files": ["table.csv"],
    "data.split": [1.0, 0.0, 0.0],
    "data.window": 4,
    "model.units": 2,
    "model.layers": 1,
    "model.components": 1,
    "model.dropout": 0.0,
    "model.recurrent_dropout": 0.0,
    "training.batch_size": 2,
    "training.steps": 3,
    "training.steps_per_epoch": 3,
    "training.learning_rate": 0.1,
    "training.warmup": 0.0,
    "training.final_learning_rate": 1.0,
    "training.clip_norm": 0.0,
    "training.average": 0.0,
}

ROWS = {
    "training.seed": [Row(trained, 1, other_weights, {"training.learning_rate": 1e-9})],
    "training.batch_size": [Row(trained, 3, other_weights)],
    "training.steps": [Row(trained, 5, validated_after(3, 5))],
    "training.minutes": [
        Row(trained, 0.2, lambda one, two: one["epochs"] < two["epochs"], {"training.minutes": 0.1})
    ],
    "training.steps_per_epoch": [Row(trained, 2, validated_after(2, 3))],
    "training.learning_rate": [Row(trained, 0.2, other_weights)],
    "training.warmup": [Row(trained, 0.5, other_weights)],
    "training.final_learning_rate": [Row(trained, 0.1, other_weights)],
    "training.weight_decay": [Row(trained, 0.1, other_weights)],
    "training.clip_norm": [Row(trained, 1e-7, other_weights)],
    "training.patience": [
        Row(getting_worse, 1, validated_after(1, 2), {"training.steps_per_epoch": 1, "training.steps": 3})
    ],
    "training.average": [Row(trained, 0.9, other_weights)],
    "training.precision": [Row(number_formats, "mixed_bfloat16", computes_in_bfloat16)],
    "training.strategy": [Row(strategy, "mirrored", becomes("MirroredStrategy"))],
    "training.callbacks": [Row(trained, [f"{__name__}:StopsAtOnce"], validated_after(1))],
    "training.save_seconds": [Row(trained, 1e-3, lambda few, many: few["saves"] == 2 and many["saves"] == 4)],
    "training.overwrite": [Row(started_anew, True, becomes((0, False)))],
}
TABLE = Table(kerasapp.Series, BASE, ROWS)


@pytest.mark.parametrize("key", SHARED)
def test_every_setting_acts(key):
    TABLE.check(key)


def test_all_rows_are_of_settings():
    assert not TABLE.unknown()


def test_the_same_seed_gives_the_same_weights():
    assert not differ(trained(TABLE.task({}))["weights"], trained(TABLE.task({}))["weights"])
