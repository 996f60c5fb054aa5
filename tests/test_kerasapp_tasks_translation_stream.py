"""A translation token by token over signatures in plain Python: bytes are tokens."""

from itertools import chain

import numpy as np
import pytest
from byte_model import ByteModel, strings

from kerasapp.serving.rest.streamed_text import MOST, End
from kerasapp.tasks.translation.stream import translate


def translated(model, source="ab", most=MOST):
    ratios = {"min_ratio": np.zeros([1], np.float32), "max_ratio": np.full([1], 2, np.float32)}
    *pieces, end = chain.from_iterable(translate(model, {"source": strings(source), **ratios}, None, most))
    assert "".join(piece.text for piece in pieces) == end.text
    return end


@pytest.mark.parametrize("most", [1, 2, MOST])
@pytest.mark.parametrize("reason", ["end", "length"])
def test_a_translation_ends_where_the_model_says(reason, most):
    assert translated(ByteModel("un café", reason), most=most) == End("un café", reason, 8)


def test_a_long_translation_takes_few_calls_of_the_model():
    model = ByteModel("a" * 95)
    assert translated(model) == End("a" * 95, "end", 95)
    assert model.calls.count("greedy_many") == 8  # of 1, 2, 4, 8 and 16 tokens, and three of 32


def test_an_empty_translation():
    model = ByteModel("")
    assert translated(model) == End("", "end", 0)
    assert model.calls == ["tokenize", "encode", "greedy_many"]
