"""Tables of numbers over time, from CSV files."""

import csv
import io
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipelines.errors import DataError
from pipelines.files import locate, read_text


class Table(NamedTuple):
    """Numbers over time.

    Attributes:
        columns: the names of the columns.
        values: float64 [time, columns].
        dates: datetime64 [time] in the unit of the file, or None.
    """

    columns: tuple[str, ...]
    values: np.ndarray
    dates: np.ndarray | None


def read(files: Sequence[str | os.PathLike], columns: Sequence[str] = (), date: str | None = None) -> Table:
    """Reads CSV files as one table, one after the other in time.

    A file is UTF-8, plain or gzip, with commas. Its first line names the columns, which are the same in all
    files.

    Args:
        files: paths, or names such as "sample:sunspots".
        columns: the columns to read, in this order; empty for all but the column of the dates.
        date: the column of the dates, in ISO 8601 (1749, 1749-01, 1749-01-31), increasing; None for no dates.

    Raises:
        DataError: a file cannot be read, a column is not there, a value is missing or no number, or a date is
            no date or not after the one before. Names file, line and column.

    Example:
        >>> read(["sample:sunspots"], date="month").columns
        ('sunspots',)
    """
    if not files:
        raise DataError("no files given: expected at least one CSV file")
    header, rows, dates = None, [], []
    for path in map(locate, files):
        lines = _lines(path)
        names = _header(path, next(lines, (1, []))[1])
        if header not in (None, names):
            raise DataError(f"{path}: line 1: the columns {', '.join(names)} are not {', '.join(header)}")
        header = names
        wanted = _wanted(path, header, columns, date)
        for number, cells in lines:
            where = f"{path}: line {number}"
            if len(cells) != len(header):
                raise DataError(f"{where}: {len(cells)} values for {len(header)} columns")
            rows.append([_number(where, name, cells[header.index(name)]) for name in wanted])
            if date is not None:
                dates.append(_date(where, date, cells[header.index(date)], dates))
    values = np.array(rows, np.float64).reshape(len(rows), len(wanted))
    return Table(tuple(wanted), values, np.array(dates) if dates else None)


def header(file: str | os.PathLike) -> list[str]:
    """The names in the first line of a CSV file. Raises: DataError, as `read`."""
    path = locate(file)
    return _header(path, next(_lines(path), (1, []))[1])


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number and the cells of each line, without empty lines."""
    reader = csv.reader(io.StringIO("".join(read_text(path)), newline=""), strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: not CSV: {error}") from None


def _header(path: Path, cells: list[str]) -> list[str]:
    if len(set(cells)) < len(cells) or not all(cells):
        raise DataError(
            f"{path}: line 1: expected the names of the columns, each once, not {','.join(cells)}"
        )
    if all(_is_number(cell) for cell in cells):
        raise DataError(f"{path}: line 1: expected the names of the columns, not numbers")
    return cells


def _wanted(path: Path, header: list[str], columns: Sequence[str], date: str | None) -> list[str]:
    for name in [*columns, *([date] if date is not None else [])]:
        if name not in header:
            raise DataError(f"{path}: line 1: no column {name!r}; there is {', '.join(header)}")
    wanted = list(columns) or [name for name in header if name != date]
    if not wanted:
        raise DataError(f"{path}: line 1: no column beside {date!r}, the column of the dates")
    return wanted


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _number(where: str, name: str, cell: str) -> float:
    if not cell:
        raise DataError(f"{where}, column {name}: a value is missing; fill it in or remove the line")
    if not _is_number(cell) or "_" in cell:  # only Python reads 1_000
        raise DataError(f"{where}, column {name}: {cell!r} is not a number")
    return float(cell)


def _date(where: str, name: str, cell: str, before: list[np.datetime64]) -> np.datetime64:
    try:
        date = np.datetime64(cell if cell[:1].isdigit() else "NaT")  # NumPy reads "today" too
    except ValueError:
        date = np.datetime64("NaT")
    if np.isnat(date):
        raise DataError(f"{where}, column {name}: {cell!r} is not a date such as 1749, 1749-01 or 1749-01-31")
    if before and date.dtype != before[-1].dtype:
        raise DataError(
            f"{where}, column {name}: {cell!r} does not have the form of the date before, {before[-1]}"
        )
    if before and date <= before[-1]:
        raise DataError(f"{where}, column {name}: {cell} does not come after {before[-1]}")
    return date


def following(dates: np.ndarray | None, length: int, count: int) -> list[str]:
    """Names of the `count` steps after a table of `length` steps: dates, if the table's are evenly spaced;
    else numbers, counted from 1 at the start of the table.

    Example:
        >>> following(np.array(["2008-11", "2008-12"], "datetime64[M]"), 2, 2)
        ['2009-01', '2009-02']
    """
    if dates is not None and len(dates) > 1:
        steps = np.diff(dates)
        if np.all(steps == steps[0]):
            return [str(date) for date in dates[-1] + steps[0] * np.arange(1, count + 1)]
    return [str(length + step) for step in range(1, count + 1)]
