"""The oracle's recurrent layers against central finite differences in float64, and a worked example."""

import numpy as np
import pytest
import reference_recurrent
from reference_differences import GATES, assert_gradients, cell_weights, normal

UNITS, FEATURES = 3, 2


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("cell", GATES)
def test_backpropagation_through_time_is_that_of_finite_differences(cell, masked):
    count, weights = (2 if cell == "lstm" else 1), cell_weights(cell, FEATURES, UNITS)
    mask = np.array([0, 1, 0, 0, 1, 0]) if masked else None
    x, first = normal(0, 6, FEATURES), normal(4, count, UNITS)
    doutputs, dlast = normal(5, 6, UNITS), normal(6, count, UNITS)

    def loss(x, first, **weights):
        outputs, last, _ = reference_recurrent.recurrent(cell, x, tuple(first), weights, mask)
        return np.sum(doutputs * outputs) + np.sum(dlast * np.stack(last))

    _, _, saved = reference_recurrent.recurrent(cell, x, tuple(first), weights, mask)
    dx, dfirst, dweights = reference_recurrent.recurrent_back(cell, doutputs, tuple(dlast), x, saved, weights)
    found = {"x": dx, "first": np.stack(dfirst), **dweights}
    assert_gradients(loss, {"x": x, "first": first, **weights}, found)


@pytest.mark.parametrize("cell", GATES)
def test_both_directions_have_the_gradients_of_finite_differences(cell):
    x, dy = normal(0, 4, FEATURES), normal(1, 4, 2 * UNITS)
    forward, backward = (
        cell_weights(cell, FEATURES, UNITS, seed=2),
        cell_weights(cell, FEATURES, UNITS, seed=5),
    )
    found = reference_recurrent.bidirectional_back(cell, dy, x, forward, backward)

    def loss(x, kernel, recurrent_kernel):
        half = {**backward, "kernel": kernel, "recurrent_kernel": recurrent_kernel}
        return np.sum(dy * reference_recurrent.bidirectional(cell, x, forward, half))

    arguments = {"x": x, "kernel": backward["kernel"], "recurrent_kernel": backward["recurrent_kernel"]}
    assert_gradients(loss, arguments, {"x": found[0], **found[2]})


def test_an_lstm_step_worked_by_hand():
    """Gates wide open or shut: what is in the cell stays, is replaced, or is forgotten."""
    weights = {"kernel": np.zeros([1, 4]), "recurrent_kernel": np.zeros([1, 4])}
    states, x, wide = (np.array([0.1]), np.array([0.8])), np.zeros(1), 40.0
    for i, f, g, o, h, c in [
        (-wide, wide, wide, wide, np.tanh(0.8), 0.8),  # input shut, forget open: kept
        (wide, -wide, -wide, wide, np.tanh(-1.0), -1.0),  # the reverse: replaced by g
        (wide, wide, wide, -wide, 0.0, 1.8),  # added up, and not shown
    ]:
        gates = {**weights, "bias": np.array([i, f, g, o])}
        (new_h, new_c), _ = reference_recurrent.lstm_step(x, states, gates)
        np.testing.assert_allclose([new_h.item(), new_c.item()], [h, c], atol=1e-12)
