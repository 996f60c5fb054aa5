"""What there is in a series: means and changes counted by hand, seasons of the calendar, cycles."""

import numpy as np
import pytest

from kerasapp.tasks.series.features import AVERAGED, of_series


def named(values, dates=None):
    """Name -> values of the features of one column."""
    found = of_series(np.asarray(values, float)[:, np.newaxis], ("a",), dates)
    assert all(feature.values.dtype == np.float32 and feature.meaning for feature in found)
    return {feature.name: feature.values for feature in found}


def test_means_and_changes_are_those_of_the_last_values():
    x = np.random.default_rng(0).normal(size=50)
    found = named(x)
    level = [x[max(0, t - AVERAGED + 1) : t + 1].mean() for t in range(50)]
    changes = np.abs([0.0] + [x[t] - x[t - 1] for t in range(1, 50)])
    volatility = [changes[max(0, t - AVERAGED + 1) : t + 1].mean() for t in range(50)]
    trend = [level[t] - level[max(0, t - AVERAGED)] for t in range(50)]
    for name, expected in [("value", x), ("level", level), ("trend", trend), ("volatility", volatility)]:
        np.testing.assert_allclose(found[name], expected, atol=1e-6)
    np.testing.assert_allclose(found["change"][1:], np.diff(x), atol=1e-6)


def test_no_feature_looks_ahead():
    x = np.random.default_rng(0).normal(size=50)
    whole, part = named(x), named(x[:30])
    for name in ("value", "level", "change", "trend", "volatility"):
        np.testing.assert_allclose(whole[name][:30], part[name], atol=1e-6)


def test_seasons_of_months():
    dates = np.datetime64("2019-03") + np.arange(40)
    found = named(np.arange(40) % 7, dates)
    january = found["time of year, January"]
    months = np.array([int(str(date)[5:7]) for date in dates])
    assert january[months == 1] == pytest.approx(1, abs=1e-6) and january[months == 7] == pytest.approx(
        -1, abs=0.02
    )
    april = found["time of year, April"]
    assert april[months == 4].min() > 0.99 and april[months == 10].max() < -0.99
    assert "weekend" not in found and not any("time of day" in name for name in found)


def test_seasons_of_hours():
    dates = np.datetime64("2024-02-27T00:00") + np.timedelta64(60, "m") * np.arange(24 * 20)
    found = named(np.arange(len(dates)) % 7, dates)
    hours = np.arange(len(dates)) % 24
    assert found["time of day, midnight"][hours == 0] == pytest.approx(1)
    assert found["time of day, midnight"][hours == 12] == pytest.approx(-1)
    assert found["time of day, 6:00"][hours == 6] == pytest.approx(1)
    weekend = [np.datetime64(date, "D").item().weekday() >= 5 for date in dates]
    np.testing.assert_array_equal(found["weekend"], weekend)
    assert not any("time of year" in name for name in found)  # not a year has gone by


@pytest.mark.parametrize(
    "dates",
    [
        np.datetime64("2024-01-01") + np.arange(10),  # one weekend and a half
        np.arange("1990", "2020", dtype="M8[Y]"),
        np.array(["2024-01-01", "2024-01-02", "2024-01-05"], "M8[D]"),
    ],
)
def test_dates_too_few_or_too_coarse_have_no_seasons(dates):
    assert not any(
        "time of" in name or name == "weekend" for name in named(np.arange(len(dates)) ** 2, dates)
    )


def test_the_strongest_cycle_is_found():
    t, noise = np.arange(500), np.random.default_rng(1).normal(size=500)
    x = 3 * np.cos(2 * np.pi * (t - 4) / 25) + np.sin(2 * np.pi * t / 7) + 0.05 * t + noise
    found = named(x)
    wave = found["cycle of 25 steps"]
    np.testing.assert_allclose(wave, np.cos(2 * np.pi * (t - 4) / 25), atol=0.1)
    slope = np.gradient(wave) * 25 / (2 * np.pi)
    np.testing.assert_allclose(found["cycle of 25 steps, rising"][1:-1], slope[1:-1], atol=0.02)


@pytest.mark.parametrize(
    "x",
    [
        np.random.default_rng(1).normal(size=500),  # explains little
        (0.1 * np.arange(500)).astype(np.float32),  # a straight line, but for rounding
        np.sin(2 * np.pi * np.arange(500) / 200),  # comes twice and a half
        np.arange(11.0) % 3,
    ],
    ids=["noise", "line", "slow", "short"],
)
def test_what_is_no_cycle(x):
    assert not any("cycle" in name for name in named(x))


def test_columns_are_told_apart_and_constants_left_out():
    values = np.stack([np.arange(30.0) ** 2, np.ones(30)], axis=1)
    assert {feature.name for feature in of_series(values, ("a", "b"))} == {
        "value, a", "level, a", "change, a", "trend, a", "volatility, a",
    }  # fmt: skip
    assert of_series(np.ones([1, 1]), ("a",), np.array(["2024"], "M8[Y]")) == []
