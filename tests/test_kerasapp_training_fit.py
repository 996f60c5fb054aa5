"""Training: schedule, exact resume after kill -9, early stopping, clear ends."""

import csv
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from tiny import SMALL

import kerasapp
from kerasapp.cli import run
from kerasapp.config.training import TrainingConfig
from kerasapp.errors import ConfigError, TrainingError
from kerasapp.training import fit as training
from kerasapp.training.checkpoint import RunState
from kerasapp.training.schedule import Clock
from kerasapp.training.selection import averaged


def clock(step=0, seconds=0.0, **config):
    defaults = {
        "steps": None, "minutes": None, "learning_rate": 0.5, "warmup": 0.1, "final_learning_rate": 0.2,
    }  # fmt: skip
    return Clock(RunState(step=step, seconds=seconds), SimpleNamespace(**{**defaults, **config}))


def test_learning_rate_rises_then_falls_along_half_a_cosine():
    rates = [clock(step=s, steps=100).learning_rate() for s in range(100)]
    np.testing.assert_allclose(rates[:10], 0.5 * np.arange(1, 11) / 10, rtol=1e-6)
    halfway = 0.5 * (0.2 + 0.8 * 0.5)
    assert rates[54] == pytest.approx(halfway)
    assert rates[-1] == pytest.approx(0.5 * 0.2)
    assert all(a > b for a, b in itertools.pairwise(rates[9:]))


def test_learning_rate_of_a_run_by_minutes_follows_the_clock():
    assert clock(seconds=33.0, minutes=1).learning_rate() == pytest.approx(0.5 * (0.2 + 0.8 * 0.5))
    assert clock(seconds=600.0, minutes=1).learning_rate() == pytest.approx(0.1)
    assert clock(seconds=600.0, minutes=1).progress() == 10.0


def test_a_run_folder_holds_what_design_says(tiny_run):
    names = {entry.name for entry in tiny_run.iterdir()}
    assert names >= {"config.yaml", "tokenizer.json", "checkpoints", "logs", "history.csv", "best.keras"}
    with (tiny_run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [15, 30, 40]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def command(folder, text_file, *flags):
    words = ["-m", "kerasapp", "train", "generation", "--run", str(folder), "--data.files", str(text_file)]
    return [sys.executable, *words, *SMALL, "--model.dropout", "0.2", *flags]


def newest_checkpoint(folder):
    path = folder / "checkpoints" / "checkpoint"
    return path.read_text().splitlines()[0] if path.exists() else ""


def test_a_run_killed_three_times_ends_with_the_weights_of_an_undisturbed_one(tmp_path, text_file):
    flags = ["--training.steps", "60", "--training.save_seconds", "0.001", "--training.average", "0.9"]
    flags += [
        "--training.weight_decay",
        "0.01",
        "--model.input_dropout",
        "0.1",
        "--model.recurrent_dropout",
        "0.1",
    ]
    subprocess.run(command(tmp_path / "calm", text_file, *flags), check=True, capture_output=True)
    for kill in range(3):
        before = newest_checkpoint(tmp_path / "killed")
        process = subprocess.Popen(
            command(tmp_path / "killed", text_file, *flags),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while newest_checkpoint(tmp_path / "killed") == before:
            assert process.poll() is None, "ended before it could be killed"
            time.sleep(0.01)
        time.sleep(0.05 * (kill + 1))
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = subprocess.run(
        command(tmp_path / "killed", text_file, *flags), check=True, capture_output=True, text=True
    )
    assert "going on with this run" in last.stderr
    calm, killed = (keras.models.load_model(tmp_path / name / "best.keras") for name in ("calm", "killed"))
    for a, b in zip(calm.get_weights(), killed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    histories = [
        list(csv.DictReader((tmp_path / name / "history.csv").open())) for name in ("calm", "killed")
    ]
    for a, b in zip(*histories, strict=True):
        del a["seconds"], b["seconds"]
        assert a == b


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path, text_file):
    process = subprocess.Popen(
        command(tmp_path / "run", text_file, "--training.steps", "100000"), stderr=subprocess.PIPE, text=True
    )
    while not (tmp_path / "run" / "history.csv").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"kerasapp train generation --run {tmp_path / 'run'}" in errors.splitlines()[-1]
    assert "Traceback" not in errors and newest_checkpoint(tmp_path / "run")


def small_task(text_file, **training_keys):
    return kerasapp.Generation(
        data={"files": [str(text_file)], "window": 16, "split": [0.8, 0.1, 0.1]},
        model={"units": 8, "embedding_size": 4, "layers": 1},
        training={"batch_size": 4, "steps": 6, "steps_per_epoch": 2, **training_keys},
    )


def test_a_loss_that_is_no_number_ends_with_advice(tmp_path, text_file):
    task = small_task(text_file)
    task.loss = lambda: lambda y_true, y_pred: keras.ops.mean(y_pred) * math.nan
    with pytest.raises(TrainingError, match="learning_rate"):
        training.train(task, tmp_path / "run")


def test_patience_stops_a_run_that_no_longer_gets_better(tmp_path, text_file):
    task = small_task(text_file, patience=2, steps=100)
    figures = iter([3.0, 2.0, 2.5, 2.1, 1.0])
    task.validate = lambda model: {"nats_per_character": next(figures)}
    state = training.train(task, tmp_path / "run")
    assert [row["best"] for row in state.history] == [True, True, False, False]
    assert state.finished and state.best == 2.0


def test_averaged_weights_are_validated_and_training_goes_on_with_its_own(tmp_path, text_file):
    task = small_task(text_file, average=0.5)
    seen = []
    task.validate = lambda model: seen.append(model.get_weights()[0].copy()) or {"nats_per_character": 1.0}
    training.train(task, tmp_path / "run")
    plain = small_task(text_file)
    raw = []
    plain.validate = lambda model: raw.append(model.get_weights()[0].copy()) or {"nats_per_character": 1.0}
    training.train(plain, tmp_path / "other")
    assert len(seen) == len(raw) == 3
    assert all(0 < np.abs(a - b).max() < 0.1 for a, b in zip(seen, raw))


def test_a_short_runs_average_forgets_its_first_weights():
    variable = keras.Variable([0.0])
    optimizer = training.make_optimizer(TrainingConfig(steps=1, average=0.999, learning_rate=0.5))
    optimizer.build([variable])
    expected, seen = 0.0, []
    for step in range(50):
        optimizer.apply([np.ones([1], "float32")])
        seen.append(float(variable[0]))
        momentum = 0.0 if step == 0 else min(0.999, (1 + step) / (10 + step))
        expected = momentum * expected + (1 - momentum) * seen[-1]
    average = float(optimizer._model_variables_moving_average[0][0])
    # Whether a step counts before or after the update moves the average by less than a step.
    assert abs(average - expected) < 0.5 and abs(average - seen[-1]) < 5 < abs(seen[0] - seen[-1])


def test_mixed_precision_trains_and_keeps_a_float32_model(tmp_path, text_file):
    state = training.train(small_task(text_file, precision="mixed_bfloat16"), tmp_path / "run")
    assert state.finished and state.best < 4
    kept = keras.models.load_model(tmp_path / "run" / "best.keras")
    assert {layer.compute_dtype for layer in kept.layers} == {"float32"}


def test_a_run_whose_data_have_changed_does_not_go_on(tmp_path, text_file):
    text = tmp_path / "text.txt"
    text.write_bytes(text_file.read_bytes())
    training.train(small_task(text), tmp_path / "run")
    text.write_bytes(text_file.read_bytes() + b"more")
    with pytest.raises(ConfigError, match="changed"):
        training.train(small_task(text, steps=8), tmp_path / "run")


def test_averaged_restores_the_weights():
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    for _ in range(3):  # at its end `fit` makes the average the model
        model.train_on_batch(np.ones([4, 2]), np.full([4, 1], 5.0))
    before = model.get_weights()
    with averaged(model):
        assert not np.array_equal(model.get_weights()[0], before[0])
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_from_starts_with_the_weights_of_another_run(tmp_path, text_file, tiny_run):
    words = ["--run", str(tmp_path / "more"), "--from", str(tiny_run), "--data.files", str(text_file), *SMALL]
    assert (
        run(["train", "generation", *words, "--training.steps", "1", "--training.learning_rate", "1e-9"]) == 0
    )
    weights = [keras.models.load_model(f / "best.keras").get_weights() for f in (tiny_run, tmp_path / "more")]
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_mirrored_strategy_trains_on_two_devices(tmp_path, text_file):
    """Two logical CPUs stand for two GPUs; in a process of its own, for devices are set once."""
    code = f"""
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.distribute.MirroredStrategy = lambda make=tf.distribute.MirroredStrategy: make(["CPU:0", "CPU:1"])
from kerasapp.cli import main
main({command(tmp_path / "run", text_file, "--training.strategy", "mirrored")[3:]!r})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr[-2000:]
    with (tmp_path / "run" / "history.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]
    json.dumps(losses, allow_nan=False)
