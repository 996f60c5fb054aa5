"""The figures of an evaluation of series beside the same ones from the model's own densities and paths."""

import numpy as np
import pytest
import tensorflow as tf
from settings import filled

import kerasapp
from kerasapp.tasks.series import task as series
from kerasapp.tasks.series.model import log_density, mixture

BURN_IN, HORIZON = 7, 3


@pytest.fixture
def task(tmp_path, monkeypatch):
    """A task whose test split is evaluated with less of the past than there is, in several rounds."""
    values = np.random.default_rng(1).uniform(1, 9, [60, 2])
    table = tmp_path / "table.csv"
    table.write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b in values))
    for name, value in {"BURN_IN": BURN_IN, "SCORED_AT_ONCE": 4, "ORIGINS": 3, "AT_ONCE": 2}.items():
        monkeypatch.setattr(series, name, value)
    return kerasapp.Series(
        data={"files": [str(table)], "transform": "sqrt", "split": [0.6, 0.2, 0.2], "horizon": HORIZON},
        model={"units": 4, "components": 2},
        training={"steps": 1},
        minimum=1,
    )


def test_the_figures_are_those_of_the_model_after_the_steps_before(task):
    model = filled(task.build(training=False))
    figures, values, start = task.predictor(task, model).evaluate("test"), task.corpus.values, 48

    first = start - BURN_IN
    scaled = task.tokenizer.scaled(tf.constant(values)).numpy()
    found = mixture(model(scaled[np.newaxis, first - 1 : -1]), 2)  # before each step, the real one before it
    nats = -log_density(found, scaled[np.newaxis, first:]).numpy()[0, BURN_IN:]
    slope = np.log(0.5 / np.sqrt(values[start:] + 0.375) / np.array(task.tokenizer.deviation))
    assert figures["items"] == 24
    assert figures["nats_per_value"] == pytest.approx((nats.sum() - slope.sum()) / 24, rel=1e-5)

    origins, horizon = task.origins("test")
    assert horizon == HORIZON and origins.tolist() == [48, 52, 57]
    servable, errors, inside, scores = task.servable(model), [], [], []
    for origin in origins:
        history = values[np.newaxis, origin - BURN_IN : origin]
        knobs = [tf.constant([value]) for value in (BURN_IN, HORIZON, series.SAMPLES, 0)]
        paths = servable.simulate(tf.constant(history), *knobs)["paths"].numpy()[0]
        seen, (low, high) = values[origin : origin + HORIZON], np.quantile(paths, [0.05, 0.95], axis=0)
        errors.append(np.abs(np.median(paths, axis=0) - seen))
        inside.append((low <= seen) & (seen <= high))
        pairs = np.abs(paths[:, np.newaxis] - paths).sum(axis=(0, 1)) / (len(paths) * (len(paths) - 1))
        scores.append(np.abs(paths - seen).mean(axis=0) - pairs / 2)
    assert figures["coverage_90"] == pytest.approx(np.mean(inside)) and 0 < np.mean(inside) < 1
    # A column of larger numbers does not drown the other: in its own unit each, together in deviations
    mean, deviation = np.array(task.tokenizer.mean), np.array(task.tokenizer.deviation)
    unit = ((mean + deviation) ** 2 - (mean - deviation) ** 2) / 2
    assert figures["mae"] == pytest.approx(np.mean(errors / unit), rel=1e-4)
    assert figures["crps"] == pytest.approx(np.mean(scores / unit), rel=1e-4)
    for i, column in enumerate("ab"):
        assert figures["columns"][column]["mae"] == pytest.approx(np.mean(errors, axis=(0, 1))[i], rel=1e-4)
        assert figures["columns"][column]["crps"] == pytest.approx(np.mean(scores, axis=(0, 1))[i], rel=1e-4)
        assert figures["columns"][column]["coverage_90"] == pytest.approx(np.mean(inside, axis=(0, 1))[i])
    assert (figures["origins"], figures["horizon"]) == (3, HORIZON)
