"""A run that is killed anywhere goes on as if nothing had happened."""

import csv
import shutil
import signal
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from dense_task import AtStep, DenseTask, Killed, Recorder, kill

from kerasapp.errors import ConfigError, Interrupted
from kerasapp.training import checkpoint
from kerasapp.training.checkpoint import Saver
from kerasapp.training.fit import train

KEYS = {"steps": 11, "steps_per_epoch": 4, "average": 0.9, "weight_decay": 0.01, "save_seconds": 1e-6}


def task(**keys):
    return DenseTask([5.0, 4.0, 4.5], **{**KEYS, **keys})


def rest_of(metrics):
    """The task of a run whose first epochs are validated already."""
    return DenseTask(metrics, **KEYS)


def history(run):
    with (run / "history.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """(history, weights after each step) of a run that nobody disturbs."""
    run, recorder = tmp_path_factory.mktemp("runs") / "calm", Recorder()
    train(task(), run, callbacks=[recorder])
    return history(run), recorder.weights


@pytest.mark.parametrize("step", [1, 4, 6, 11])
def test_a_run_killed_after_a_step_ends_as_one_that_was_not(tmp_path, calm, step):
    with pytest.raises(Killed):
        train(task(), tmp_path / "run", callbacks=[AtStep(step, kill)])
    # The step's own checkpoint was not written any more, nor the validation of an epoch that it ends.
    recorder, validated = Recorder(), (step - 1) // 4
    state = train(rest_of([5.0, 4.0, 4.5][validated:]), tmp_path / "run", callbacks=[recorder])
    assert state.step == 11 and state.finished and len(recorder.weights) == 11 - (step - 1)
    assert history(tmp_path / "run") == calm[0]
    for found, expected in zip(recorder.weights[-1], calm[1][-1], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_run_that_is_interrupted_saves_its_step(tmp_path, calm):
    stop = AtStep(6, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(Interrupted):
        train(task(save_seconds=60.0), tmp_path / "run", callbacks=[stop])
    recorder = Recorder()
    train(rest_of([4.0, 4.5]), tmp_path / "run", callbacks=[recorder])
    assert len(recorder.weights) == 5 and history(tmp_path / "run") == calm[0]
    np.testing.assert_array_equal(recorder.weights[-1][0], calm[1][-1][0])


def test_saves_come_as_often_as_asked(tmp_path, monkeypatch):
    saves = []
    save = Saver.save
    monkeypatch.setattr(Saver, "save", lambda self: saves.append(self.state.step) or save(self))
    train(task(save_seconds=60.0), tmp_path / "seldom")
    assert saves == [0, 4, 8, 11]
    saves.clear()
    train(task(), tmp_path / "often")
    assert saves == list(range(12))


def test_the_next_save_comes_so_long_after_the_last(tmp_path, monkeypatch):
    saves, save, clock = [], Saver.save, SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(checkpoint, "time", clock)
    monkeypatch.setattr(Saver, "save", lambda self: saves.append(self.state.step) or save(self))

    class Step(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            clock.now += 25

    train(task(steps_per_epoch=11, save_seconds=60.0), tmp_path / "run", callbacks=[Step()])
    assert saves == [0, 3, 6, 9, 11]  # after 75 s each, and at the end


def test_a_finished_run_that_was_killed_before_its_mark_trains_no_step_more(tmp_path):
    run = tmp_path / "run"
    train(task(), run)
    (run / "finished").unlink()  # the last thing that a run writes
    best, before = (run / "best.keras").read_bytes(), history(run)
    recorder = Recorder()
    state = train(rest_of([1.0]), run, callbacks=[recorder])
    assert recorder.weights == recorder.calls == [] and state.step == 11
    assert (run / "best.keras").read_bytes() == best and history(run) == before
    assert (run / "finished").exists()


class Pair(keras.Model):
    """A model that is trained together with a scale, which has an optimiser of its own."""

    def __init__(self, model):
        super().__init__()
        self.inner, self.scale = model, keras.Variable(1.0)
        self.second = keras.optimizers.SGD(0.1, momentum=0.9)
        self.second.build([self.scale])
        self.built = True

    @property
    def extra_variables(self):
        return self.second.variables

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.inner(x, training=True) * self.scale - y) ** 2)
        *gradients, last = tape.gradient(loss, [*self.inner.trainable_variables, self.scale.value])
        self.optimizer.apply(gradients, self.inner.trainable_variables)
        self.second.apply([last], [self.scale])
        return {"loss": loss}


def test_a_learners_own_optimiser_is_in_the_checkpoint(tmp_path):
    def pair(**keys):
        found = task(**keys)
        found.learner = Pair
        return found

    whole, rest = Recorder(), Recorder()
    train(pair(), tmp_path / "whole", callbacks=[whole])
    with pytest.raises(Killed):
        train(pair(), tmp_path / "run", callbacks=[AtStep(3, kill)])
    again = pair()
    train(again, tmp_path / "run", callbacks=[rest])
    assert len(rest.weights[-1]) == 3  # kernel, bias and the scale
    for found, expected in zip(rest.weights[-1], whole.weights[-1], strict=True):
        np.testing.assert_array_equal(found, expected)
    kept = keras.models.load_model(tmp_path / "run" / "best.keras")
    assert [weight.shape for weight in kept.get_weights()] == [(3, 1), (1,)]  # the model alone


def test_a_checkpoint_of_another_model_ends_with_one_line(tmp_path):
    with pytest.raises(Killed):
        train(task(), tmp_path / "run", callbacks=[AtStep(3, kill)])
    other = task()
    other.build = lambda training=True: keras.Sequential([keras.Input([3]), keras.layers.Dense(2)])
    with pytest.raises(ConfigError, match="another version of kerasapp; start anew with --tr") as error:
        train(other, tmp_path / "run")
    assert "\n" not in str(error.value)
    for file in (tmp_path / "run/checkpoints").glob("*.index"):
        file.write_bytes(b"no index")
    with pytest.raises(ConfigError, match="cannot go on from it") as error:
        train(task(), tmp_path / "run")
    assert "\n" not in str(error.value)


def test_a_disk_that_is_full_is_named(tmp_path, monkeypatch):
    def save(*_, **__):
        told = "{{function_node x}} a/b; No space left on device [Op:SaveV2]\nmore"
        raise tf.errors.ResourceExhaustedError(None, None, told)

    monkeypatch.setattr(tf.train.CheckpointManager, "save", save)
    with pytest.raises(OSError, match="cannot save: No space left on device: ") as error:
        train(task(), tmp_path / "run")
    assert error.value.filename == str(tmp_path / "run" / "checkpoints")


def test_other_data_do_not_go_on(tmp_path):
    with pytest.raises(Killed):
        train(task(), tmp_path / "run", callbacks=[AtStep(3, kill)])
    other = task()
    other.corpus.content = "other numbers"
    with pytest.raises(ConfigError, match="its data have changed since it began"):
        train(other, tmp_path / "run")


def test_what_a_run_killed_at_its_beginning_has_left_is_not_taken_over(tmp_path):
    train(task(), tmp_path / "other")
    (tmp_path / "run").mkdir()
    shutil.copytree(tmp_path / "other" / "checkpoints", tmp_path / "run" / "checkpoints")
    recorder = Recorder()
    assert train(task(), tmp_path / "run", callbacks=[recorder]).step == 11
    assert len(recorder.weights) == 11
