"""Whole runs: what they leave, exact resume after kill -9, precision, devices, from Python."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from dense_task import AtStep, Killed, Recorder, kill
from tiny import SMALL
from waiting import PATIENCE

import kerasapp
from kerasapp.cli import run
from kerasapp.errors import ConfigError
from kerasapp.training import fit


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
    for count in range(3):
        before = newest_checkpoint(tmp_path / "killed")
        process = subprocess.Popen(
            command(tmp_path / "killed", text_file, *flags),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while newest_checkpoint(tmp_path / "killed") == before:
            assert process.poll() is None, "ended before it could be killed"
            time.sleep(0.01)
        time.sleep(0.05 * (count + 1))
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
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert f"kerasapp train generation --run {tmp_path / 'run'}" in errors.splitlines()[-1]
    assert "Traceback" not in errors and newest_checkpoint(tmp_path / "run")


@pytest.fixture
def heard():
    """SIGINT is heard as in a terminal; who starts the tests in the background may have it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_second_signal_is_the_systems_own_again(heard):
    """Otherwise a step that hangs could not be ended."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with fit._stop_signals() as interrupted:
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        assert signal.getsignal(signal.SIGINT) is before[0]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is before[1]
    with fit._stop_signals() as interrupted:
        assert not interrupted()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def small_task(*files, **training_keys):
    return kerasapp.Generation(
        data={"files": [str(file) for file in files], "window": 16, "split": [0.8, 0.1, 0.1]},
        model={"units": 8, "embedding_size": 4, "layers": 1},
        training={"batch_size": 4, "steps": 6, "steps_per_epoch": 2, **training_keys},
    )


def test_mixed_precision_trains_and_keeps_a_float32_model(tmp_path, text_file):
    state = kerasapp.train(small_task(text_file, precision="mixed_bfloat16"), tmp_path / "run")
    assert state.finished and state.best < 4
    kept = keras.models.load_model(tmp_path / "run" / "best.keras")
    assert {layer.compute_dtype for layer in kept.layers} == {"float32"}


def test_from_python_as_from_the_command_line(tmp_path, text_file, monkeypatch, capsys):
    (tmp_path / "play.txt").write_bytes(text_file.read_bytes())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Killed):
        kerasapp.train(small_task("play.txt"), "run", callbacks=[AtStep(3, kill)])
    recorder = Recorder()
    state = kerasapp.train(small_task("play.txt"), "run", callbacks=[recorder])
    assert state.finished and len(recorder.weights) == 4  # of 6 steps, 2 were done before the last save
    assert "run: going on with this run\n" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="this run is finished"):
        kerasapp.train(small_task("play.txt"), "run")
    with pytest.raises(ConfigError, match=r"this run is finished; name another --run \(with --from"):
        kerasapp.train(small_task("play.txt", steps=8), "run")
    assert kerasapp.train(small_task("play.txt", steps=8, overwrite=True), "run").step == 8
    monkeypatch.chdir("/")
    assert kerasapp.load(tmp_path / "run").evaluate()["nats_per_character"] < 4
    words = ["--run", str(tmp_path / "other"), "--config", str(tmp_path / "run" / "config.yaml")]
    assert run(["train", "generation", *words]) == 0
    found = [
        keras.models.load_model(tmp_path / name / "best.keras").get_weights() for name in ("run", "other")
    ]
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_python_may_give_the_model_to_start_from(tmp_path, text_file, tiny_run):
    start = kerasapp.load(tiny_run)
    task = kerasapp.Generation(
        config=start.task.config, tokenizer=start.task.tokenizer, training={"steps": 1, "learning_rate": 1e-9}
    )
    kerasapp.train(task, tmp_path / "run", initial=start.model)
    found = keras.models.load_model(tmp_path / "run" / "best.keras").get_weights()
    for a, b in zip(start.model.get_weights(), found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


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
