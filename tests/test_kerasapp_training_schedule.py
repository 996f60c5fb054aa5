"""The learning rate of each step, as the optimiser has used it, and the clock of a run."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from dense_task import AtStep, DenseTask, Killed, Recorder, kill

from kerasapp.config.training import TrainingConfig
from kerasapp.training import schedule
from kerasapp.training.fit import train

PEAK, WARMUP, FINAL = 0.04, 0.25, 0.2


def expected(shares):
    """The rates by the formula in the docstring, in NumPy."""
    shares = np.minimum(np.asarray(shares, float), 1.0)
    falling = np.cos(np.pi * (shares - WARMUP) / (1 - WARMUP)) / 2 + 0.5
    return np.where(shares < WARMUP, PEAK * shares / WARMUP, PEAK * (FINAL + (1 - FINAL) * falling))


def test_the_rate_rises_in_a_line_and_falls_along_half_a_cosine():
    config = TrainingConfig(steps=1, learning_rate=PEAK, warmup=WARMUP, final_learning_rate=FINAL)
    shares = np.linspace(0.001, 1.5, 700)
    found = [schedule.learning_rate(share, config) for share in shares]
    np.testing.assert_allclose(found, expected(shares), rtol=1e-9)
    assert schedule.learning_rate(WARMUP, config) == pytest.approx(PEAK)
    assert schedule.learning_rate(1.0, config) == pytest.approx(PEAK * FINAL)
    assert 0 < schedule.learning_rate(0.0, config) < PEAK / 100  # a run by minutes begins at 0


def test_without_warm_up_the_rate_begins_at_its_peak():
    config = TrainingConfig(steps=1, learning_rate=PEAK, warmup=0.0)
    assert schedule.learning_rate(0.0, config) == PEAK


def linear_task(**training):
    """Its loss is the mean output, so the gradient of the bias is always 1, and each step of Adam moves the
    bias by just the learning rate."""
    keys = {"learning_rate": PEAK, "warmup": WARMUP, "final_learning_rate": FINAL, **training}
    return DenseTask(loss=lambda y_true, y_pred: keras.ops.mean(y_pred), **keys)


def used_rates(recorder):
    biases = [0.0, *(float(bias[0]) for _, bias in recorder.weights)]
    return -np.diff(biases)


def test_the_optimiser_uses_the_rate_of_each_step(tmp_path):
    recorder = Recorder()
    train(linear_task(steps=23, steps_per_epoch=7), tmp_path / "run", callbacks=[recorder])
    assert len(recorder.weights) == 23
    np.testing.assert_allclose(used_rates(recorder), expected(np.arange(1, 24) / 23), rtol=1e-3)
    shown = [logs["learning_rate"] for _, logs in recorder.calls[1:-1]]
    np.testing.assert_allclose(shown, expected(np.array([7, 14, 21, 23]) / 23), rtol=1e-6)


class Time(keras.callbacks.Callback):
    """A clock that a test turns: 100 s for the first step of a process, whose graph is traced, 6 s for each
    other one, 12 s for an evaluation."""

    def __init__(self):
        super().__init__()
        self.now, self.first = 1000.0, True

    def monotonic(self):
        return self.now

    def on_train_batch_begin(self, batch, logs=None):
        self.now += 100 if self.first else 6
        self.first = False


def timed_task(clock, **training):
    task = linear_task(minutes=1, **training)

    def validate(model):
        clock.now += 12
        return {}

    task.validate = validate
    return task


def test_a_run_by_minutes_counts_evaluations_and_not_the_first_step(tmp_path, monkeypatch):
    clock, recorder = Time(), Recorder()
    monkeypatch.setattr(schedule, "time", clock)
    state = train(timed_task(clock), tmp_path / "run", callbacks=[clock, recorder])
    # Steps end at 0, 6 | 24, 30 | 48, 54 s, and the evaluations at 18, 42 and 66 s: over.
    shares = np.array([0, 0, 18, 24, 42, 48]) / 60
    rates = expected(shares)
    rates[:2] = PEAK * 1e-3
    np.testing.assert_allclose(used_rates(recorder), rates, rtol=1e-3)
    assert state.seconds == 66 and state.finished
    assert [row["seconds"] for row in state.history] == [6, 30, 54]


def test_a_run_that_goes_on_does_not_count_its_first_step_either(tmp_path, monkeypatch):
    clock = Time()
    monkeypatch.setattr(schedule, "time", clock)
    with pytest.raises(Killed):
        train(timed_task(clock), tmp_path / "run", callbacks=[clock, AtStep(3, kill)])
    clock, recorder = Time(), Recorder()
    monkeypatch.setattr(schedule, "time", clock)
    state = train(timed_task(clock), tmp_path / "run", callbacks=[clock, recorder])
    # Saved at 18 s, after an evaluation; then steps end at 18, 24 | 42, 48 s, and evaluations at 36 and 60 s.
    assert len(recorder.weights) == 4 and state.step == 6 and state.seconds == 60
    biases = [float(bias[0]) for _, bias in recorder.weights]
    np.testing.assert_allclose(-np.diff(biases), expected(np.array([18, 36, 42]) / 60), rtol=1e-3)


def test_the_share_of_a_run_may_pass_its_end():
    state, config = SimpleNamespace(step=3, seconds=90.0), TrainingConfig(steps=12)
    assert schedule.Schedule(state, config).share() == 0.25
    assert schedule.Schedule(state, TrainingConfig(minutes=1.0)).share() == 1.5
