"""benchmarks/memory.py: its tests against examples worked by hand, its models, and that an LSTM learns."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    """The modules memory, memory_tasks and memory_figures: `benchmarks/` is no package."""
    names = "memory_tasks", "memory_figures", "memory"
    for name in names:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    yield sys.modules["memory"]
    for name in names:
        del sys.modules[name]


def test_the_sum_of_two_marked_values_one_in_either_half(benchmark):
    sequences, targets = benchmark.TESTS["adding"].make(np.random.default_rng(0), 200, 11)
    assert sequences.shape == (200, 11, 2) and targets.shape == (200, 1)
    firsts, seconds = set(), set()
    for (values, marks), target in zip(sequences.transpose(0, 2, 1), targets[:, 0]):
        first, second = np.flatnonzero(marks)
        assert marks[first] == marks[second] == 1
        assert target == pytest.approx(values[first] + values[second])
        firsts.add(int(first))
        seconds.add(int(second))
    assert firsts == set(range(5)) and seconds == set(range(5, 11))
    assert 0 <= sequences[:, :, 0].min() < 0.01 and 0.99 < sequences[:, :, 0].max() < 1


def test_symbols_a_pause_a_sign_and_blanks_for_the_answers(benchmark):
    sequences, targets = benchmark.TESTS["copying"].make(np.random.default_rng(0), 100, 4)
    assert np.all(sequences.sum(-1) == 1)
    for seen, symbols in zip(sequences.argmax(-1), targets):
        assert seen.tolist() == [*symbols, 8, 8, 8, 9, 8, 8, 8]
    assert set(targets.ravel()) == set(range(8))


def test_what_is_right_by_hand(benchmark):
    adding, copying = benchmark.TESTS["adding"], benchmark.TESTS["copying"]
    answers = np.array([[[1.07]], [[1.09]], [[0.93]], [[0.91]]], np.float32)
    assert adding.right(answers, np.ones([4, 1])).ravel().tolist() == [True, False, True, False]
    assert copying.right(np.eye(8)[[[1, 2, 7]]], np.array([[1, 3, 7]])).tolist() == [[True, False, True]]


def test_losses_of_who_guesses(benchmark):
    random = np.random.default_rng(0)
    adding, copying = benchmark.TESTS["adding"], benchmark.TESTS["copying"]
    _, sums = adding.make(random, 20_000, 20)
    assert float(adding.loss(np.ones([20_000, 1, 1], np.float32), sums)) == pytest.approx(
        adding.guessed, rel=0.03
    )
    _, symbols = copying.make(random, 100, 20)
    assert float(copying.loss(np.zeros([100, 3, 8], np.float32), symbols)) == pytest.approx(copying.guessed)


def test_all_models_have_the_same_number_of_weights(benchmark):
    tasks = sys.modules["memory_tasks"]
    for test in benchmark.TESTS.values():
        for cell in benchmark.CELLS.values():
            model = benchmark.build(cell, test, 10, seed=0)
            assert model.count_params() == benchmark.count(cell, test, benchmark.units_within(cell, test))
            assert abs(model.count_params() / tasks.BUDGET - 1) < 0.03


def test_biases_spread_over_the_lags_and_answers_of_each_shape(benchmark):
    for name, test in benchmark.TESTS.items():
        sequences, _ = test.make(np.random.default_rng(0), 3, 12)
        for cell in benchmark.CELLS.values():
            model = benchmark.build(cell, test, 100, seed=0, budget=2000)
            assert model(sequences).shape == (3, test.answers, test.outputs), name
            weights = model.get_layer("cell").cell
            if cell.spread:
                bias, units = np.atleast_2d(weights.bias.numpy())[0], weights.units
                kept = bias[:units] if "GRU" in cell.layer.__name__ else bias[units : 2 * units]
                assert 0 <= kept.min() < 1 and 3.5 < kept.max() < np.log(100)
                if "LSTM" in cell.layer.__name__:
                    np.testing.assert_array_equal(bias[:units], -kept)


def test_a_small_lstm_learns_to_add_and_does_so_again(benchmark):
    runs = [benchmark.learn("adding", "LSTM", 1, 6, 250, budget=2000) for _ in range(2)]
    assert runs[0]["right"] > 0.95 and runs[0]["loss"] < 0.05 * benchmark.TESTS["adding"].guessed
    same = [{name: value for name, value in run.items() if "seconds" not in name} for run in runs]
    assert same[0] == same[1]
    start = benchmark.learn("adding", "LSTM", 1, 6, 1, budget=2000)
    assert start["right"] < 0.3 and start["loss"] > 0.1


def test_gradients_reach_back_from_the_answer(benchmark):
    """Before training: a SimpleRNN's vanish, an LSTM's with biases spread over the lags do not."""
    test = benchmark.TESTS["adding"]
    norms = {
        name: benchmark.reach(benchmark.build(benchmark.CELLS[name], test, 60, 0, budget=2000), test, 60)
        for name in ("SimpleRNN", "LSTM")
    }
    assert norms["SimpleRNN"].shape == (60,)
    assert norms["SimpleRNN"][-1] < 1e-4 * norms["SimpleRNN"][0]
    assert norms["LSTM"][-1] > 1e-3 * norms["LSTM"][0]


def test_a_seed_tries_longer_lags_while_it_solves_them(benchmark, monkeypatch):
    options = type("Options", (), {"tests": ["adding"], "cells": ["GRU"], "seeds": 2, "lags": [30, 10, 100]})

    def run(seed, lag, right):
        return {"test": "adding", "cell": "GRU", "seed": seed, "lag": lag, "right": right}

    def turns(*runs):
        return [(seed, lag) for _, _, seed, lag in benchmark.turns(runs, options)]

    assert turns() == [(0, 10), (1, 10)]
    assert turns(run(0, 10, 0.99), run(1, 10, 0.98)) == [(0, 30)]
    assert turns(run(0, 10, 1.0), run(0, 30, 1.0), run(1, 10, 0.98)) == [(0, 100)]
    solved = [run(0, 10, 1.0), run(0, 30, 1.0), run(0, 100, 0.5), run(1, 10, 0.2)]
    assert benchmark.remembered(solved) == [30, 0]


@pytest.mark.filterwarnings("ignore:Glyph")  # where no font has Chinese
def test_pictures_in_both_languages(benchmark, tmp_path):
    runs = [
        {"test": "copying", "cell": cell, "seed": seed, "lag": lag, "right": 1.0 if lag == 10 else 0.3}
        for cell in ("SimpleRNN", "GRU")
        for seed in range(2)
        for lag in (10, 30)
    ]
    for language in ("en", "zh"):
        benchmark.draw(runs, tmp_path, language)
        assert (tmp_path / "memory.png").stat().st_size > 2000
    assert not (tmp_path / "memory_gradients.png").exists()
