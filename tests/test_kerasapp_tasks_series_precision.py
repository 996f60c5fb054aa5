"""Series in a narrow band at a high level: every part gives what it gives at level 0, and the level.

A model of values that are only standardised does the same at any level, so the level 0 is the truth of all
others. The values are multiples of 1/64: adding the level does not round them in float64, and in float32 all
of them would be one number.
"""

import copy

import hand_made
import numpy as np
import pytest
import tensorflow as tf
from settings import filled

import kerasapp
from kerasapp.export import saved_model
from kerasapp.tasks.series import reading
from kerasapp.tasks.series import task as series
from kerasapp.tasks.series.command import as_csv
from kerasapp.tasks.series.verify import forecast as outcome
from kerasapp.verify.comparison import compare
from kerasapp.verify.inputs import main_item
from kerasapp_lite.bundle import Bundle
from kerasapp_lite.series import Forecaster

LEVEL = 2e9
VALUES = np.rint(64 * np.random.default_rng(5).normal(4.0, 1.5, [60, 2])) / 64


@pytest.fixture(scope="module")
def both():
    return [hand_made.forecaster(transform="none", level=level) for level in (0.0, LEVEL)]


def test_forecasts_scores_and_steps_are_those_of_level_0(both):
    (low,), (high,) = (
        made.forecast([VALUES + level], horizon=6, samples=40, seed=3)
        for made, level in zip(both, (0.0, LEVEL), strict=True)
    )
    assert low.mean.dtype == np.float32 and high.mean.dtype == np.float64
    for name in ("mean", "quantiles"):
        np.testing.assert_allclose(getattr(high, name) - LEVEL, getattr(low, name), atol=2e-5)
    nats = [made.score([VALUES + level])[0]["nats"] for made, level in zip(both, (0.0, LEVEL), strict=True)]
    assert nats[1] == pytest.approx(nats[0], rel=1e-5)
    found = [reading.read(made, VALUES + level) for made, level in zip(both, (0.0, LEVEL), strict=True)]
    np.testing.assert_allclose(found[1].scaled, found[0].scaled, atol=1e-6)
    np.testing.assert_allclose(found[1].nats, found[0].nats, rtol=1e-4)


def test_signatures_are_float64_only_where_they_have_to_be(both):
    for made, dtype in zip(both, (tf.float32, tf.float64), strict=True):
        signatures = made.servable.signatures()
        for name in ("serving_default", "forecast", "score", "prefill"):
            (history,) = [spec for spec in signatures[name].input_signature if spec.name == "history"]
            assert history.dtype == dtype, name
        steps = tf.nest.flatten(signatures["step"].structured_input_signature)
        assert {spec.name: spec.dtype for spec in steps}["values"] == dtype
        vectors = saved_model.vectors(made.servable, made.servable.example_requests())
        assert len({tuple(step) for step in vectors[0]["inputs"]["history"][2]}) == 40  # no two are one


def test_written_forecasts_have_all_their_digits(both):
    for made, level in zip(both, (0.0, LEVEL), strict=True):
        (found,) = made.forecast([VALUES + level], horizon=3, samples=40)
        rows = as_csv(found, ("level", "flow"), ["1", "2", "3"], "step").splitlines()[1:]
        written = np.array([row.split(",")[1:] for row in rows], found.mean.dtype).reshape(3, 2, 8)
        np.testing.assert_array_equal(written[:, :, 0], found.mean)
        np.testing.assert_array_equal(written[:, :, 1:], found.quantiles)


def test_an_evaluation_scores_against_the_files_own_values(tmp_path, monkeypatch):
    monkeypatch.setattr(series, "SAMPLES", 20)
    figures = []
    for level in (0, LEVEL):
        table = tmp_path / f"{level}.csv"
        table.write_text("a,b\n" + "".join(f"{a + level!r},{b + level!r}\n" for a, b in VALUES.tolist()))
        task = kerasapp.Series(
            data={"files": [str(table)], "horizon": 3}, model={"units": 4, "components": 2}, minimum=1,
            training={"steps": 1, "batch_size": 2},
        )  # fmt: skip
        model = filled(task.build(training=False))
        figures.append(task.predictor(task, model).evaluate("test"))
    assert figures[0]["crps"] > 0.1 and figures[0]["mae"] > 0.1
    each = [found.pop("columns") for found in figures]
    for column in ("a", "b"):
        assert each[1][column] == pytest.approx(each[0][column], rel=1e-4)
    assert figures[1] == pytest.approx(figures[0], rel=1e-4)


def test_a_phone_gives_the_forecasts_of_level_0(wave_bundle):
    found = []
    for level, dtype in ((0.0, "float32"), (LEVEL, "float64")):
        bundle = Bundle(wave_bundle, "float32", "series")
        scaling = {"transform": "none", "mean": [4.0 + level, 5.0 + level], "deviation": [1.5, 1.5]}
        bundle.metadata = copy.deepcopy(bundle.metadata) | {"dtype": dtype}
        bundle.metadata["scaling"] |= scaling
        found.append(Forecaster(bundle).forecast(VALUES[:9] + level, horizon=3, samples=9, seed=2))
    low, high = found
    for name in ("mean", "quantiles"):
        np.testing.assert_allclose(getattr(high, name) - LEVEL, getattr(low, name), atol=1e-5)
    bundle.metadata["dtype"] = None
    with pytest.raises(ValueError, match="history: must be within 1e15 deviations"):
        Forecaster(bundle).forecast([[1e30, 1.0]])


def test_verify_sees_a_difference_that_the_level_hides(both):
    (found,) = both[1].forecast([VALUES + LEVEL], horizon=4, samples=40)
    item = main_item("series", (VALUES + LEVEL).tolist(), "drawn")
    expected = outcome(found.mean, found.quantiles)
    bands = (found.quantiles[..., -1] - found.quantiles[..., 0]).max(axis=0)
    for share, told in ((1e-4, False), (1e-2, True)):
        wrong = outcome(found.mean + share * bands, found.quantiles)
        row = compare([item], [wrong], [expected])
        assert (row["first_difference"] is not None) == told
        assert row["largest_difference"] == pytest.approx(share, rel=1e-3)


def test_a_history_far_from_the_training_ends_a_request(both):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"history: must be within 1e\+15 deviations"):
        both[0].forecast([[[1e30, 4.0]]])
