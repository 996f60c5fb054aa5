"""Tables of numbers over time, from CSV files."""

import csv
import math

import numpy as np


def read(path, columns):
    """The values of a CSV file, float64 [time, columns].

    The file is UTF-8, with commas; its first line names its columns.

    Args:
        columns: the names of those to read, in this order. If this is one name, the only column of a file is
            read whatever its name.

    Raises: ValueError for a file that cannot be read; it names file, line and column.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 ({error.reason})") from None
    except csv.Error as error:
        raise ValueError(f"{path}: line {reader.line_num}: not CSV: {error}") from None
    full = [place for place, (_, cells) in enumerate(lines) if cells]
    if not full:
        raise ValueError(f"{path}: the file is empty")
    header = lines[full[0]][1]
    if len(header) == 1:  # a blank line between its values is a missing one
        lines = lines[full[0] : full[-1] + 1]
    else:
        lines = [lines[place] for place in full]
    places = _places(path, header, columns)
    rows = []
    for number, cells in lines[1:]:
        if not cells:
            raise ValueError(f"{path}: line {number}: a value is missing; fill it in, or leave the line out")
        if len(cells) != len(header):
            raise ValueError(f"{path}: line {number}: {len(cells)} values for {len(header)} columns")
        rows.append([_number(f"{path}: line {number}, column {header[i]}", cells[i]) for i in places])
    return np.array(rows, np.float64).reshape(len(rows), len(columns))


def _places(path, header, columns):
    """Where the columns stand in a line."""
    if all(_is_number(cell) for cell in header):
        raise ValueError(f"{path}: line 1: expected the names of the columns, not numbers")
    if len(columns) == len(header) == 1:
        return [0]
    for name in columns:
        if header.count(name) != 1:
            found = "several columns" if name in header else "no column"
            raise ValueError(f"{path}: line 1: {found} {name!r}; there is {', '.join(header)}")
    return [header.index(name) for name in columns]


def _is_number(cell):
    try:
        return math.isfinite(float(cell)) and "_" not in cell  # Python alone reads 1_000
    except ValueError:
        return False


def _number(where, cell):
    if not cell:
        raise ValueError(f"{where}: a value is missing; fill it in, or leave the line out")
    if not _is_number(cell):
        raise ValueError(f"{where}: {cell!r} is not a number")
    return float(cell)
