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


def test_a_constant_column_is_named():
    with pytest.raises(DataError, match=r"a.csv: column b: constant in the training split"):
        Scaling.learn(np.array([[1.0, 5.0], [2.0, 5.0]]), ("a", "b"), "none", "a.csv")


def test_a_stored_scaling_is_the_same(scaling, tmp_path):
    scaling.save(tmp_path)
    loaded = Scaling.load(tmp_path)
    assert loaded == scaling and loaded.fingerprint() == scaling.fingerprint()
    (tmp_path / "statistics.json").write_text("[1]")
    with pytest.raises(DataError, match="cannot be read"):
        Scaling.load(tmp_path)
