"""What a model of series makes of a history: against its own answers, NumPy, and a unit made by hand."""

import json
from types import SimpleNamespace

import hand_made
import numpy as np
import pytest
import scipy.stats
from hand_made import TRACKER
from packed import unpack, unpack_rows

from kerasapp.inspection import report
from kerasapp.inspection.request import Request
from kerasapp.tasks.series import inspection, reading
from kerasapp.tasks.series.answers import QUANTILES
from pipelines.dates import Dates, parse
from pipelines.tables import Table

DRAW = np.random.default_rng(8)
VALUES = 20 + np.cumsum(DRAW.normal(size=[30, 2]), axis=0)  # above 0
DAYS = np.datetime64("2024-01-01") + np.arange(30)


def history(values=VALUES, before=0, columns=("level", "flow"), dates=DAYS):
    table = Table(columns, values[before:], dated(dates[before:]))
    return inspection.History("a.csv", len(values), values[:before], table, [])


def dated(days):
    return Dates(days, parse("2024-01-01").form)


@pytest.mark.parametrize(
    "options",
    [
        {"cell": "lstm", "layers": 2, "residual": True},
        {"cell": "gru", "layer_normalisation": True, "transform": "log"},
        {"cell": "simple_rnn", "components": 1, "transform": "none"},
    ],
    ids=lambda options: options["cell"],
)
def test_a_reading_is_what_the_model_does(options, monkeypatch):
    forecaster = hand_made.forecaster(**options)
    monkeypatch.setattr(reading, "WINDOW", 7)
    shares = []
    found = reading.read(forecaster, VALUES, shares.append)
    assert shares[-1] == 1.0 and shares == sorted(shares)
    assert found.nats.sum() == pytest.approx(forecaster.score([VALUES])[0]["nats"], rel=1e-5)
    scaled = forecaster.servable.scaling.scaled(VALUES.astype(np.float32)).numpy()
    before = np.concatenate([np.zeros([1, 2], np.float32), scaled[:-1]])
    raw = np.asarray(forecaster.model(before[np.newaxis])[0])  # the functional model, as in training
    for name, expected in parameters(raw, forecaster.model.components).items():
        np.testing.assert_allclose(found.mixture[name], expected, atol=1e-5)
    for end in (1, 6, 7, 8, 30):  # the states after a value are those of the servable that has read it
        states = forecaster.servable.prefill(VALUES[np.newaxis, :end].astype(np.float32), [end])
        for name in forecaster.model.state_names:
            np.testing.assert_allclose(found.states[name][end - 1], states[name][0], atol=1e-5)


def parameters(raw, components):
    """What raw parameters of two columns stand for, in NumPy."""
    weights, means, deviations = np.split(raw.astype(float), [components, 3 * components], axis=1)
    log_weights = weights - np.log(np.exp(weights).sum(axis=1, keepdims=True))
    means, deviations = (array.reshape(-1, components, 2) for array in (means, deviations))
    return {
        "log_weights": log_weights,
        "means": means,
        "deviations": 0.01 + np.log1p(np.exp(deviations)),
    }


@pytest.mark.parametrize("transform", ["none", "sqrt", "log"])
def test_nats_are_those_of_the_density_in_the_values_own_unit(transform):
    """The density of each value, by differences of its own distribution function."""
    forecaster = hand_made.forecaster(("level",), transform)
    values = VALUES[:, :1] - (15 if transform == "none" else 0)  # near to the scaling's mean
    found = reading.read(forecaster, values)
    move = {"none": lambda x: x, "sqrt": lambda x: np.sqrt(x + 0.375), "log": np.log}[transform]

    def distribution(x):
        z = (move(x) - 4.0) / 1.5
        each = scipy.stats.norm.cdf(
            z[:, np.newaxis], found.mixture["means"][..., 0], found.mixture["deviations"][..., 0]
        )
        return np.sum(np.exp(found.mixture["log_weights"].astype(float)) * each, axis=1)

    near = 1e-4
    density = (distribution(values[:, 0] + near) - distribution(values[:, 0] - near)) / (2 * near)
    np.testing.assert_allclose(found.nats, -np.log(density), atol=0.02)


def test_what_a_report_holds_of_a_column():
    forecaster = hand_made.forecaster(transform="log")
    found = json.loads(json.dumps(inspection.inspect(forecaster, history()), allow_nan=False))
    whole = reading.read(forecaster, VALUES)
    weights = np.exp(whole.mixture["log_weights"].astype(float))
    for i, column in enumerate(found["columns"]):
        assert (column["name"], column["mean"], column["deviation"]) == (("level", "flow")[i], 4.0 + i, 1.5)
        np.testing.assert_array_equal(unpack(column["values"]), VALUES[:, i])
        means, deviations = (whole.mixture[name][..., i] for name in ("means", "deviations"))
        for level, band in zip(QUANTILES, unpack_rows(column["bands"]), strict=True):
            share = np.sum(weights * scipy.stats.norm.cdf(band[:, np.newaxis], means, deviations), axis=1)
            np.testing.assert_allclose(share, level, atol=1e-3)
        scaled = (np.log(VALUES[:, i]) - 4.0 - i) / 1.5
        below = np.sum(weights * scipy.stats.norm.cdf(scaled[:, np.newaxis], means, deviations), axis=1)
        np.testing.assert_allclose(unpack(column["below"]) / 65535, below, atol=2e-5)
        np.testing.assert_allclose(unpack(column["residuals"]), scipy.stats.norm.ppf(below), rtol=1e-3)
        order = np.argsort(-weights, axis=1)
        np.testing.assert_array_equal(unpack(found["components"]).T, order)
        for name, array in [("means", means), ("log_deviations", np.log(deviations))]:
            expected = np.take_along_axis(array, order, 1).T
            np.testing.assert_allclose(unpack_rows(column[name]), expected, atol=1e-4)
    np.testing.assert_allclose(unpack(found["weights"]).T / 65535, -np.sort(-weights, axis=1), atol=1e-5)
    np.testing.assert_allclose(unpack(found["nats"]), whole.nats, rtol=1e-6)
    assert found["dates"][0] == "2024-01-01" and found["levels"] == list(QUANTILES)
    assert len(found["tracks"]) == 2 * 8 and found["short"] and len(found["gates"]) == 3


def test_only_the_heaviest_components_are_kept():
    forecaster = hand_made.forecaster(components=9)
    found = inspection.inspect(forecaster, history())
    assert unpack(found["weights"]).shape == (5, 30)
    log_weights = reading.read(forecaster, VALUES).mixture["log_weights"]
    np.testing.assert_array_equal(unpack(found["components"])[0], log_weights.argmax(axis=1))


def test_what_is_not_shown_is_read_first():
    forecaster = hand_made.forecaster()
    part = inspection.inspect(forecaster, history(before=20))
    whole, before = forecaster.score([VALUES, VALUES[:20]])
    assert unpack(part["nats"]).sum() == pytest.approx(whole["nats"] - before["nats"], rel=1e-4)
    assert len(unpack(part["columns"][0]["values"])) == 10 and part["dates"][0] == "2024-01-21"
    states = reading.read(forecaster, VALUES).states
    lengths = np.linalg.norm(states["h_0"][20:], axis=1)
    np.testing.assert_allclose(unpack(part["norms"][0]["values"]), lengths, rtol=1e-3)


def test_the_last_steps_are_chosen_with_their_parts(monkeypatch):
    monkeypatch.setattr(inspection, "BURN_IN", 6)
    table = Table(("level", "flow"), VALUES, dated(DAYS))
    bounds = {"train": (0, 15), "valid": (15, 22), "test": (22, 30)}
    corpus = SimpleNamespace(table=table, bounds=bounds)
    forecaster = SimpleNamespace(task=SimpleNamespace(corpus=corpus))
    found = inspection.choose(forecaster, Request("--file", None, None, 12))
    assert found.total == 30 and found.table.dates[0] == "2024-01-19"
    np.testing.assert_array_equal(found.before, VALUES[12:18])
    np.testing.assert_array_equal(found.table.values, VALUES[18:])
    assert found.parts == [
        {"name": "validation", "start": 0, "end": 4}, {"name": "test", "start": 4, "end": 12},
    ]  # fmt: skip
    found = inspection.choose(forecaster, Request("--file", None, None, 30))
    assert len(found.before) == 0 and [part["name"] for part in found.parts] == list(
        inspection.PARTS.values()
    )


def test_a_unit_that_follows_the_level_is_found_first():
    values = np.random.default_rng(0).normal(4, 1.5, size=[400, 1])
    made = hand_made.level_tracker()
    found = inspection.inspect(
        made, history(values, 0, ("level",), np.datetime64("2024-01-01") + np.arange(400))
    )
    (feature,) = [feature for feature in found["features"] if feature["name"] == "value"]
    first = feature["followers"][0]
    assert first["signal"] == TRACKER and first["correlation"] > 0.98 and min(first["halves"]) > 0.98
    row, _, least, greatest, _ = found["tracks"][TRACKER]
    assert row == TRACKER
    scaled = (values[:, 0] - 4.0) / 1.5
    state = reading.read(made, values).states["h_0"][:, TRACKER]
    np.testing.assert_allclose(state, np.tanh(scaled / 4), atol=1e-6)
    assert (least, greatest) == pytest.approx((state.min(), state.max()))


def test_noise_of_a_large_model_has_less_than_two_megabytes():
    """Of 5,000 steps, six columns and 512 units there is not room for all, and it is told."""
    values = 20 + np.random.default_rng(0).normal(size=[5000, 6])
    forecaster = hand_made.forecaster(tuple("abcdef"), "none", units=256, layers=2, components=20)
    dates = np.datetime64("2010-01-01") + np.arange(5000)
    found = inspection.inspect(forecaster, history(values, 0, tuple("abcdef"), dates))
    names = [column["name"] for column in found["columns"]]
    assert 1 <= len(names) < 6 and names + found["left_out"] == list("abcdef")
    page = report.assemble(found, "noise", inspection.SCRIPTS)
    assert 1_500_000 < len(page.encode()) < 2_000_000
    listed = {follower["signal"] for feature in found["features"] for follower in feature["followers"]}
    assert {row for row, *_ in found["tracks"]} & listed


def test_a_single_step_has_a_report():
    found = inspection.inspect(hand_made.forecaster(), history(VALUES[:1], dates=DAYS[:1]))
    assert found["features"] == [] and json.dumps(found, allow_nan=False)
