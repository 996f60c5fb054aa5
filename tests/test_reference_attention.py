"""The oracle's attention and decoder against central finite differences in float64, and a worked example."""

import numpy as np
import pytest
import reference_attention
import reference_decoder
from reference_differences import assert_gradients, attention_weights, cell_weights, normal

from kerasapp.layers.attention import ATTENTIONS

UNITS, FEATURES, SOURCE = 3, 2, 5


def attention_arguments(kind):
    query, memory = normal(0, 4 if kind == "dot" else 3), normal(1, SOURCE, 4)
    previous = np.abs(normal(2, SOURCE))
    return {"query": query, "memory": memory, "previous": previous}, attention_weights(kind, len(query), 4)


@pytest.mark.parametrize("real", [SOURCE, 2, 0])
@pytest.mark.parametrize("kind", ATTENTIONS)
def test_attention_has_the_gradients_of_finite_differences(kind, real):
    arguments, weights = attention_arguments(kind)
    mask = (np.arange(SOURCE) < real).astype(float)
    dcontext, dalignment = normal(3, 4), normal(4, SOURCE)

    def loss(query, memory, previous, **weights):
        context, alignment = reference_attention.attention(kind, query, memory, mask, previous, weights)
        return np.sum(dcontext * context) + np.sum(dalignment * alignment)

    found = reference_attention.attention_back(
        kind, dcontext, dalignment, **arguments, mask=mask, weights=weights
    )
    assert_gradients(loss, {**arguments, **weights}, found)
    assert real or not any(np.any(gradient) for gradient in found.values())


def test_attention_worked_by_hand():
    """Scores ln 3 and 0: three quarters of the first element and one of the second."""
    query, memory, mask = np.array([np.log(3), 0.0]), np.array([[1.0, 4.0], [0.0, 8.0]]), np.ones(2)
    context, alignment = reference_attention.attention("dot", query, memory, mask, np.zeros(2), {})
    np.testing.assert_allclose(alignment, [0.75, 0.25])
    np.testing.assert_allclose(context, [0.75, 5.0])


@pytest.mark.parametrize(("cell", "kind"), [("lstm", "location"), ("gru", "multi_head"), ("gru", "none")])
def test_the_decoder_has_the_gradients_of_finite_differences(cell, kind):
    count, time = (2 if cell == "lstm" else 1), 3
    x, memory, first = normal(0, time, FEATURES), normal(1, SOURCE, 4), normal(2, count, UNITS)
    mask = (np.arange(SOURCE) < 4).astype(float)
    weights = {
        "cell": cell_weights(cell, FEATURES + UNITS, UNITS),
        "attention": attention_weights(kind, UNITS, 4),
        "output": {"kernel": normal(9, 4 + UNITS, UNITS), "bias": normal(10, UNITS)},
    }
    flat = {f"{part} {n}": w for part in weights for n, w in weights[part].items()}
    dvectors, dalignments = normal(3, time, UNITS), normal(4, time, SOURCE)

    def run(x, memory, first, **flat):
        parts = {part: {} for part in weights}
        for name, w in flat.items():
            parts[name.split()[0]][name.split()[1]] = w
        return reference_decoder.decoder(cell, kind, x, memory, mask, tuple(first), parts)

    def loss(**arguments):
        vectors, alignments, _ = run(**arguments)
        return np.sum(dvectors * vectors) + np.sum(dalignments * alignments)

    arguments = {"x": x, "memory": memory, "first": first, **flat}
    dx, dmemory, dfirst, dweights = reference_decoder.decoder_back(
        cell, kind, dvectors, dalignments, x, memory, mask, tuple(first), run(**arguments)[2], weights
    )
    found = {"x": dx, "memory": dmemory, "first": np.stack(dfirst)}
    found |= {f"{part} {n}": g for part in dweights for n, g in dweights[part].items()}
    assert_gradients(loss, arguments, found)
