"""Callbacks of users: which calls they get, how the configuration names them, what is said of wrong ones."""

import math
import sys

import keras
import pytest
from dense_task import AtStep, DenseTask, Killed, Recorder, kill
from tiny import SMALL

from kerasapp.cli import run
from kerasapp.config import parsing
from kerasapp.config.training import TrainingConfig
from kerasapp.errors import ConfigError, TrainingError
from kerasapp.training.callbacks import load_callbacks
from kerasapp.training.fit import train


def test_a_callback_gets_the_metrics_of_each_epoch(tmp_path):
    recorder = Recorder()
    state = train(DenseTask([3.0, 2.0, 2.5]), tmp_path / "run", callbacks=[recorder])
    first, *epochs, last = recorder.calls
    assert (first, last) == ("begin", "end") and [epoch for epoch, _ in epochs] == [0, 1, 2]
    for (_, logs), row in zip(epochs, state.history, strict=True):
        assert logs == {
            "loss": row["loss"], "val_error": row["valid_error"], "learning_rate": row["learning_rate"],
        }  # fmt: skip
    assert recorder.params == {"verbose": 0, "epochs": 3, "steps": 2}


def test_a_last_epoch_that_is_cut_short_counts_too(tmp_path):
    recorder = Recorder()
    train(DenseTask(steps=5), tmp_path / "run", callbacks=[recorder])  # in epochs of 2
    assert [epoch for epoch, _ in recorder.calls[1:-1]] == [0, 1, 2]
    assert recorder.params == {"verbose": 0, "epochs": 3, "steps": 2}


def test_a_run_that_goes_on_inside_an_epoch_is_one_training_to_a_callback(tmp_path):
    keys = {"steps": 12, "steps_per_epoch": 4, "save_seconds": 1e-6}
    with pytest.raises(Killed):
        train(DenseTask(**keys), tmp_path / "run", callbacks=[AtStep(3, kill)])
    recorder = Recorder()
    train(DenseTask(**keys), tmp_path / "run", callbacks=[recorder])
    assert [call if isinstance(call, str) else call[0] for call in recorder.calls] == [
        "begin",
        0,
        1,
        2,
        "end",
    ]


def test_keras_callbacks_work_as_they_do_anywhere(tmp_path):
    stop = keras.callbacks.EarlyStopping("val_error", mode="min", patience=1)
    log = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    state = train(DenseTask([3.0, 2.0, 2.5, 1.0], steps=100), tmp_path / "run", callbacks=[log, stop])
    assert len(state.history) == 3 and state.finished  # and no step after that
    assert (tmp_path / "log.csv").read_text().splitlines()[0] == "epoch,learning_rate,loss,val_error"


def test_a_callback_may_stop_a_run_inside_an_epoch(tmp_path):
    class Stop(Recorder):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            self.model.stop_training = len(self.weights) == 3

    state = train(DenseTask([3.0, 2.0]), tmp_path / "run", callbacks=[Stop()])
    assert state.step == 3 and state.finished and len(state.history) == 2
    assert (tmp_path / "run" / "finished").exists()


MODULE = """
import keras

class Note(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        with open("notes.txt", "a") as file:
            file.write(f"{epoch} {logs['val_nats_per_character']:.3f}\\n")

class Needy(keras.callbacks.Callback):
    def __init__(self, project):
        super().__init__()

def function():
    return Note()

number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A folder with a module of a user, on Python's path."""
    (tmp_path / "my_callbacks.py").write_text(MODULE)
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('no\\nkey')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("my_callbacks", None)


def test_a_configuration_names_classes(module):
    found = load_callbacks(("my_callbacks:Note", "keras.callbacks:TerminateOnNaN"))
    assert [type(callback).__name__ for callback in found] == ["Note", "TerminateOnNaN"]
    assert isinstance(found[1], keras.callbacks.TerminateOnNaN)


WRONG = {
    "no_module:Note": "ModuleNotFoundError: No module named 'no_module'; a module of yours is found through "
    "PYTHONPATH",
    "my_callbacks:Nota": "AttributeError: module 'my_callbacks' has no attribute 'Nota'",
    "my_callbacks:function": "is not a class of keras.callbacks.Callback",
    "my_callbacks:number": "is not a class of keras.callbacks.Callback",
    "keras.layers:Dense": "is not a class of keras.callbacks.Callback",
    "broken_module:Note": "RuntimeError: no key",
}


@pytest.mark.parametrize(("name", "message"), WRONG.items(), ids=WRONG)
def test_a_wrong_name_is_one_line(module, name, message):
    with pytest.raises(ConfigError) as error:
        load_callbacks((name,))
    assert str(error.value) == f"training.callbacks: {name}: {message}"


def test_a_class_that_needs_arguments_is_one_line(module):
    with pytest.raises(ConfigError, match=r"my_callbacks:Needy\(\): TypeError: .*'project'"):
        load_callbacks(("my_callbacks:Needy",))


@pytest.mark.parametrize("name", ["Note", "a:", ":b", "a b:c", "a:b:c", "../a:b", ""])
def test_the_form_of_a_name_is_checked_with_the_configuration(name):
    with pytest.raises(ConfigError, match=r"training\.callbacks: .* is not module:Class"):
        TrainingConfig(steps=1, callbacks=(name,))


def test_from_the_command_line(module, text_file, capsys):
    words = ["train", "generation", "--run", "run", "--data.files", str(text_file), *SMALL]
    words += ["--training.steps", "4", "--training.steps_per_epoch", "2"]
    assert run([*words, "--training.callbacks", "my_callbacks:Missing"]) == 2
    assert capsys.readouterr().err.startswith("error: training.callbacks: my_callbacks:Missing: ")
    assert not (module / "run").exists()
    assert run([*words, "--training.callbacks", "my_callbacks:Note", "keras.callbacks:TerminateOnNaN"]) == 0
    assert [line.split()[0] for line in (module / "notes.txt").read_text().splitlines()] == ["0", "1"]
    stored = parsing.load(module / "run" / "config.yaml")
    assert stored.training.callbacks == ("my_callbacks:Note", "keras.callbacks:TerminateOnNaN")


def test_a_run_may_go_on_with_other_callbacks(tmp_path):
    with pytest.raises(Killed):
        train(DenseTask(), tmp_path / "run", callbacks=[AtStep(3, kill)])
    other = DenseTask(callbacks=("keras.callbacks:TerminateOnNaN",))
    assert train(other, tmp_path / "run").finished


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_with_advice(tmp_path, loss):
    task = DenseTask(loss=lambda y_true, y_pred: 0.0 * keras.ops.mean(y_pred) + loss, learning_rate=0.5)
    said = rf"loss is {loss} at step 1: .* training.learning_rate \(now 0.5\)"
    with pytest.raises(TrainingError, match=said):
        train(task, tmp_path / "run")
