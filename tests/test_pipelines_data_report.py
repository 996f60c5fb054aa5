"""The data report as text and as JSON."""

import json

import numpy as np
import pytest

from pipelines.data_report import DataReport, Unknown, at_share, named, percent, visible
from pipelines.errors import DataError


def filled():
    report = DataReport("cipher")
    report.read |= {"lines": 1234567, "files": [f"a/long/path/to/file_{i}.txt" for i in range(9)]}
    report.tables["splits"] = {"train": {"items": 1000, "share": 0.25}, "valid": {"items": 7}}
    report.tables["wide"] = {"row": {f"column number {i}": i for i in range(9)}}
    report.drop("train", 5, 1000, "lines", "they are empty", [f"line {i}: empty" for i in range(8)])
    report.drop(None, 0, 1000, "lines", "nothing happened")
    report.add_lengths("train", np.array([1, 2, 3, 4, 100]), 50)
    report.examples.append("word " * 50)
    report.warnings.append("something is odd " * 9)
    return report


def test_the_text_fits_80_columns_and_says_all():
    lines = filled().lines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    for words in ("lines 1,234,567", "file_2.txt, and 6 more", "splits items share train 1,000 0.25 valid 7"):
        assert words in text
    assert "5 of 1,000 lines of train (0.5%): they are empty - line 0: empty" in text
    assert "- line 4: empty - and 3 more" in text and "line 5" not in text
    assert "median 95% longest limit train 3 100 100 50" in text and "row: column number 0 0" in text
    assert "nothing happened" not in text and text.count("something is odd") == 9


def test_the_json_has_all_and_stands_alone(tmp_path):
    report = filled()
    report.tables["splits"]["train"]["items"] = np.int64(3)
    report.save(tmp_path)
    read = json.loads((tmp_path / "data_report.json").read_text("utf-8"))
    assert read["splits"]["train"] == {"items": 3, "share": 0.25} and read["task"] == "cipher"
    assert len(read["dropped"]) == 1 and len(read["dropped"][0]["items"]) == 8
    assert read["warnings"] == report.warnings and read["refusals"] == []
    assert [path.name for path in tmp_path.iterdir()] == ["data_report.json"]


def test_a_refusal_is_an_error():
    report = DataReport("cipher")
    report.check()
    report.add_unknown([Unknown("the test split", 10, 10, {"x": 10})], "do this", allowed=False)
    report.check()  # of a tiny split
    report.add_unknown([Unknown("the test split", 55, 11, {"x": 11})], "do this", allowed=False)
    with pytest.raises(DataError, match=r"11 of 55 characters of the test split \(20%\) .*: x 11; do this; "):
        report.check()


def test_the_cure_is_told_once():
    report = DataReport("cipher")
    few = [Unknown(f"split {i}", 100, 2, {"x": 2}) for i in range(3)]
    report.add_unknown(few, "do this", allowed=False)
    assert len(report.warnings) == 3 and sum("do this" in line for line in report.warnings) == 1


def test_characters_are_named_as_they_can_be_read():
    letters = {"ж": 1500, "\n": 2, "\u0301": 1, **{chr(0x4E00 + i): 1 for i in range(20)}}
    assert named(letters).startswith("ж 1,500, U+000A 2, U+0301 1, 一 1") and named(letters).endswith(
        "11 more"
    )
    assert visible("a b\nc\t") == "a b⏎cU+0009"


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0%"), (1, "100%"), (0.764, "76%"), (0.0235, "2.4%"), (0.00013, "0.013%")]
)
def test_shares(share, text):
    assert percent(share) == text


def test_the_least_length_for_a_share():
    assert [at_share(np.arange(1, 101), share) for share in (0.5, 0.99, 1)] == [50, 99, 100]
