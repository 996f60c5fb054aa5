"""Dates of the steps of a series: read in the forms that files have, and continued by the calendar."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

FORMS = "1749, 1749-01, 174901, 1749-01-31, 17490131 or 1749-01-31T12:30:00"
LATEST_COMPACT = 2199  # the last year of YYYYMM: 240131 is no month, but a day without its century
_FORM = re.compile(
    r"(?P<date>\d{4}|\d{6}|\d{8}|\d{4}-\d\d(-\d\d)?)"
    r"((?P<separator>(?<=\d\d\d\d-\d\d-\d\d)[T ]|(?<=^\d{8})T)"
    r"(?P<clock>\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?|\d{4}|\d{6})"
    r"(?P<zone>Z|[+-]\d\d(:?\d\d)?)?)?",
    re.ASCII,
)
_DAY, _MONTH = np.timedelta64(1, "D"), np.timedelta64(1, "M")
_LEAST_WEEKS = 2  # that show on which days of the week there are values


class Moment(NamedTuple):
    """The date of one step.

    Attributes:
        text: as it stands in the file.
        at: datetime64 of the clock that the text shows, in the unit of the text.
        offset: of this clock from UTC, timedelta64; None where the text names no zone.
        form: what the texts of one file share: (length of the date, "" or what precedes the time, whether
            the time has colons, whether there is a zone).
        zone: the zone as it is written.
    """

    text: str
    at: np.datetime64
    offset: np.timedelta64 | None
    form: tuple[int, str, bool, bool]
    zone: str

    @property
    def instant(self) -> np.datetime64:
        """The time in UTC; without a zone that of the clock."""
        return self.at if self.offset is None else self.at - self.offset


def parse(text: str) -> Moment | None:
    """The `Moment` of a text in one of the `FORMS`, with a time zone such as Z or +01:00 or without; None for
    any other text."""
    found = _FORM.fullmatch(text)
    if not found:
        return None
    date, separator, clock, zone = (found[name] or "" for name in ("date", "separator", "clock", "zone"))
    if "-" not in date and len(date) > 4:
        if len(date) == 6 and int(date[:4]) > LATEST_COMPACT:
            return None
        parts = [date[:4], date[4:6], date[6:]]
        extended = "-".join(filter(None, parts))
    else:
        extended = date
    colons = ":" in clock
    if len(clock) > 2 and not colons:
        clock = ":".join(clock[i : i + 2] for i in range(0, len(clock), 2))
    try:
        at = np.datetime64(f"{extended}T{clock}" if clock else extended)
    except ValueError:
        return None
    form = len(date), separator, colons, bool(zone)
    return Moment(text, at, _offset(zone), form, zone)


def _offset(zone: str) -> np.timedelta64 | None:
    if not zone:
        return None
    if zone == "Z":
        return np.timedelta64(0, "m")
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = 60 * int(digits[:2]) + int(digits[2:])
    return np.timedelta64(-minutes if zone[0] == "-" else minutes, "m")


class Dates(Sequence):
    """The dates of the steps of a series; as a sequence, their texts in the form of the file.

    Args:
        at: datetime64 [steps], increasing.
        form: see `Moment`.
        zone: as it is written; "" for none.

    Example:
        >>> Dates.of([parse("202311"), parse("202312")]).following(2)
        ['202401', '202402']
    """

    def __init__(self, at: np.ndarray, form: tuple[int, str, bool, bool], zone: str = ""):
        self.at, self.form, self.zone = at, form, zone

    @classmethod
    def of(cls, moments: Sequence[Moment]) -> "Dates":
        """The dates of moments of one form. Where their zones differ, as summer and winter time do, all are
        in UTC."""
        first = moments[0]
        if all(moment.offset == first.offset for moment in moments):
            return cls(np.array([moment.at for moment in moments]), first.form, first.zone)
        return cls(np.array([moment.instant for moment in moments]), first.form, "Z")

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, place):
        return Dates(self.at[place], self.form, self.zone) if isinstance(place, slice) else self._text(place)

    def __iter__(self) -> Iterator[str]:
        return map(self._text, range(len(self)))

    def following(self, count: int) -> list[str] | None:
        """The `count` dates after these, if these are evenly spaced or follow the calendar; else None.

        Known are equal distances; months and years, by the same day, the last day, or the first or last
        weekday of each; and the same days of every week, such as weekdays.
        """
        if len(self) < 2:
            return None
        at = _continued(self.at, count)
        return None if at is None else list(Dates(at, self.form, self.zone))

    def uneven(self) -> int | None:
        """The first step that is not at the commonest distance from the one before; None if `following` knows
        how the dates go on."""
        if len(self) < 2 or _continued(self.at, 1) is not None:
            return None
        steps = np.diff(self.at)
        each, counts = np.unique(steps, return_counts=True)
        return int(np.argmax(steps != each[counts.argmax()])) + 1

    def _text(self, place: int) -> str:
        size, separator, colons, _ = self.form
        date, _, clock = str(np.datetime_as_string(self.at[place])).partition("T")
        date = date.replace("-", "") if size in (6, 8) else date
        clock = clock if colons else clock.replace(":", "")
        return f"{date}{separator}{clock}{self.zone}" if separator else date


def _continued(at: np.ndarray, count: int) -> np.ndarray | None:
    """The `count` dates after `at` [steps], two at least; None where no rule has made these."""
    ahead = np.arange(1, count + 1)
    days = at.astype("M8[D]")
    clock = at - days  # of a month or a year: 0
    regular = np.all(clock == clock[0])
    months = days.astype("M8[M]")
    place = _place_in_month(days, months) if regular else None
    if place:
        later = months[-1] + (months[1] - months[0]) * ahead
        found = place(later)
        if np.any(found.astype("M8[M]") != later):
            return None  # there is no 30 February
        return (found + clock[0]).astype(at.dtype)
    steps = np.diff(at)
    if np.all(steps == steps[0]):
        return at[-1] + steps[0] * ahead
    weekmask = _weekmask(days) if regular else None
    if weekmask is None:
        return None
    return (np.busday_offset(days[-1], ahead, weekmask=weekmask) + clock[0]).astype(at.dtype)


def _place_in_month(days: np.ndarray, months: np.ndarray) -> Callable | None:
    """A function months -> days that gives `days` for `months`, if these are evenly spaced; None if there is
    none."""
    steps = np.diff(months)
    if steps[0] < _MONTH or np.any(steps != steps[0]):
        return None
    places = _last_day, _same_day(days[0]), _last_weekday, _first_weekday
    return next((place for place in places if np.all(place(months) == days)), None)


def _last_day(months):
    return (months + _MONTH).astype("M8[D]") - _DAY


def _same_day(day):
    offset = day - day.astype("M8[M]").astype("M8[D]")
    return lambda months: months.astype("M8[D]") + offset


def _last_weekday(months):
    return np.busday_offset(_last_day(months), 0, roll="backward")


def _first_weekday(months):
    return np.busday_offset(months.astype("M8[D]"), 0, roll="forward")


def _weekmask(days: np.ndarray) -> np.ndarray | None:
    """The days of the week, bool [7] from Monday, if `days` are all of these in their time; else None."""
    if days[-1] - days[0] < 7 * _LEAST_WEEKS * _DAY:
        return None
    mask = np.isin(np.arange(7), (days.astype(int) + 3) % 7)  # 1970-01-01 was a Thursday, 3
    return mask if np.busday_count(days[0], days[-1], weekmask=mask) == len(days) - 1 else None
