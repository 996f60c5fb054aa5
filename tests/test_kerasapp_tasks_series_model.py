"""The mixture density against SciPy, and windows against steps."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
from drawn_dropouts import drawn

from kerasapp.tasks.series.losses import MixtureLoss
from kerasapp.tasks.series.model import SeriesModel, log_density, mixture, step, window


def raw_parameters(shape, components, columns, scale=1.0, seed=0):
    size = [*shape, components * (1 + 2 * columns)]
    return np.float32(scale * np.random.default_rng(seed).normal(size=size))


def scipy_log_density(raw, values, components):
    """ln of the density by SciPy's normal distributions, the parameters read by hand."""
    columns = values.shape[-1]
    raw = np.asarray(raw, np.float64)
    log_weights = scipy.special.log_softmax(raw[..., :components], axis=-1)
    means, widths = np.split(raw[..., components:], 2, axis=-1)
    deviations = 0.01 + np.log1p(np.exp(widths))
    found = log_weights
    for k in range(components):
        for d in range(columns):
            at = k * columns + d
            found[..., k] += scipy.stats.norm.logpdf(values[..., d], means[..., at], deviations[..., at])
    return scipy.special.logsumexp(found, axis=-1)


@pytest.mark.parametrize(("components", "columns"), [(1, 1), (3, 1), (4, 3)])
def test_the_density_is_that_of_scipy(components, columns):
    raw = raw_parameters([5, 7], components, columns)
    values = np.float32(np.random.default_rng(1).normal(size=[5, 7, columns]))
    found = np.asarray(log_density(mixture(raw, columns), values))
    np.testing.assert_allclose(found, scipy_log_density(raw, values, components), rtol=1e-4, atol=1e-4)
    loss = float(MixtureLoss()(values, raw))
    assert loss == pytest.approx(-scipy_log_density(raw, values, components).mean(), rel=1e-4)


def test_a_density_integrates_to_one():
    raw = raw_parameters([1], 3, 1)
    grid = np.linspace(-40, 40, 400_001, dtype=np.float32)[:, None]  # [places, 1]
    density = np.exp(np.asarray(log_density(mixture(np.repeat(raw, len(grid), 0), 1), grid), np.float64))
    assert np.sum(density) * (80 / 400_000) == pytest.approx(1.0, abs=1e-3)


def test_far_values_and_large_parameters_stay_finite_with_their_gradients():
    raw = keras.Variable(raw_parameters([2, 3], 4, 1, scale=30.0))
    values = np.float32([[[1e4], [-1e4], [0.0]]] * 2)
    with tf.GradientTape() as tape:
        loss = MixtureLoss()(values, raw.value)
    assert np.isfinite(loss) and np.all(np.isfinite(tape.gradient(loss, raw.value)))


def test_what_is_dropped_where(monkeypatch):
    model = SeriesModel(2, units=6, layers=2, dropout=0.2, recurrent_dropout=0.3)
    window = None, 1, None  # one mask for all steps of a row
    assert drawn(monkeypatch, model, np.ones([3, 9, 2], "float32")) == {
        "stack/dropout_0": (0.2, window),
        "stack/dropout_1": (0.2, window),
        "stack/lstm_0/lstm_cell": (0.3, None),
        "stack/lstm_1/lstm_cell": (0.3, None),
    }


@pytest.mark.parametrize("options", [{"cell": "lstm"}, {"cell": "gru", "layers": 2, "residual": True,
                                                       "layer_normalisation": True}])  # fmt: skip
def test_windows_and_steps_are_the_model(options):
    keras.utils.set_random_seed(1)
    model = SeriesModel(2, units=6, components=3, **options)
    values = np.float32(np.random.default_rng(0).normal(size=[3, 9, 2]))
    whole = model(values).numpy()
    states = {name: np.zeros([3, 6], np.float32) for name in model.state_names}
    first, states = window(model, values[:, :4], states)
    np.testing.assert_allclose(first, whole[:, :4], rtol=1e-4, atol=1e-5)
    for t in range(4, 9):
        raw, states = step(model, values[:, t], states)
        np.testing.assert_allclose(raw, whole[:, t], rtol=1e-4, atol=1e-5)
