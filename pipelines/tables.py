"""Tables of numbers over time, from CSV files."""

import csv
import io
import math
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipelines import dates
from pipelines.errors import DataError
from pipelines.files import locate, read_text

MISSING = ("", "nan", "na", "n/a", "null", "none", "nat", "-", "?")
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_ENDS = "the line ends with a comma; remove it"
# A number with separators of thousands, a decimal comma, a currency, a unit, or a sign of Unicode.
_WRITTEN = re.compile(r"[^\w.]{0,3}\d[\d.,'’_\s]*([^\W\d]{1,3}|[^\w\s]{1,2}\w?)?")
_FINITE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class Table(NamedTuple):
    """Numbers over time.

    Attributes:
        columns: the names of the columns.
        values: float64 [time, columns].
        dates: of the steps, or None.
        unused: the names of the columns that were not asked for.
    """

    columns: tuple[str, ...]
    values: np.ndarray
    dates: dates.Dates | None
    unused: tuple[str, ...] = ()

    def following(self, count: int) -> tuple[str, list[str]]:
        """What the `count` steps after the table are called: ("date", dates) if the table's dates go on by a
        rule, else ("step", numbers), counted from 1 at the start of the table.

        Example:
            >>> read(["sample:sunspots"], date="month").following(2)
            ('date', ['2009-01', '2009-02'])
        """
        ahead = self.dates.following(count) if self.dates else None
        if ahead:
            return "date", ahead
        length = len(self.values)
        return "step", [str(length + step) for step in range(1, count + 1)]


def read(
    files: Sequence[str | os.PathLike],
    columns: Sequence[str] = (),
    date: str | None = None,
    may_lack_dates: bool = False,
) -> Table:
    """Reads CSV files as one table, one after the other in time.

    A file is UTF-8, plain or packed, with commas. Its first line names the columns, which are the same in all
    files. Blank lines are left out, except between the values of a file of one column: there they stand for
    missing values.

    Args:
        files: paths, or names such as "sample:sunspots".
        columns: the columns to read, in this order; empty for all but the column of the dates.
        date: the column of the dates, in one of `pipelines.dates.FORMS`, increasing; None for no dates.
        may_lack_dates: whether files without the column `date` are read, without dates.

    Raises:
        DataError: a file cannot be read, a column is not there, a value is missing, no number or infinite, or
            a date is no date, has another form than the one before, or does not come after it. Names file,
            line and column.

    Example:
        >>> read(["sample:sunspots"], date="month").columns
        ('sunspots',)
    """
    if not files:
        raise DataError("no files given: expected at least one CSV file")
    header, rows, moments, paths = None, [], [], [*map(locate, files)]
    for place, path in enumerate(paths):
        if path.resolve() in [other.resolve() for other in paths[:place]]:
            raise DataError(f"{path}: is given twice; expected each file once, the oldest first")
        lines = _lines(path)
        names = _header(path, next(lines, (1, []))[1])
        if header not in (None, names):
            raise DataError(f"{path}: line 1: the columns {', '.join(names)} are not {', '.join(header)}")
        header = names
        if may_lack_dates and date not in header:
            date = None
        wanted = _wanted(path, header, columns, date)
        for number, cells in lines:
            where = f"{path}: line {number}"
            if len(cells) != len(header):
                raise DataError(f"{where}: {_other_count(cells, header)}")
            rows.append([_number(where, name, cells[header.index(name)]) for name in wanted])
            if date is not None:
                moments.append(_moment(where, date, cells[header.index(date)], moments))
    values = np.array(rows, np.float64).reshape(len(rows), len(wanted))
    unused = tuple(name for name in header if name not in (*wanted, date))
    return Table(tuple(wanted), values, dates.Dates.of(moments) if moments else None, unused)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number and the cells of each line, without empty lines."""
    reader = csv.reader(io.StringIO("".join(read_text(path)), newline=""), strict=True)
    started, blank, number = False, None, 0
    try:
        for cells in reader:
            number = reader.line_num
            if not cells:
                blank = blank or reader.line_num
                continue
            if blank and started and len(cells) == 1:
                raise DataError(f"{path}: line {blank}: a value is missing; fill it in or remove the line")
            yield number, [cell.strip() for cell in cells]
            started, blank = True, None
    except csv.Error as error:  # a quote that is never closed takes all lines to the end
        raise DataError(f"{path}: line {number + 1}: not CSV: {error}") from None


def _header(path: Path, cells: list[str]) -> list[str]:
    where = f"{path}: line 1"
    if not cells:
        raise DataError(f"{where}: expected the names of the columns; all lines are blank")
    if cells[0].startswith("sep="):
        raise DataError(f"{where}: expected the names of the columns, not sep=; remove the line")
    if cells[0].startswith("<"):
        raise DataError(
            f"{where}: expected the names of the columns; this looks like HTML or XML: {cells[0]}"
        )
    if cells[0].startswith("#") and not cells[0].lstrip("# ").isidentifier():
        cure = f"tail -n +2 {shlex.quote(str(path))} > table.csv"
        raise DataError(f"{where}: expected the names of the columns, not a remark: {cells[0]}; {cure}")
    if len(cells) == 1:
        for separator, name in SEPARATORS.items():
            if separator in cells[0]:
                command = f"tr {f',{separator}'!r} '.,' < {shlex.quote(str(path))} > commas.csv"
                raise DataError(
                    f"{where}: expected commas between the columns, not {name}: {cells[0]}; {command}"
                )
    for place, cell in enumerate(cells, 1):
        if not cell and place == len(cells) > 1:
            raise DataError(f"{where}: column {place} has no name: {_ENDS} from all lines")
        if not cell:
            raise DataError(
                f"{where}: column {place} has no name; name it, or leave it out (an index that pandas wrote: "
                "to_csv(..., index=False))"
            )
        if cells.count(cell) > 1:
            raise DataError(f"{where}: expected the names of the columns, each once; {cell!r} is there twice")
    if all(_is_number(cell) or dates.parse(cell) for cell in cells):
        raise DataError(f"{where}: expected the names of the columns, not values: {','.join(cells)}")
    return cells


def _wanted(path: Path, header: list[str], columns: Sequence[str], date: str | None) -> list[str]:
    for name in [*columns, *([date] if date is not None else [])]:
        if name not in header:
            raise DataError(f"{path}: line 1: no column {name!r}; there is {', '.join(header)}")
    wanted = list(columns) or [name for name in header if name != date]
    if not wanted:
        raise DataError(f"{path}: line 1: no column beside {date!r}, the column of the dates")
    return wanted


def _other_count(cells: list[str], header: list[str]) -> str:
    """What is wrong with a line that has more or fewer cells than the header."""
    told = f"{len(cells)} values for {len(header)} columns"
    if len(cells) < len(header):
        return told
    if not any(cells[len(header) :]):
        return f"{told}: {_ENDS}"
    return f"{told}: no number is written with commas, neither 1,234 nor 1,5"


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell)) and "_" not in cell  # only Python reads 1_000
    except ValueError:
        return False


def _number(where: str, name: str, cell: str) -> float:
    if _is_number(cell):
        return float(cell)
    where = f"{where}, column {name}"
    if cell.lower() in MISSING:
        told = f"a value is missing{f' ({cell})' if cell else ''}; fill it in or remove the line"
    elif cell.lower().lstrip("+-") in ("inf", "infinity"):
        told = f"{cell} is infinite; write the value, or remove the line"
    elif _FINITE.fullmatch(cell):
        told = f"{cell} is beyond the largest number, {sys.float_info.max:.2g}; use a larger unit"
    elif dates.parse(cell):
        told = f"{cell!r} is a date, not a number; give --data.date {name} (forecast: --date {name})"
    elif _WRITTEN.fullmatch(cell):
        told = f"{cell!r} is not a number; write it with a point and digits alone, such as 1234.5"
    else:
        told = f"{cell!r} is not a number; choose columns of numbers with --data.columns"
        told += (
            ", or remove the line if it has the columns' units" if where.split(",")[0].endswith(" 2") else ""
        )
    raise DataError(f"{where}: {told}")


def _moment(where: str, name: str, cell: str, before: list[dates.Moment]) -> dates.Moment:
    moment, where = dates.parse(cell), f"{where}, column {name}"
    if moment is None:
        raise DataError(
            f"{where}: {cell!r} is not a date such as {dates.FORMS}; rewrite the column, such as by"
            f" pandas.to_datetime(...{_unit(cell)}), or leave it out: name the other columns with"
            " --data.columns"
        )
    if not before:
        return moment
    last = before[-1].text
    if moment.form != before[-1].form:
        raise DataError(f"{where}: {cell!r} does not have the form of the date before, {last}")
    if moment.instant <= before[-1].instant:
        told = (
            f"{where}: {cell} does not come after {last}; expected the oldest line first, and each date once"
        )
        raise DataError(told + _order_cure(moment, before))
    return moment


def _order_cure(moment: dates.Moment, before: list[dates.Moment]) -> str:
    """What helps where a date is not after those before it."""
    if moment.text == before[-1].text:
        twice = "; an hour that is there twice needs a time zone such as +01:00" if moment.form[1] else ""
        return twice + "; pandas.pivot_table gives each of several series a column" * (len(before) == 1)
    cure = "; to turn the lines: (head -n 1 FILE; tail -n +2 FILE | tac) > oldest_first.csv"
    return cure if len(before) == 1 else ""


def _unit(cell: str) -> str:
    """The argument of pandas.to_datetime for a count of seconds or milliseconds since 1970, or of days, as
    spreadsheets have it, or for a day before its month."""
    if re.fullmatch(r"\d{10}|\d{13}", cell, re.ASCII):
        return ", unit='s'" if len(cell) == 10 else ", unit='ms'"
    if re.fullmatch(r"\d{5}(\.\d+)?", cell, re.ASCII):
        return ", unit='D', origin='1899-12-30'"
    return ", dayfirst=True" if re.match(r"\d\d?[./]\d\d?[./]", cell, re.ASCII) else ""
