"""Which epoch's model is kept, and when a run ends early."""

import itertools
import math

import keras
import numpy as np
import pytest
from dense_task import DenseTask, Recorder

from kerasapp.training.fit import train
from kerasapp.training.selection import is_better


@pytest.mark.parametrize(
    ("metric", "best", "lower", "higher"),
    [
        (1.0, 2.0, True, False),
        (2.0, 1.0, False, True),
        (1.0, 1.0, False, False),  # an equal one is no better
        (0.0, 0.0, False, False),  # BLEU of a model that does not learn
        (1.0, None, True, True),  # the first
        (None, None, True, True),  # nothing is validated: the newest
        (math.nan, None, True, True),
        (1.0, math.nan, True, True),
        (math.nan, 1.0, False, False),
        (math.nan, math.nan, False, False),
    ],
)
def test_which_of_two_is_better(metric, best, lower, higher):
    assert is_better(metric, best, -1) is lower
    assert is_better(metric, best, 1) is higher


def kept(run):
    return keras.models.load_model(run / "best.keras").get_weights()


def test_the_best_epoch_is_kept(tmp_path):
    recorder = Recorder()
    state = train(DenseTask([3.0, 2.0, 2.5]), tmp_path / "run", callbacks=[recorder])
    assert [row["best"] for row in state.history] == [True, True, False]
    assert (state.best, state.waited) == (2.0, 1)
    for found, weight in zip(kept(tmp_path / "run"), recorder.weights[3], strict=True):  # epochs of 2 steps
        np.testing.assert_array_equal(found, weight)


def test_where_more_is_better_the_highest_is_kept(tmp_path):
    task = DenseTask([3.0, 2.0, 4.0])
    task.direction = 1
    assert [row["best"] for row in train(task, tmp_path / "run").history] == [True, False, True]


def test_without_validation_the_last_model_is_kept(tmp_path):
    recorder = Recorder()
    state = train(DenseTask(), tmp_path / "run", callbacks=[recorder])
    assert [row["best"] for row in state.history] == [True, True, True] and state.best is None
    for found, weight in zip(kept(tmp_path / "run"), recorder.weights[-1], strict=True):
        np.testing.assert_array_equal(found, weight)


@pytest.mark.parametrize(
    ("metrics", "epochs"),
    [
        (itertools.repeat(1.0), 3),  # the first one, and two that are no better
        ([3.0, 2.0, 2.5, 2.1, 1.0], 4),
        ([3.0, 3.5, 2.0, 2.5, 2.5, 1.0], 5),
        ([5.0, 4.0, 3.0, 2.0, 1.0], 5),
    ],
)
def test_patience_counts_epochs_that_are_no_better(tmp_path, metrics, epochs):
    state = train(DenseTask(metrics, patience=2, steps=10), tmp_path / "run")
    assert len(state.history) == epochs and state.finished


@pytest.mark.parametrize(
    ("metrics", "times"),
    [
        ([0.0] * 5, 1),
        ([1.0, 0.0, 0.0, 0.0, 0.0], 1),
        ([0.0, 0.0, 1.0, 0.0, 0.0], 0),
        ([0.0, 0.0, 0.0, 1.0, 1.0], 1),
        ([5.0, 4.0, 3.0, 2.0, 1.0], 0),
    ],
)
def test_a_metric_that_does_not_change_is_told_once(tmp_path, capsys, metrics, times):
    train(DenseTask(metrics, steps=10), tmp_path / "run")
    assert capsys.readouterr().err.count("in 3 epochs, one after the other") == times


def test_without_validation_no_metric_is_told(tmp_path, capsys):
    train(DenseTask(steps=10), tmp_path / "run")
    assert "one after the other" not in capsys.readouterr().err


def test_without_patience_a_run_goes_to_its_end(tmp_path):
    assert len(train(DenseTask([1.0] * 5, steps=10), tmp_path / "run").history) == 5


def test_patience_goes_on_counting_after_a_resume(tmp_path):
    task = DenseTask([1.0, 1.0], patience=3, steps=20)  # it ends with an exception at the third validation
    with pytest.raises(StopIteration):
        train(task, tmp_path / "run")
    state = train(DenseTask([1.0, 1.0, 1.0], patience=3, steps=20), tmp_path / "run")
    assert [row["best"] for row in state.history] == [True, False, False, False]


def average_of(weights, decay, first):
    """The moving average of the weights of each step; its decay is at most (1 + step) / (10 + step)."""
    average = first
    for step, weight in enumerate(weights):
        momentum = min(decay, (1 + step) / (10 + step)) if step else 0.0
        average = momentum * average + (1 - momentum) * weight
    return average


@pytest.mark.parametrize("decay", [0.0, 0.6])
def test_the_average_is_kept_and_training_goes_on_with_the_weights(tmp_path, decay):
    recorder, plain = Recorder(), Recorder()
    keys = {"learning_rate": 0.1, "steps": 20, "steps_per_epoch": 10}
    train(DenseTask(average=decay, **keys), tmp_path / "run", callbacks=[recorder])
    train(DenseTask(**keys), tmp_path / "plain", callbacks=[plain])
    for found, weight in zip(recorder.weights, plain.weights, strict=True):  # an epoch's end changed nothing
        np.testing.assert_allclose(found[0], weight[0], rtol=1e-6)
    kernels = [kernel for kernel, _ in recorder.weights]
    expected = average_of(kernels, decay, 0.0)
    np.testing.assert_allclose(kept(tmp_path / "run")[0], expected, rtol=1e-5)
    assert np.allclose(expected, kernels[-1], rtol=1e-3) is (decay == 0.0)
