"""Histories from CSV files: what is read, and what is told of a file that cannot be read."""

import gzip

import pytest

from kerasapp_lite.tables import MISSING, SEPARATORS, read
from pipelines import tables

NO_NUMBER = "is not a number; write it with a point and digits alone, such as 1234.5"


@pytest.fixture
def write(tmp_path):
    def written(content):
        path = tmp_path / "history.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def test_columns_are_found_by_their_names(write):
    path = write('\ufeff"flow, m3",day, level\r\n1.5,2024-01-01,-2\n\n 3e2 ,2024-01-02,4\n')
    assert read(path, ["level", "flow, m3"]).tolist() == [[-2, 1.5], [4, 300]]
    assert read(path, ["level"]).tolist() == [[-2], [4]]
    assert read(write("level\n"), ["level"]).shape == (0, 1)


def test_the_only_column_has_any_name(write):
    assert read(write("\nsunspots\n1\n2\n\n"), ["level"]).tolist() == [[1], [2]]
    with pytest.raises(ValueError, match="line 3: a value is missing"):
        read(write("sunspots\n1\n\n2\n"), ["level"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "the file is empty"),
        ("1,2\n3,4\n", "line 1: expected the names of the columns, not numbers"),
        ("level,depth\n1,2\n", "line 1: no column 'flow'; there is level, depth"),
        ("flow,level,flow\n1,2,3\n", "line 1: several columns 'flow'; there is flow, level, flow"),
        ("level,flow\n1,2\n\n3\n", "line 4: 1 values for 2 columns"),
        ("level,flow\n1,\n", "line 2, column flow: a value is missing; fill it in, or leave the line out"),
        ("level,flow\n1,2\nx,3\n", f"line 3, column level: 'x' {NO_NUMBER}"),
        ("level,flow\n1,1_000\n", f"line 2, column flow: '1_000' {NO_NUMBER}"),
        ("level,flow\n1,3€\n", f"line 2, column flow: '3€' {NO_NUMBER}"),
        (
            "level,flow\nNaN,1\n",
            "line 2, column level: a value is missing (NaN); fill it in, or leave the line out",
        ),
        (
            "level,flow\n1,-inf\n",
            "line 2, column flow: -inf is infinite; write the value, or leave the line out",
        ),
        (
            "level,flow\n1,234,5\n",
            "line 2: 3 values for 2 columns; numbers are written without commas",
        ),
        ("\nlevel;flow\n1;2\n", "line 2: expected commas between the columns, not semicolons: level;flow"),
        ("level\tflow\n1\t2\n", "line 1: expected commas between the columns, not tabs: level\tflow"),
        (
            gzip.compress(b"level,flow\n1,2\n", mtime=0),
            "is packed; expected CSV as plain text: unpack it first",
        ),
        (
            "level,flow\n1,2\n".encode("utf-16"),
            "is UTF-16; expected UTF-8: iconv -f UTF-16 -t UTF-8 FILE > OTHER",
        ),
        ('level,flow\n1,"2\n', "line 2: not CSV: unexpected end of data"),
        (b"level,flow\n\xff,2\n", "not UTF-8 (invalid start byte)"),
    ],
)
def test_what_cannot_be_read_is_told(write, content, reason):
    path = write(content)
    with pytest.raises(ValueError) as caught:
        read(path, ["level", "flow"])
    assert str(caught.value) == f"{path}: {reason}"


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"none\.csv: cannot be read: No such file"):
        read(tmp_path / "none.csv", ["level"])


def test_what_counts_as_missing_and_as_a_separator_is_as_in_training():
    assert (MISSING, SEPARATORS) == (tables.MISSING, tables.SEPARATORS)
