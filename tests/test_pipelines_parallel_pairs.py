"""Reading pairs of sentences: tables, aligned files, and each error with its file and line."""

import gzip
import re

import pytest

from pipelines.errors import DataError
from pipelines.parallel.pairs import Counted, read_aligned, read_lines, read_table

LINES = ["Füße \u2028 hoch", "e\u0301\x85\x0bé", "春眠\u3000不覺曉", "a", "  b\tc  "]


@pytest.fixture(params=[1, 3, 2**21])
def piece(request, monkeypatch):
    """Sizes of pieces that cut lines and characters, and one that takes all at once."""
    monkeypatch.setattr("pipelines.files.PIECE", request.param)
    return request.param


@pytest.mark.parametrize("end", ["", "\n"])
def test_lines_end_at_line_feeds_alone(piece, write, end):
    expected = ["Füße \u2028 hoch", "é\x85\x0bé", *LINES[2:]]  # NFC composes e and the accent
    assert list(read_lines(write("\n".join(LINES) + end), "NFC")) == expected


def test_lines_without_normalisation_stay(write):
    assert list(read_lines(write("\n".join(LINES) + "\n\n"), "none")) == [*LINES, ""]


@pytest.mark.parametrize("packed", [False, True])
def test_a_table_by_hand(piece, write, packed):
    text = "\ufeffHi.\t嗨。\tCC-BY 2.0\r\n source\ttarget\t\r\na  b\u3000c\u2028d\te\u0301\x85\t\r\n"
    path = write(gzip.compress(text.encode()) if packed else text)
    assert list(read_table(path, "NFC")) == [("Hi.", "嗨。"), ("source", "target"), ("a b c d", "é")]


def test_aligned_files_by_hand(piece, write):
    first = write("\ufeffone\r\n two  2\n3", "a.txt")
    second = write(gzip.compress(b"eins\nzwei\t2\ndrei\n"), "b.gz")
    assert list(read_aligned(first, second, "NFC")) == [("one", "eins"), ("two 2", "zwei 2"), ("3", "drei")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tb\nc\n", "data.txt: line 2: 1 column; expected"),
        ("a\tb\n\nc\td\n", "data.txt: line 2: 1 column; expected"),
        ("a\tb\tc\td\n", "data.txt: line 1: 4 columns; expected"),
        ("a\tb\n\tb\n", "data.txt: line 2: column 1 is empty"),
        ("a\tb\tx\nc\t\u3000\u2028 \tx\n", "data.txt: line 2: column 2 is empty"),
        ("a\tb\r\nc\t\r\n", "data.txt: line 2: column 2 is empty"),
        (
            "a\tb\nc\td\te\n",
            "data.txt: line 2: 3 columns, and 2 in the lines before; a tab",
        ),
        ("a\tb\tx\nc\td\n", "data.txt: line 2: 2 columns, and 3 in the lines before"),
        (b"a\tb\nc\td\xff\n", "data.txt: byte 7, line 2: not UTF-8"),
        ("", "data.txt: the file is empty"),
        (None, "data.txt: no such file"),
    ],
)
def test_an_unusable_table_is_named_with_its_line(piece, write, tmp_path, content, message):
    path = tmp_path / "data.txt" if content is None else write(content)
    with pytest.raises(DataError, match=re.escape(message)) as error:
        list(read_table(path, "NFC"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "kept"), [("en\tde\tHello there\tGuten Tag", "3,4"), ("Hello there\ten\tGuten Tag\tde", "1,3")]
)
def test_of_more_columns_the_longest_are_kept(write, line, kept):
    with pytest.raises(DataError, match=f"4 columns; .*such as the longest: cut -f{kept} "):
        list(read_table(write(line), "NFC"))


@pytest.mark.parametrize(("ids", "refused"), [(5, False), (6, True)])
def test_ids_in_the_first_of_three_columns_are_refused(write, ids, refused):
    names = [f"train-{i}" if i < ids else f"Good day {i}" for i in range(10)]
    path = write("".join(f"{name}\tGood day\tGuten Tag\n" for name in names))
    if refused:
        with pytest.raises(DataError, match=r"an id in 6 of 10 lines; .*: cut -f2,3 "):
            list(read_table(path, "NFC"))
    else:
        assert len(list(read_table(path, "NFC"))) == 10
    single = write("".join(f"Word{i}\tWort{i}\tx\n" for i in range(10)))  # beside a word it is one
    assert len(list(read_table(single, "NFC"))) == 10


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("a\nb\nc\n", "x\n", r"a\.txt: ends after line 3, but .*b\.txt after line 1;"),
        ("a\n", "x\ny\nz", r"a\.txt: ends after line 1, but .*b\.txt after line 3;"),
        ("a\nb\n", "x\ny\n\n", r"a\.txt: ends after line 2, but .*b\.txt after line 3;"),
        ("a\n\nc\n", "x\ny\nz\n", r"a\.txt: line 2: the line is empty"),
        ("a\nb\n", "x\n \t\n", r"b\.txt: line 2: the line is empty"),
        ("a\nb\n", b"x\n\xe6\n", r"b\.txt: byte 2, line 2: not UTF-8"),
    ],
)
def test_unusable_aligned_files_are_named(piece, write, first, second, message):
    with pytest.raises(DataError, match=message) as error:
        list(read_aligned(write(first, "a.txt"), write(second, "b.txt"), "NFC"))
    assert "\n" not in str(error.value)


def test_blank_lines_are_left_out_and_counted(piece, write):
    table = Counted(read_table(write("a\tb\n\nc\t \n\td\n  \ne\tf\n"), "NFC", blank=True))
    assert list(table) == [("a", "b"), ("e", "f")]
    assert (table.count, table.blank, table.first) == (6, 4, ("a", "b"))
    first, second = write("one\n\n3\n\n5\n", "a.txt"), write("eins\n\n\nvier\nfünf\n", "b.txt")
    aligned = Counted(read_aligned(first, second, "NFC", blank=True))
    assert list(aligned) == [("one", "eins"), ("5", "fünf")] and (aligned.count, aligned.blank) == (5, 3)
    with pytest.raises(DataError, match=r"line 2: the line is empty; .* \(--data\.blank_lines skip"):
        list(read_aligned(first, second, "NFC"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\tone\teins\n2\ttwo\tzwei\n", "2 of 2 lines; .*: cut -f2,3 .*data.txt > pairs.tsv"),
        ("1\tone\t2\teins\n", "line 1: 4 columns; .*; to keep two columns, .*: cut -f2,4 "),
        ("one,eins\n", "line 1: 1 column; .*; of CSV: python -c .*delimiter=','"),
        ("one;eins\n", "delimiter=';'"),
        ("one ||| eins\n", "to have tabs: sed 's/ [*]"),
        ('{"en": "one"}\n', "this looks like JSON"),
    ],
)
def test_files_of_other_columns_are_named_with_the_command_that_helps(write, text, message):
    with pytest.raises(DataError, match=message):
        list(read_table(write(text), "NFC"))


def test_odd_pairs_and_suspicious_characters_are_counted():
    pairs = Counted(
        [("17", "one"), ("one", "0.5"), ("s7", "a b"), ("a", "a"), ('"a"', '"b"'), ("a", "b\ufffd"), ("", "")]
    )
    assert len(list(pairs)) == 6 and list(pairs.odd.values()) == [1, 1, 1, 1, 1]
    assert pairs.suspects.counts()["replacement characters (U+FFFD)"] == 1
