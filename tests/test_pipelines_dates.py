"""Dates of series: every form that files have is read, written again and continued by the calendar.

The expected dates are those of Python's datetime and calendar, or of pandas' date_range, written out.
"""

import datetime

import numpy as np
import pytest

from pipelines.dates import Dates, parse


def dates(*texts):
    return Dates.of([parse(text) for text in texts])


def days(start, count, keep=lambda day: True):
    """`count` days from a date on, those that are kept, in ISO 8601."""
    found = (datetime.date.fromisoformat(start) + datetime.timedelta(i) for i in range(10 * count))
    return [day.isoformat() for day in found if keep(day)][:count]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1749", "1749-01-01"),
        ("2023-12", "2023-12-01"),
        ("202312", "2023-12-01"),
        ("2024-02-29", "2024-02-29"),
        ("20240229", "2024-02-29"),
        ("2024-02-29T07", "2024-02-29T07:00"),
        ("2024-02-29 07:05", "2024-02-29T07:05"),
        ("2024-02-29T07:05:09.250", "2024-02-29T07:05:09.25"),
        ("20240229T070509Z", "2024-02-29T07:05:09"),
        ("2024-02-29T00:30:00+01:00", "2024-02-28T23:30:00"),
        ("2024-02-29T00:30:00-0530", "2024-02-29T06:00:00"),
    ],
)
def test_each_form_is_read_and_written_again(text, expected):
    moment = parse(text)
    assert moment.instant == np.datetime64(expected)
    assert list(Dates.of([moment])) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "today", "", "17", "20241", "202413", "20240230", "2024-02-30", "2024-2-3", "2024/02/03",
        "03.02.2024", "240131", "230101", "1704067200", "1704067200000", "2024-0229", "202402-29",
        "2024-02-29T25:00", "2024-02-29T", "2024-02T07:00", "202402T07", "2024-02-29T07:0509", "٢٠٢٤",
        "2024Q1", "2024-W05", "NaT",
    ],
)  # fmt: skip
def test_what_is_no_date_is_none(text):
    assert parse(text) is None


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2006", "2008"], ["2010", "2012", "2014"]),
        (["2008-11", "2008-12"], ["2009-01", "2009-02", "2009-03"]),
        (["202311", "202312"], ["202401", "202402", "202403"]),
        (["20240130", "20240131"], ["20240201", "20240202", "20240203"]),
        (["2024-02-28", "2024-02-29"], ["2024-03-01", "2024-03-02", "2024-03-03"]),
        (["2024-07-01", "2024-08-01"], ["2024-09-01", "2024-10-01", "2024-11-01"]),  # months of 31 days
        (["2022-01-01", "2023-01-01"], ["2024-01-01", "2025-01-01", "2026-01-01"]),  # 2024 has 366 days
        (["2023-11-30", "2023-12-31", "2024-01-31"], ["2024-02-29", "2024-03-31", "2024-04-30"]),
        (["2023-04-30", "2023-06-30"], ["2023-08-31", "2023-10-31", "2023-12-31"]),
        (["2023-12-15", "2024-01-15", "2024-02-15"], ["2024-03-15", "2024-04-15", "2024-05-15"]),
        (["2024-03-29", "2024-04-30", "2024-05-31"], ["2024-06-28", "2024-07-31", "2024-08-30"]),
        (["2024-05-01", "2024-06-03", "2024-07-01"], ["2024-08-01", "2024-09-02", "2024-10-01"]),
        (["2023-03-31", "2023-06-30", "2023-09-30"], ["2023-12-31", "2024-03-31", "2024-06-30"]),
        (["2024-01-01", "2024-01-08"], ["2024-01-15", "2024-01-22", "2024-01-29"]),
        (["2024-12-31T22:00", "2024-12-31T23:00"],
         ["2025-01-01T00:00", "2025-01-01T01:00", "2025-01-01T02:00"]),
        (["2024-01-31 16:00:00", "2024-02-29 16:00:00"],
         ["2024-03-31 16:00:00", "2024-04-30 16:00:00", "2024-05-31 16:00:00"]),
        (["2024-01-01T23:59:59", "2024-01-01T23:59:59.500"],
         ["2024-01-02T00:00:00.000", "2024-01-02T00:00:00.500", "2024-01-02T00:00:01.000"]),
        (["2024-01-01T22:00:00+01:00", "2024-01-01T23:00:00+01:00"],
         ["2024-01-02T00:00:00+01:00", "2024-01-02T01:00:00+01:00", "2024-01-02T02:00:00+01:00"]),
        (["2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00"],  # summer time begins: an hour later
         ["2024-03-31T02:00Z", "2024-03-31T03:00Z", "2024-03-31T04:00Z"]),
    ],
)  # fmt: skip
def test_dates_go_on_by_the_calendar(texts, expected):
    found = dates(*texts)
    assert found.following(3) == expected and found.uneven() is None
    assert dates(*texts, *expected).following(1) == dates(*expected).following(1)


@pytest.mark.parametrize(
    "keep",
    [
        lambda day: day.weekday() < 5,
        lambda day: day.weekday() not in (4, 5),  # Sunday to Thursday
        lambda day: day.weekday() in (0, 2),
    ],
)
def test_the_same_days_of_every_week_go_on(keep):
    expected = days("2024-01-01", 40, keep)
    assert dates(*expected[:30]).following(10) == expected[30:]


def test_the_same_days_of_every_week_go_on_at_the_same_time_of_day():
    expected = [f"{day}T16:30" for day in days("2024-01-01", 40, lambda day: day.weekday() < 5)]
    assert dates(*expected[:30]).following(10) == expected[30:]


@pytest.mark.parametrize(
    "texts",
    [
        ["2024-01-01"],
        ["2024-01-01", "2024-01-03", "2024-01-04"],
        ["2024-01-30", "2024-03-30", "2024-05-30", "2024-07-30", "2024-09-30", "2024-11-30", "2024-12-30"],
        [*days("2024-01-01", 30, lambda day: day.weekday() < 5), "2024-02-19"],  # days are missing
        ["2024-10-26T00:00+02:00", "2024-10-27T00:00+02:00", "2024-10-28T00:00+01:00"],  # a day of 25 hours
    ],
)  # fmt: skip
def test_what_follows_no_rule_is_not_continued(texts):
    assert dates(*texts).following(2) is None


def test_a_day_that_a_month_lacks_is_not_made_up():
    assert dates("2023-10-30", "2023-11-30", "2023-12-30").following(1) == ["2024-01-30"]
    assert dates("2023-10-30", "2023-11-30", "2023-12-30").following(2) is None


def test_the_first_uneven_step_is_found():
    texts = days("2024-01-01", 30)
    assert dates(*texts[:9], *texts[10:]).uneven() == 9
    assert dates(*texts[:9], *texts[10:])[9] == "2024-01-11"
    assert list(dates(*texts)[28:]) == ["2024-01-29", "2024-01-30"]
