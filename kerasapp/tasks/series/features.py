"""What there is in a series, step by step: simple things that a unit may follow."""

import numpy as np

from kerasapp.inspection.features import Feature

AVERAGED = 12  # steps of a moving mean
LEAST_CYCLES = 4  # in a series, for a cycle that is found in it
LEAST_PERIOD = 3  # steps
LEAST_FIT = 0.1  # share of the variance that a cycle explains
ROUNDING = 1e-12  # share of the squares below which a cycle is one of rounding errors
DAY = np.timedelta64(24 * 60 * 60, "s")


def of_series(values, columns, dates=None):
    """The features that vary in a series: list of `Feature`, with float32 [time] values after each step.

    Args:
        values: float [time, columns], at least one step. columns: their names.
        dates: datetime64 [time], or None.
    """
    found = _seasons(dates) if dates is not None else []
    for name, column in zip(columns, np.asarray(values, np.float64).T, strict=True):
        where = f", {name}" if len(columns) > 1 else ""
        found += [feature._replace(name=feature.name + where) for feature in _of_column(column)]
    found = [feature._replace(values=np.asarray(feature.values, np.float32)) for feature in found]
    return [feature for feature in found if np.ptp(feature.values) > 0]


def _of_column(x):
    level = _moving_mean(x)
    change = np.diff(x, prepend=x[:1])
    before = np.concatenate([np.repeat(level[:1], min(AVERAGED, len(x))), level[:-AVERAGED]])
    found = [
        Feature("value", "the value that was read", x),
        Feature("level", f"mean of the last {AVERAGED} values", level),
        Feature("change", "difference from the value before", change),
        Feature(
            "trend", f"mean of the last {AVERAGED} values less that of the {AVERAGED} before", level - before
        ),
        Feature("volatility", f"mean size of the last {AVERAGED} changes", _moving_mean(np.abs(change))),
    ]
    period, wave, slope = _cycle(x)
    if period:
        name = f"cycle of {period:.4g} steps"
        found.append(Feature(name, "the wave that fits the values best", wave))
        found.append(Feature(f"{name}, rising", "the slope of this wave", slope))
    return found


def _moving_mean(x):
    """The mean of the last `AVERAGED` values at each step, or of as many as there are."""
    sums = np.concatenate([[0.0], np.cumsum(x)])
    ends = np.arange(1, len(x) + 1)
    starts = np.maximum(ends - AVERAGED, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def _cycle(x):
    """The strongest cycle of a series around its straight line: (steps, the wave that fits it, its slope).

    (None, None, None) where no cycle comes often enough and explains enough.
    """
    time = np.arange(len(x))
    if len(x) < LEAST_CYCLES * LEAST_PERIOD:
        return None, None, None
    around = x - np.polyval(np.polyfit(time, x, 1), time)
    power = np.abs(np.fft.rfft(around)) ** 2
    candidates = np.arange(LEAST_CYCLES, len(x) // LEAST_PERIOD + 1)
    best = candidates[np.argmax(power[candidates])]
    explained = 2 * power[best] / len(x)  # of the sum of squares, by Parseval's theorem
    if explained <= LEAST_FIT * np.sum(around**2) or explained <= ROUNDING * np.sum(x**2):
        return None, None, None
    phase = 2 * np.pi * best * time / len(x)
    shift = np.arctan2(np.dot(around, np.sin(phase)), np.dot(around, np.cos(phase)))
    return len(x) / best, np.cos(phase - shift), -np.sin(phase - shift)


def _seasons(dates):
    """The seasons of the calendar that come at least twice and are longer than two steps."""
    dates = dates.astype("M8[s]")
    if len(dates) < 2:
        return []
    step, span, found = np.median(np.diff(dates)), dates[-1] - dates[0], []
    if step <= 92 * DAY and span >= 730 * DAY:
        angle = 2 * np.pi * _share(dates, "Y")
        found.append(Feature("time of year, January", "largest at New Year, least in July", np.cos(angle)))
        found.append(Feature("time of year, April", "largest in April, least in October", np.sin(angle)))
    if step <= DAY and span >= 14 * DAY:
        weekday = (dates.astype("M8[D]").astype(int) + 3) % 7  # 1970-01-01 was a Thursday, 3
        found.append(Feature("weekend", "Saturday and Sunday", weekday >= 5))
    if step < 0.5 * DAY and span >= 2 * DAY:
        angle = 2 * np.pi * _share(dates, "D")
        found.append(Feature("time of day, midnight", "largest at midnight, least at noon", np.cos(angle)))
        found.append(Feature("time of day, 6:00", "largest at 6:00, least at 18:00", np.sin(angle)))
    return found


def _share(dates, unit):
    """The share of its year ("Y") or day ("D") that has passed at each date."""
    start = dates.astype(f"M8[{unit}]")
    first, end = start.astype("M8[s]"), (start + 1).astype("M8[s]")
    return (dates - first) / (end - first)
