"""Knobs as arrays of one value per row; tests/test_kerasapp_spec.py has their ranges."""

import numpy as np
import pytest

from kerasapp.knobs import Knob, columns, range_in_words, texts

KNOBS = (
    Knob("n_best", int, 1, 1, 64, at_most="beam_size"),
    Knob("beam_size", int, 4, 1, 64),
    Knob("penalty", float, 0.5, 0.0, 2.0),
    Knob("stop", str, ""),
)


def test_a_value_is_for_all_rows_and_a_list_has_one_for_each():
    found = columns({"beam_size": [2, 3], "penalty": 1, "stop": "人"}, KNOBS, 2, "texts")
    assert {name: array.tolist() for name, array in found.items()} == {
        "n_best": [1, 1], "beam_size": [2, 3], "penalty": [1, 1], "stop": ["人".encode()] * 2
    }  # fmt: skip
    assert [array.dtype for array in found.values()] == [np.int32, np.int32, np.float32, object]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"beam": 1, "a": 2}, "unknown: a, beam; there are n_best, beam_size, penalty, stop"),
        ({"penalty": [1, 1, 1]}, "penalty: 3 values for 2 texts"),
        ({"beam_size": [4, 65]}, "beam_size: 65 is not a whole number from 1 to 64"),
        ({"beam_size": 1.5}, "beam_size: 1.5 is not a whole number from 1 to 64"),
        ({"penalty": -0.5}, "penalty: -0.5 is not a number from 0 to 2"),
        ({"penalty": float("nan")}, "penalty: nan is not a number from 0 to 2"),
        ({"beam_size": [8, 2], "n_best": 4}, "n_best: 4 is above beam_size, 2"),
    ],
)
def test_wrong_values_are_told(given, message):
    with pytest.raises(ValueError) as caught:
        columns(given, KNOBS, 2, "texts")
    assert str(caught.value) == message


def test_without_rows_there_is_nothing_to_check():
    assert [array.shape for array in columns({"penalty": 99}, KNOBS, 0, "texts").values()] == [(0,)] * 4


def test_texts_are_bytes_of_any_length_and_a_single_one_is_a_mistake():
    found = texts(["a\0", "é", "\udcff", b"\xff"])
    assert found.tolist() == [b"a\0", "é".encode(), b"\xff", b"\xff"] and found.dtype == object
    for one in ("abc", b"abc"):
        with pytest.raises(ValueError, match="a list of strings is expected"):
            texts(one)


def test_a_range_in_words():
    assert range_in_words(int, 1, 10_000) == "a whole number from 1 to 10000"
    assert range_in_words(float, 0.001, 86400) == "a number from 0.001 to 86400"


def test_a_knob_as_a_phone_and_a_page_know_it():
    assert KNOBS[0].described() == {
        "name": "n_best", "type": "int32", "default": 1, "help": "", "metavar": "N", "least": 1, "most": 64,
        "at_most": "beam_size",
    }  # fmt: skip
    assert KNOBS[3].described().keys() == {"name", "type", "default", "help", "metavar"}
    assert (KNOBS[0].flag, KNOBS[3].is_limited, KNOBS[2].is_limited) == ("--n-best", False, True)
    assert not Knob("seed", int, 0, -(2**31), 2**31 - 1).is_limited
