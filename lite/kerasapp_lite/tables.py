"""Tables of numbers over time, from CSV files."""

import csv
import math

import numpy as np

MISSING = ("", "nan", "na", "n/a", "null", "none", "nat", "-", "?")  # as in pipelines/tables.py
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"PK\x03\x04", b"\x28\xb5\x2f\xfd")  # how such files begin


def read(path, columns):
    """The values of a CSV file, float64 [time, columns].

    The file is UTF-8, with commas; its first line names its columns.

    Args:
        columns: the names of those to read, in this order. If this is one name, the only column of a file is
            read whatever its name.

    Raises: ValueError for a file that cannot be read; it names file, line and column.
    """
    try:
        with open(path, "rb") as file:
            if (head := file.read(4)).startswith(_PACKED):
                raise ValueError(f"{path}: is packed; expected CSV as plain text: unpack it first")
            if head.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise ValueError(f"{path}: is UTF-16; expected UTF-8: iconv -f UTF-16 -t UTF-8 FILE > OTHER")
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
    number, header = lines[full[0]]
    _check_header(f"{path}: line {number}", header)
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
            hint = "; numbers are written without commas" if len(cells) > len(header) else ""
            raise ValueError(f"{path}: line {number}: {len(cells)} values for {len(header)} columns{hint}")
        rows.append([_number(f"{path}: line {number}, column {header[i]}", cells[i]) for i in places])
    return np.array(rows, np.float64).reshape(len(rows), len(columns))


def _check_header(where, header):
    """Raises ValueError where the first line cannot be the names of columns between commas."""
    if all(_is_number(cell) for cell in header):
        raise ValueError(f"{where}: expected the names of the columns, not numbers")
    found = next((name for one, name in SEPARATORS.items() if one in header[0]), None)
    if len(header) == 1 and found:
        raise ValueError(f"{where}: expected commas between the columns, not {found}: {header[0]}")


def _places(path, header, columns):
    """Where the columns stand in a line."""
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
    if cell.lower() in MISSING:
        shown = f" ({cell})" if cell else ""
        raise ValueError(f"{where}: a value is missing{shown}; fill it in, or leave the line out")
    if cell.lower().lstrip("+-") in ("inf", "infinity"):
        raise ValueError(f"{where}: {cell} is infinite; write the value, or leave the line out")
    if not _is_number(cell):
        expected = "write it with a point and digits alone, such as 1234.5"
        raise ValueError(f"{where}: {cell!r} is not a number; {expected}")
    return float(cell)
