"""Draws from mixtures against SciPy's distribution functions, and quantiles against NumPy's."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from kerasapp.tasks.series.sampling import draw, paths, quantiles


def parameters(rows, components, columns, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(components), rows)
    means, deviations = rng.normal(0, 2, [2, rows, components, columns])
    return weights, means, np.exp(0.5 * deviations)


def as_tensors(weights, means, deviations):
    values = {"log_weights": np.log(weights), "means": means, "deviations": deviations}
    return {name: tf.constant(value, tf.float32) for name, value in values.items()}


def test_the_probability_below_a_draw_is_the_noise():
    weights, means, deviations = parameters(500, 4, 1)
    noise = np.random.default_rng(1).uniform(size=[500, 1])
    noise[:4, 0] = [1e-5, 1 - 1e-5, 0.5, 2**-24]
    found = draw(as_tensors(weights, means, deviations), tf.constant(noise, tf.float32)).numpy()
    below = np.sum(weights * scipy.stats.norm.cdf(found, means[:, :, 0], deviations[:, :, 0]), axis=1)
    np.testing.assert_allclose(below, noise[:, 0], rtol=1e-4, atol=1e-6)


def test_no_noise_is_infinite():
    given = as_tensors(*parameters(2, 3, 1))
    extremes = draw(given, tf.constant([[0.0], [1 - 2**-24]])).numpy()
    assert np.all(np.isfinite(extremes)) and extremes[0] < extremes[1]


def test_a_second_column_is_drawn_given_the_first():
    weights, means, deviations = parameters(300, 3, 2)
    noise = np.random.default_rng(1).uniform(0.001, 0.999, size=[300, 2])
    found = draw(as_tensors(weights, means, deviations), tf.constant(noise, tf.float32)).numpy()
    # Bayes: the weights of the Gaussians, once the first value is known.
    known = weights * scipy.stats.norm.pdf(found[:, :1], means[:, :, 0], deviations[:, :, 0])
    known /= known.sum(axis=1, keepdims=True)
    below = np.sum(known * scipy.stats.norm.cdf(found[:, 1:], means[:, :, 1], deviations[:, :, 1]), axis=1)
    np.testing.assert_allclose(below, noise[:, 1], rtol=1e-3, atol=1e-4)


def walk(values, states):
    """A network whose next value is Gaussian about the one before: raw parameters, states."""
    raw = tf.concat([tf.zeros_like(values), values, tf.fill(tf.shape(values), 0.5413)], axis=1)
    return raw, states  # 0.01 + softplus(0.5413) = 1.01


def random_walk(seeds, samples, horizon):
    batch = len(seeds)
    raw = tf.constant([[0.0, 0.0, 0.5413]] * batch)
    states = {"h": tf.zeros([batch, 1])}
    return paths(walk, raw, states, tf.constant(seeds), 1, tf.constant(samples), tf.constant(horizon)).numpy()


def test_paths_of_a_random_walk():
    found = random_walk([5], 1000, 16)[0, :, :, 0]  # [samples, horizon]
    steps = np.diff(found, axis=1, prepend=0.0) / 1.01
    assert scipy.stats.kstest(steps.ravel(), "norm").pvalue > 0.01
    assert abs(np.corrcoef(steps[:, 0], steps[:, 1])[0, 1]) < 0.1
    assert found[:, -1].std() == pytest.approx(1.01 * 4, rel=0.1)


def test_a_path_does_not_depend_on_the_others():
    whole = random_walk([3, -7], 20, 8)
    np.testing.assert_allclose(random_walk([-7], 5, 3)[0], whole[1, :5, :3], rtol=1e-5)
    assert np.all(whole[0] != whole[1]) and len(np.unique(whole[:, :, 0])) == 40


def test_quantiles_are_those_of_numpy():
    values = np.float32(np.random.default_rng(0).normal(size=[3, 30, 4, 2]))
    counts, levels = np.array([30, 7, 1], np.int32), (0.05, 0.5, 0.9)
    found = quantiles(tf.constant(values), tf.constant(counts), levels).numpy()
    for row, count in enumerate(counts):
        expected = np.quantile(values[row, :count], levels, axis=0)  # [levels, 4, 2]
        np.testing.assert_allclose(found[row], np.moveaxis(expected, 0, -1), rtol=1e-4, atol=1e-5)
