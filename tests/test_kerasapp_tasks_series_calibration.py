"""Transforms, residuals and bands of mixtures: against sums of `math.erf` and an integrated density."""

import math

import numpy as np
import pytest

from kerasapp.tasks.series.answers import QUANTILES
from kerasapp.tasks.series.calibration import FARTHEST, bands, integral_transform

TIME, COMPONENTS, COLUMNS = 40, 3, 2


def drawn():
    """Mixtures, and a value of each column of each."""
    draw = np.random.default_rng(5)
    logits = draw.normal(size=[TIME, COMPONENTS])
    mixture = {
        "log_weights": logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)),
        "means": 2 * draw.normal(size=[TIME, COMPONENTS, COLUMNS]),
        "deviations": draw.uniform(0.3, 1.5, size=[TIME, COMPONENTS, COLUMNS]),
    }
    return {name: array.astype(np.float32) for name, array in mixture.items()}, draw.normal(
        size=[TIME, COLUMNS]
    )


def single(mean, deviation):
    return {
        "log_weights": np.zeros([1, 1], np.float32),
        "means": np.full([1, 1, 1], mean, np.float32),
        "deviations": np.full([1, 1, 1], deviation, np.float32),
    }


def below(mixture, t, column, value):
    """The probability of a lower value, one component after the other."""
    total = 0.0
    for k in range(COMPONENTS):
        z = (value - mixture["means"][t, k, column]) / mixture["deviations"][t, k, column]
        total += math.exp(mixture["log_weights"][t, k]) * 0.5 * (1 + math.erf(z / math.sqrt(2)))
    return total


def test_the_transform_is_the_integral_of_the_density():
    mixture, values = drawn()
    found, residuals = integral_transform(mixture, values)
    for t in range(TIME):
        for column in range(COLUMNS):
            grid = np.linspace(-12, values[t, column], 20_001)
            density = np.zeros_like(grid)
            for k in range(COMPONENTS):
                mean, deviation = (mixture[name][t, k, column] for name in ("means", "deviations"))
                weight = np.exp(mixture["log_weights"][t, k])
                density += (
                    weight * np.exp(-0.5 * ((grid - mean) / deviation) ** 2) / deviation / np.sqrt(2 * np.pi)
                )
            assert found[t, column] == pytest.approx(np.trapezoid(density, grid), abs=1e-5)
            share = 0.5 * (1 + math.erf(residuals[t, column] / math.sqrt(2)))
            assert share == pytest.approx(found[t, column], abs=1e-9)  # the residual is its normal quantile


@pytest.mark.parametrize("away", [-9.0, -6.0, 0.0, 0.5, 6.0, 9.0])
def test_the_residual_of_one_gaussian_is_its_distance(away):
    """Far out on both sides too, where 1 minus the probability is 1."""
    _, residuals = integral_transform(single(3.0, 0.5), np.array([[3.0 + 0.5 * away]]))
    assert residuals[0, 0] == pytest.approx(away, abs=1e-6)


@pytest.mark.parametrize("side", [-1, 1])
def test_what_is_beyond_all_numbers_has_the_farthest_residual(side):
    share, residuals = integral_transform(single(0.0, 0.01), np.array([[50.0 * side]]))
    assert residuals[0, 0] == side * FARTHEST and share[0, 0] == (side + 1) / 2


def test_values_of_the_mixture_have_even_transforms():
    draw, (mixture, _) = np.random.default_rng(2), drawn()
    many = {name: np.repeat(array, 200, axis=0) for name, array in mixture.items()}
    weights = np.exp(many["log_weights"].astype(float))
    chosen = (draw.uniform(size=[len(weights), 1]) > np.cumsum(weights, axis=1)).sum(axis=1)
    chosen = np.minimum(chosen, COMPONENTS - 1)
    rows = np.arange(len(weights))
    values = (
        many["means"][rows, chosen]
        + many["deviations"][rows, chosen] * draw.normal(size=[1, len(weights), COLUMNS])[0]
    )
    found, residuals = integral_transform(many, values)
    counts, _ = np.histogram(found[:, 0], 20, (0, 1))
    expected = len(weights) / 20
    assert np.sum((counts - expected) ** 2 / expected) < 43.8  # chi-squared, 19 degrees: 1 time in 1000
    assert residuals.mean() == pytest.approx(0, abs=0.03) and residuals.std() == pytest.approx(1, abs=0.03)


def test_bands_are_where_the_probability_is_their_level():
    mixture, _ = drawn()
    found = bands(mixture, QUANTILES)
    assert found.shape == (len(QUANTILES), TIME, COLUMNS)
    for i, level in enumerate(QUANTILES):
        for t in range(TIME):
            for column in range(COLUMNS):
                assert below(mixture, t, column, found[i, t, column]) == pytest.approx(level, abs=2e-5)
