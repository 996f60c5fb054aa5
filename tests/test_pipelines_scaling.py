"""Scaling against the formulas in NumPy, its inverse, and its slope against finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.errors import DataError
from pipelines.scaling import Scaling

VALUES = np.random.default_rng(0).gamma(2.0, 30.0, [500, 2])
FORWARD = {"none": lambda x: x, "sqrt": lambda x: np.sqrt(x + 3 / 8), "log": np.log}


@pytest.fixture(params=FORWARD)
def scaling(request):
    return Scaling.learn(VALUES, ("a", "b"), request.param, "here")


def test_values_are_standard_after_the_transform(scaling):
    moved = FORWARD[scaling.transform](VALUES)
    expected = (moved - moved.mean(axis=0)) / moved.std(axis=0)
    found = scaling.scaled(tf.constant(VALUES, tf.float32)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scaling.restored(tf.constant(found)).numpy(), VALUES, rtol=1e-4, atol=1e-3)


def test_the_slope_is_that_of_the_scaling(scaling):
    away = 1e-4
    high, low = (FORWARD[scaling.transform](VALUES + sign * away) for sign in (1, -1))
    expected = np.log((high - low) / (2 * away) / np.array(scaling.deviation))
    found = scaling.log_slope(tf.constant(VALUES, tf.float32)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_counts_do_not_fall_below_zero():
    scaling = Scaling.learn(VALUES, ("a", "b"), "sqrt", "here")
    low, high = (scaling.restored(tf.constant([[value] * 2])).numpy() for value in (-50.0, 2.0))
    assert np.all(low == 0) and np.all(high > 0)  # the square of a root below 0 would be large


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([5.0, 5.0, 5.0], r"constant in the training split \(5\)"),
        ([0.1, 0.1, 0.1], "constant in the training split"),
        ([1e17, 1e17 + 16, 1e17 + 32], "nearly constant: .* between 1e\\+17 and 1.0000000000000003e\\+17"),
        ([-1.7e308, 1.7e308, 1.7e308], "its values are too large to be averaged"),
    ],
)
def test_a_column_without_values_to_learn_from_is_named(column, message):
    with pytest.raises(DataError, match=rf"a.csv: column b: {message}"):
        Scaling.learn(np.array([[1.0, 2.0, 4.0], column]).T, ("a", "b"), "none", "a.csv")


@pytest.mark.parametrize("size", [1e-200, 3e-12, 1.0, 1e200])
def test_the_size_of_the_unit_does_not_matter(size):
    """The scaled values are those of 1, 2 and 4, whose mean is 7 / 3 and whose variance is 14 / 9."""
    scaling = Scaling.learn(size * np.array([[1.0], [2.0], [4.0]]), ("a",), "none", "here")
    found = scaling.scaled(size * np.array([[1.0], [2.0], [4.0]])).numpy()[:, 0]
    np.testing.assert_allclose(found, (np.array([1, 2, 4]) - 7 / 3) / np.sqrt(14 / 9), rtol=1e-6)
    np.testing.assert_allclose(
        scaling.restored(found[:, None]).numpy()[:, 0], size * np.array([1, 2, 4]), rtol=1e-6
    )


def test_a_high_level_is_scaled_in_float64():
    values = 2e9 + np.array([[-40.0], [0.5], [40.25]])  # one number in float32
    scaling = Scaling(("a",), "none", [2e9], [25.0])
    found = scaling.scaled(values).numpy()
    np.testing.assert_allclose(found, [[-1.6], [0.02], [1.61]], rtol=1e-6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(scaling.restored(found).numpy(), values, rtol=1e-15)


@pytest.mark.parametrize(
    ("transform", "mean", "deviation", "expected"),
    [
        ("none", 0.0, 1.0, "float32"),
        ("none", 1e5, 10.0, "float32"),  # steps of 1 / 128, that is 0.0008 deviations
        ("none", 5e6, 20.0, "float64"),  # steps of 1 / 2
        ("none", 2e9, 25.0, "float64"),
        ("none", 1e39, 1e38, "float64"),  # beyond float32
        ("none", 0.0, 1e-44, "float64"),
        ("sqrt", 3.0, 2.0, "float32"),
        ("sqrt", 5e4, 1.0, "float64"),  # counts around 2.5e9
        ("log", 20.0, 0.5, "float32"),  # relative steps, whatever the level
        ("log", 20.0, 1e-5, "float64"),
        ("log", 90.0, 0.5, "float64"),  # beyond float32
    ],
)
def test_values_are_float64_where_the_steps_of_float32_are_too_coarse(transform, mean, deviation, expected):
    assert Scaling(("a",), transform, [mean], [deviation]).dtype == expected
    assert Scaling(("b", "a"), transform, [mean, 0.0], [deviation, 1.0]).dtype == expected


def test_a_stored_scaling_is_the_same(scaling, tmp_path):
    scaling.save(tmp_path)
    loaded = Scaling.load(tmp_path)
    assert loaded == scaling and loaded.fingerprint() == scaling.fingerprint()
    (tmp_path / "statistics.json").write_text("[1]")
    with pytest.raises(DataError, match="cannot be read"):
        Scaling.load(tmp_path)
