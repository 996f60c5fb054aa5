"""Loops over signatures: padding stands behind rows, and a loop that does not end is stopped."""

import numpy as np
import pytest

from kerasapp.verify import loops
from kerasapp.verify.loops import Spec, runner

SPECS = {"read": {"ids": Spec([-1, -1], "int32"), "lengths": Spec([-1], "int32")}}


def test_rows_are_followed_by_values_that_must_not_count():
    seen = []
    run = runner(lambda name, inputs: seen.append(inputs) or {}, SPECS)
    run("read", {"ids": [[7, 8]], "lengths": [2]})
    assert seen[0]["ids"].tolist() == [[7, 8, *[8] * loops.PADDING]] and seen[0]["lengths"].tolist() == [2]
    assert seen[0]["ids"].dtype == np.int32


def test_a_loop_that_does_not_end_is_stopped(monkeypatch):
    monkeypatch.setattr(loops, "CALLS", 5)
    run, calls = runner(lambda name, inputs: {"ids": [1]}, SPECS), 0
    with pytest.raises(ValueError, match="does not end: 5 calls, and read is called again"):
        while True:
            run("read", {"ids": [[1]], "lengths": [1]})
            calls += 1
    assert calls == 5


def test_outputs_cannot_be_changed_in_place_whatever_the_runtime():
    run = runner(lambda name, inputs: {"ids": np.zeros([1, 2], np.int32), "text": [b"a"]}, SPECS)
    for array in run("read", {"ids": [[1]], "lengths": [1]}).values():
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[0]
