"""Features of texts, written out by hand."""

import numpy as np
import pytest

from kerasapp.inspection.features import of_text


def values(text, name):
    (found,) = [feature.values for feature in of_text(text) if feature.name == name]
    return found.astype(int).tolist()


def marks(text, pattern):
    """A row of the same length as the text, 1 where the pattern has an x."""
    assert len(text) == len(pattern)
    return [int(mark == "x") for mark in pattern]


@pytest.mark.parametrize(
    ("name", "text", "pattern"),
    [
        ("inside quotation", 'a "b c" d', "..xxxx..."),
        ("inside quotation", "“ab” c “", "xxx....x"),
        ("inside quotation", "说：「好。」他", "..xxx.."),
        ("inside quotation", '"a\n\nb "c"', "xxx...xx."),  # ends with its paragraph
        ("inside quotation", '"a\r\n\r\nb', "xxxxx.."),
        ("inside brackets", "(a\r\n\r\nb", "xxxxx.."),
        ("inside quotation", "it's “x”", ".....xx."),
        ("inside brackets", "a (b [c] d) e", "..xxxxxxxx..."),
        ("inside brackets", "a) (b\n\nc", "...xxx.."),
        ("between words", "don't go, 7", ".....x..xx."),
        ("between clauses", "床前，疑 是\n", "..x.x.x"[:7]),
        ("sign", "don't go: 7", "...x....x.."),
        ("line break", "a\nb", ".x."),
        ("capital letter", "aB É", ".x.x"),
        ("vowel", "Only", "x..x"),
        ("digit", "a1 2", ".x.x"),
    ],
)
def test_what_is_true_or_not(name, text, pattern):
    assert values(text, name) == marks(text, pattern)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("position in the line", "ab\nc\n", [1, 2, 0, 1, 0]),
        ("position in the word", "ab, cd’s", [1, 2, 0, 0, 1, 2, 3, 4]),
        ("position in the word", "e\u0301t a", [1, 2, 3, 0, 1]),  # the accent is a character of its own
        ("position in the clause", "床前，疑是", [1, 2, 0, 1, 2]),
        ("position in the sentence", "A b. C", [1, 2, 3, 0, 1, 2]),
    ],
)
def test_positions(name, text, expected):
    assert values(text, name) == expected


def test_a_feature_that_does_not_vary_is_none():
    assert of_text("") == []
    assert "digit" not in [feature.name for feature in of_text("abc")]
    assert all(np.ptp(feature.values) > 0 for feature in of_text("Abc. (“1”)\n"))
