from pathlib import Path
from typing import Annotated, Literal

import pytest

from kerasapp.config.checks import Note, Range, check
from kerasapp.errors import ConfigError

Share = Annotated[float, Range(least=0, below=1)]


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (float, 1, 1.0),
        (float, "5e-3", 0.005),  # PyYAML reads it as text
        (int, 3, 3),
        (int | None, None, None),
        (bool, False, False),
        (str, Path("a/b.txt"), "a/b.txt"),
        (Literal["lstm", "gru"], "gru", "gru"),
        (tuple[str, ...], ["a", "b"], ("a", "b")),
        (tuple[str, ...], [], ()),
        (tuple[Share, Share], [0, 0.5], (0.0, 0.5)),
        (Annotated[int, Range(least=1)] | None, 1, 1),
        (Annotated[float, Range(above=0, most=1)], 1, 1.0),
    ],
)
def test_check_converts(hint, value, expected):
    result = check("key", hint, value)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("hint", "value", "message"),
    [
        (int, 1.5, "key: 1.5 is not a whole number"),
        (int, 2.0, "key: 2.0 is not a whole number"),
        (int, True, "key: true is not a whole number"),
        (int, "3", 'key: "3" is not a whole number'),
        (int, None, "key: null is not a whole number"),
        (float, "fast", 'key: "fast" is not a number'),
        (float, float("nan"), "key: NaN is not a number"),
        (float, "inf", 'key: "inf" is not a number'),
        (float, True, "key: true is not a number"),
        (bool, 1, "key: 1 is not true or false"),
        (str, 1, "key: 1 is not a text"),
        (Literal["lstm", "gru"], "rnn", 'key: "rnn" is not one of lstm, gru'),
        (Annotated[Literal["a"], Note("b is not supported yet")], "b",
         'key: "b" is not one of a (b is not supported yet)'),
        (tuple[str, ...], "a.txt", 'key: "a.txt" is not a list, each item a text'),
        (tuple[float, float], [1], "key: [1] is not a list of 2, each item a number"),
        (Share, 1, "key: 1 is not a number of at least 0 and below 1"),
        (Share, -1e-9, "key: -1e-09 is not a number of at least 0 and below 1"),
        (Annotated[float, Range(above=0, most=60)], 0, "key: 0 is not a number above 0 and at most 60"),
        (Annotated[float, Range(above=0, most=60)], 61, "key: 61 is not a number above 0 and at most 60"),
        (Annotated[int, Range(least=1)] | None, 0, "key: 0 is not a whole number of at least 1, or null"),
        (tuple[Share, Share], [0.5, 1.5],
         "key: [0.5, 1.5] is not a list of 2, each item a number of at least 0 and below 1"),
        (str, ["two\nlines"], 'key: ["two\\nlines"] is not a text'),
    ],
)  # fmt: skip
def test_check_refuses(hint, value, message):
    with pytest.raises(ConfigError) as caught:
        check("key", hint, value)
    assert str(caught.value) == message
