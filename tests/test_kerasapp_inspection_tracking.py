"""Correlations against NumPy's, and which unit comes first."""

import numpy as np

from kerasapp.inspection.tracking import correlations, followers


def test_correlations_are_those_of_numpy():
    draw = np.random.default_rng(0)
    signals, features = draw.normal(3, 2, [5, 40]), draw.normal(-1, 9, [3, 40])
    expected = np.corrcoef(signals, features)[:5, 5:]
    np.testing.assert_allclose(correlations(signals, features), expected, atol=1e-6)


def test_what_does_not_vary_goes_with_nothing():
    signals = np.array([[2.0, 2, 2, 2], [1, 2, 3, 4]])
    assert correlations(signals, np.array([[0.0, 1, 2, 3], [7, 7, 7, 7]])).round(6).tolist() == [
        [0, 0],
        [1, 0],
    ]
    assert correlations(signals[:, :1], np.ones([1, 1])).tolist() == [[0], [0]]


def test_the_strongest_comes_first_and_each_unit_once():
    feature = np.array([[0.0, 1, 0, 1, 0, 1, 0, 1]])
    noise = np.array([0, 0.1, 0.2, 0, 0.1, 0, 0.3, 0.1])
    signals = np.array([noise, feature[0] + noise, -feature[0], -feature[0] + noise / 2, np.ones(8)])
    (found,) = followers(signals, feature, owners=["a", "b", "c", "c", "d"], count=3)
    assert [follower.signal for follower in found] == [
        2,
        1,
        0,
    ]  # not 3, of the same unit as 2; not 4, constant
    assert found[0].correlation == np.float32(-1) or abs(found[0].correlation + 1) < 1e-6


def test_the_halves_are_told_apart():
    feature = np.array([[0.0, 1, 0, 1, 0, 1, 0, 1]])
    signal = np.array([[0.0, 1, 0, 1, 1, 0, 1, 0]])
    signal[0, :4] *= 3
    (((_, whole, halves),),) = followers(signal, feature, ["a"])
    np.testing.assert_allclose(halves, [1, -1], atol=1e-6)
    np.testing.assert_allclose(whole, np.corrcoef(signal, feature)[0, 1], atol=1e-6)
