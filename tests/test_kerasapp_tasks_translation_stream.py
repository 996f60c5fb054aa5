"""A translation token by token over signatures in plain Python: bytes are tokens."""

import numpy as np
import pytest
from byte_model import ByteModel, strings

from kerasapp.serving.rest.streamed_text import End
from kerasapp.tasks.translation.stream import translate


def translated(model, source="ab"):
    ratios = {"min_ratio": np.zeros([1], np.float32), "max_ratio": np.full([1], 2, np.float32)}
    *pieces, end = translate(model, {"source": strings(source), **ratios}, None)
    assert "".join(piece.text for piece in pieces) == end.text
    return end


@pytest.mark.parametrize("reason", ["end", "length"])
def test_a_translation_ends_where_the_model_says(reason):
    assert translated(ByteModel("un café", reason)) == End("un café", reason, 8)


def test_an_empty_translation():
    model = ByteModel("")
    assert translated(model) == End("", "end", 0)
    assert model.calls == ["tokenize", "encode", "greedy"]
