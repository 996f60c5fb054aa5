"""CSV files as tables of numbers: what is read, and each error with its file, line and column."""

import gzip

import numpy as np
import pytest

from pipelines import tables
from pipelines.errors import DataError


def test_columns_dates_and_several_files(write):
    first = write("day,a,b\n2024-02-28,1,-2.5\n2024-02-29,3e2,0\n\n")
    second = write('\ufeffday,a,b\r\n"2024-03-01", 7 ,.5\r\n', "b.csv")
    table = tables.read([first, second], date="day")
    assert table.columns == ("a", "b")
    np.testing.assert_array_equal(table.values, [[1, -2.5], [300, 0], [7, 0.5]])
    assert list(table.dates) == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert table.following(2) == ("date", ["2024-03-02", "2024-03-03"])
    chosen = tables.read([first], columns=["b", "a"])
    assert chosen.columns == ("b", "a") and chosen.dates is None
    np.testing.assert_array_equal(chosen.values, [[-2.5, 1], [0, 300]])
    assert chosen.following(2) == ("step", ["3", "4"])
    table = tables.read([second], columns=["a"], date="month", may_lack_dates=True)
    assert table.columns == ("a",) and table.dates is None
    assert list(tables.read([second], date="day", may_lack_dates=True).dates) == ["2024-03-01"]


def test_gzip_and_the_sample(tmp_path, write):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a\n1\n2\n"))
    np.testing.assert_array_equal(tables.read([tmp_path / "a.csv.gz"]).values, [[1], [2]])
    assert len(tables.read([write("\na\n1\n2\n\n")]).values) == 2  # no value is missing around them
    sunspots = tables.read(["sample:sunspots"], date="month")
    assert sunspots.columns == ("sunspots",) and sunspots.values.shape == (3120, 1)
    assert sunspots.following(2) == ("date", ["2009-01", "2009-02"])
    # Of the year with the largest mean, 1957, the yearly number that NOAA gives is 190.2.
    yearly = sunspots.values.reshape(-1, 12).mean(axis=1)
    assert 1749 + yearly.argmax() == 1957 and abs(yearly.max() - 190.2) < 0.5


def test_uneven_dates_are_not_continued(write):
    table = tables.read([write("d,a\n2024-01-01,1\n2024-01-03,2\n2024-01-04,3\n")], date="d")
    assert table.following(1) == ("step", ["4"])


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,b\n1,2\n3,\n", {}, "line 3, column b: a value is missing"),
        ("a\n1\nfew\n", {}, "line 3, column a: 'few' is not a number"),
        ("a\n1\nnan\n", {}, "line 3, column a: a value is missing (nan)"),
        ("a\n1\n\n3\n", {}, "line 3: a value is missing"),
        ("a\n1\n-inf\n", {}, "line 3, column a: -inf is infinite"),
        ("a\n1\n1e400\n", {}, "line 3, column a: 1e400 is beyond the largest number, 1.8e+308"),
        ('a\n"1,234.5"\n', {}, "line 2, column a: '1,234.5' is not a number"),
        ('a\n"1,5"\n', {}, "write it with a point"),
        ('a\n"1,234,567"\n', {}, "write it with a point and digits alone"),
        ("a\n$5.20\n", {}, "'$5.20' is not a number; write it with a point and digits alone"),
        ("a\n7.5%\n", {}, "write it with a point and digits alone"),
        ("a\n\u22127\n", {}, "write it with a point and digits alone"),
        ("a\n12 kWh\n", {}, "write it with a point and digits alone"),
        ("a\n1 234.5\n", {}, "write it with a point and digits alone"),
        ("a\n12:30\n", {}, "'12:30' is not a number; choose columns of numbers"),
        ("a,b\n1,2,\n", {}, "line 2: 3 values for 2 columns: the line ends with a comma; remove it"),
        ("a,b\n1,2,5\n", {}, "line 2: 3 values for 2 columns: no number is written with commas"),
        ("a,b,\n1,2,\n", {}, "line 1: column 3 has no name: the line ends with a comma; remove"),
        ("\n\n", {}, "line 1: expected the names of the columns; all lines are blank"),
        ("sep=,\na,b\n1,2\n", {}, "line 1: expected the names of the columns, not sep=; remove the line"),
        ("a;b\n1,5;2\n", {}, "tr ',;' '.,' < "),
        ("a\tb\n1\t2\n", {}, "tr ',\\t' '.,' < "),
        ('a\n1\n"2\n3\n4\n', {}, "line 3: not CSV"),
        ("d,a\n2024-02,1\n2024-01,2\n", {"date": "d"}, "after 2024-02; expected the oldest line"),
        ("d,a\n2024-01-01T02:00,1\n2024-01-01T02:00,2\n", {"date": "d"}, "; an hour that is there"),
        ("d,a\n2024-02-01,1\n2024-02-01,2\n", {"date": "d"}, "each date once; pandas.pivot_table gives"),
        ("d,a\n2024-02,1\n2024-01,2\n", {"date": "d"}, "(head -n 1 FILE; tail -n +2 FILE | tac) > oldest"),
        ("d,a\n1704067200,1\n", {"date": "d"}, "such as by pandas.to_datetime(..., unit='s'), or"),
        ("d,a\n1704067200000,1\n", {"date": "d"}, "pandas.to_datetime(..., unit='ms'), or leave it out"),
        ("d,a\n45292.5,1\n", {"date": "d"}, "to_datetime(..., unit='D', origin='1899-12-30'), or leave"),
        ("d,a\n31.1.2024,1\n", {"date": "d"}, "such as by pandas.to_datetime(..., dayfirst=True), or"),
        ("d,a\nJan 2024,1\n", {"date": "d"}, "such as by pandas.to_datetime(...), or leave it out"),
        ("d,a\n,kWh\n2024,1\n", {"date": "d"}, "with --data.columns, or remove the line if it has"),
        ("<!DOCTYPE html>\n<p>\n", {}, "line 1: expected the names of the columns; this looks like HTML"),
        ("# Source: us\na\n1\n", {}, "line 1: expected the names of the columns, not a remark: #"),
        ("d,a\n2024-W01,1\n", {"date": "d"}, "or leave it out: name the other columns with --data.columns"),
        ("day,a\n2024-01-01,1\n", {}, "line 2, column day: '2024-01-01' is a date, not a number; give "
                                      "--data.date day (forecast: --date day)"),
        ("day;a\n2024-01-01;1\n", {}, "line 1: expected commas between the columns, not semicolons: day;a"),
        (",a\n0,1\n", {}, "line 1: column 1 has no name"),
        ("2024-01-01,5\n2024-01-02,6\n", {}, "line 1: expected the names of the columns, not values"),
        ("a\n1\n1_000\n", {}, "line 3, column a: '1_000' is not a number"),
        ("a,b\n1,2\n3\n", {}, "line 3: 1 values for 2 columns"),
        ("1,2\n3,4\n", {}, "line 1: expected the names"),
        ("a,a\n3,4\n", {}, "line 1: expected the names of the columns, each once"),
        ("a\n1\n", {"columns": ["b"]}, "line 1: no column 'b'; there is a"),
        ("d\n2024\n", {"date": "d"}, "line 1: no column beside 'd'"),
        ("d,a\n2024-01,1\n2024-01,2\n", {"date": "d"}, "line 3, column d: 2024-01 does not come after"),
        ("d,a\ntoday,1\n", {"date": "d"}, "line 2, column d: 'today' is not a date"),
        ("d,a\n2024-13,1\n", {"date": "d"}, "line 2, column d: '2024-13' is not a date"),
        ("d,a\n2024-01,1\n2024-02-01,2\n", {"date": "d"}, "'2024-02-01' does not have the form of"),
        ("d,a\n20240131,1\n202402,2\n", {"date": "d"}, "'202402' does not have the form of the date before"),
        ("d,a\n2024-01-31T00:00Z,1\n2024-01-31T01:00,2\n", {"date": "d"}, "does not have the form of"),
        ("d,a\n2024-03-31T02:30+01:00,1\n2024-03-31T03:00+02:00,2\n", {"date": "d"}, "does not come after"),
        ("d,a\n1704067200,1\n", {"date": "d"}, "'1704067200' is not a date"),
        ('a\n"1\n', {}, "not CSV"),
        ("", {}, "the file is empty"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(write, text, options, message):
    path = write(text)
    with pytest.raises(DataError) as error:
        tables.read([path], **options)
    assert str(error.value).startswith(f"{path}: ") and message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_given_twice(write, tmp_path):
    path = write("# a\n1\n")  # a name, as other programs write it
    assert tables.read([path]).columns == ("# a",)
    (tmp_path / "link.csv").symlink_to(path)
    with pytest.raises(DataError, match=r"link\.csv: is given twice"):
        tables.read([path, tmp_path / "link.csv"])


def test_files_of_other_columns(write):
    with pytest.raises(DataError, match=r"b.csv: line 1: the columns b are not a"):
        tables.read([write("a\n1\n"), write("b\n1\n", "b.csv")])
    with pytest.raises(DataError, match="no files"):
        tables.read([])
