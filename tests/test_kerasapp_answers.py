"""Answers of a model that is asked in batches: each row's own, in the order of the rows."""

import threading

import numpy as np
import pytest

from kerasapp import answers
from kerasapp.answers import Answers


class Doubler(Answers):
    """A model that doubles numbers, and counts the letters of a text and the end token."""

    def __init__(self):
        super().__init__(self.asked)
        self.requests = []

    def asked(self, signature, inputs):
        self.requests.append((signature, {name: len(values) for name, values in inputs.items()}))
        if signature == "tokenize":
            return {"lengths": np.array([len(text) + 1 for text in inputs["text"]], np.int32)}
        return {"twice": 2 * inputs["x"], "own": inputs["x"]}


@pytest.mark.parametrize("side_by_side", [1, 2])
def test_rows_come_in_their_order(side_by_side):
    model, shares = Doubler(), []
    batches = [np.array([3, 0]), [4], [1, 2]]
    rows = model._rows("double", {"x": np.arange(5)}, batches, shares.append, side_by_side)
    assert rows == [{"twice": 2 * i, "own": i} for i in range(5)]
    assert shares == [0.4, 0.6, 1.0]
    assert sorted(count["x"] for _, count in model.requests) == [1, 2, 2]


def test_no_row_is_no_request():
    model = Doubler()
    assert model._rows("double", {"x": np.arange(0)}, []) == [] and model.requests == []


def test_two_requests_are_made_at_the_same_time():
    both = threading.Barrier(2, timeout=30)

    class Patient(Doubler):
        def asked(self, signature, inputs):
            both.wait()
            return super().asked(signature, inputs)

    assert len(Patient()._rows("double", {"x": np.arange(2)}, [[0], [1]], side_by_side=2)) == 2


def test_tokens_are_counted_in_requests_of_bounded_size(monkeypatch):
    monkeypatch.setattr(answers, "COUNTED_AT_ONCE", 2)
    model = Doubler()
    assert model._token_counts(["a", "", "ccc", "dd", "e"]).tolist() == [1, 0, 3, 2, 1]
    assert [count["text"] for _, count in model.requests] == [2, 2, 1]
    assert model._token_counts([]).tolist() == []
