"""Reading pairs of sentences, and splitting them by the sentences they share."""

import gzip
import random
import re

import numpy as np
import pytest

from pipelines.errors import DataError
from pipelines.parallel.pairs import LEFT_OUT, Digesting, assign, read_aligned, read_lines, read_table

LINES = ["Füße \u2028 hoch", "e\u0301\x85\x0bé", "春眠\u3000不覺曉", "a", "  b\tc  "]


@pytest.fixture(params=[1, 3, 2**21])
def piece(request, monkeypatch):
    """Sizes of pieces that cut lines and characters, and one that takes all at once."""
    monkeypatch.setattr("pipelines.files.PIECE", request.param)
    return request.param


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="pairs.tsv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


@pytest.mark.parametrize("end", ["", "\n"])
def test_lines_end_at_line_feeds_alone(piece, write, end):
    expected = ["Füße \u2028 hoch", "é\x85\x0bé", *LINES[2:]]  # NFC composes e and the accent
    assert list(read_lines(write("\n".join(LINES) + end), "NFC")) == expected


def test_lines_without_normalisation_stay(write):
    assert list(read_lines(write("\n".join(LINES) + "\n\n"), "none")) == [*LINES, ""]


@pytest.mark.parametrize("packed", [False, True])
def test_a_table_by_hand(piece, write, packed):
    text = "\ufeffHi.\t嗨。\tCC-BY 2.0\r\n source\ttarget\r\na  b\u3000c\u2028d\te\u0301\x85\t\r\n"
    path = write(gzip.compress(text.encode()) if packed else text)
    assert list(read_table(path, "NFC")) == [("Hi.", "嗨。"), ("source", "target"), ("a b c d", "é")]


def test_aligned_files_by_hand(piece, write):
    first, second = (
        write("\ufeffone\r\n two  2\n3", "a.txt"),
        write(gzip.compress(b"eins\nzwei\t2\ndrei\n"), "b.gz"),
    )
    assert list(read_aligned(first, second, "NFC")) == [("one", "eins"), ("two 2", "zwei 2"), ("3", "drei")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tb\nc\n", "pairs.tsv: line 2: 1 column; expected"),
        ("a\tb\n\nc\td\n", "pairs.tsv: line 2: 1 column; expected"),
        ("a\tb\tc\td\n", "pairs.tsv: line 1: 4 columns; expected"),
        ("a\tb\n\tb\n", "pairs.tsv: line 2: column 1 is empty"),
        ("a\tb\nc\t\u3000\u2028 \tx\n", "pairs.tsv: line 2: column 2 is empty"),
        ("a\tb\r\nc\t\r\n", "pairs.tsv: line 2: column 2 is empty"),
        (b"a\tb\nc\td\xff\n", "pairs.tsv: byte 7, line 2: not UTF-8"),
        ("", "pairs.tsv: the file is empty"),
        (None, "pairs.tsv: no such file"),
    ],
)
def test_an_unusable_table_is_named_with_its_line(piece, write, tmp_path, content, message):
    path = tmp_path / "pairs.tsv" if content is None else write(content)
    with pytest.raises(DataError, match=re.escape(message)) as error:
        list(read_table(path, "NFC"))
    assert "\n" not in str(error.value)


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


def parts_of(pairs, fractions):
    digesting = Digesting()
    assert list(digesting.through(iter(pairs))) == pairs
    return assign(digesting.digests(), fractions)


def random_pairs(count, sentences, seed):
    rng = random.Random(seed)
    return [(f"s{rng.randrange(sentences)}", f"t{rng.randrange(sentences)}") for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_no_sentence_is_in_two_parts(seed):
    pairs = random_pairs(2000, 6000, seed)
    parts = parts_of(pairs, [0.8, 0.1, 0.1])
    for side in (0, 1):
        seen = {}
        for pair, part in zip(pairs, parts, strict=True):
            assert seen.setdefault(pair[side], part) in (part, LEFT_OUT) or part == LEFT_OUT
    # Groups here are small, so the shares are met closely.
    sizes = np.bincount(parts, minlength=3)
    assert abs(sizes[1] - 200) < 10 and abs(sizes[2] - 200) < 10


def test_a_long_chain_is_one_group():
    chain = [(f"s{i // 2}", f"t{(i + 1) // 2}") for i in range(999)]
    random.Random(0).shuffle(chain)
    others = [(f"x{i}", f"y{i}") for i in range(1001)]
    parts = parts_of(chain + others, [0.6, 0.2, 0.2])
    assert set(parts[:999]) == {0}  # too large for another part
    assert np.bincount(parts[999:], minlength=3).tolist() == [201, 400, 400]


def test_pairs_alone_meet_the_fractions_exactly():
    pairs = [(f"s{i}", f"t{i}") for i in range(1000)]
    for fractions in ([0.9, 0.05, 0.05], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]):
        counts = np.bincount(parts_of(pairs, fractions), minlength=3)
        assert counts.tolist() == [1000 * fraction for fraction in fractions]


def test_the_split_depends_on_which_pairs_there_are_alone():
    pairs = sorted(set(random_pairs(500, 1500, seed=3)))
    parts = dict(zip(pairs, parts_of(pairs, [0.8, 0.1, 0.1]), strict=True))
    random.Random(1).shuffle(pairs)
    assert parts == dict(zip(pairs, parts_of(pairs, [0.8, 0.1, 0.1]), strict=True))
    turned = [pair[::-1] for pair in pairs]
    assert list(parts_of(turned, [0.8, 0.1, 0.1])) == [parts[pair] for pair in pairs]


def test_the_split_stays_what_it_is():
    # Written down when first made: a later version must not move test sentences into the training part.
    assert parts_of([(f"s{i}", f"t{i}") for i in range(12)], [0.5, 0.25, 0.25]).tolist() == [
        0,
        1,
        2,
        0,
        2,
        0,
        0,
        1,
        2,
        1,
        0,
        0,
    ]


def test_repeated_training_pairs_are_left_out():
    pairs = [("a", "b"), ("c", "d"), ("a", "b"), ("a", "e"), ("a", "b")]
    assert parts_of(pairs, [1.0, 0.0, 0.0]).tolist() == [0, 0, LEFT_OUT, 0, LEFT_OUT]
    assert parts_of(pairs, [0.0, 0.0, 1.0]).tolist() == [2, 2, 2, 2, 2]


def test_capitals_make_another_sentence_and_sides_are_apart():
    # "a" and "A" differ; "b" as a source is not "b" as a target: four groups, so each fraction is met.
    pairs = [("a", "b"), ("A", "c"), ("b", "d"), ("d", "a")]
    assert np.bincount(parts_of(pairs, [0.5, 0.25, 0.25]), minlength=3).tolist() == [2, 1, 1]
