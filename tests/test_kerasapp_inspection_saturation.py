"""Shares of the time that gates are shut or open."""

import numpy as np

from kerasapp.inspection.saturation import of_layers

OPEN = np.array(
    [[0.05, 0.95], [0.5, 0.91], [0.09, 0.2], [0.1, 0.9]]
)  # [time, units]; the limits are not beyond


def test_left_and_right_of_each_gate():
    gates = {"input_0": OPEN, "forget_0": 1 - OPEN, "candidate_0": OPEN, "output_1": OPEN}
    found = of_layers({}, gates, 1)
    assert [(row.layer, row.gate) for row in found] == [(0, "input"), (0, "forget")]  # a candidate is no gate
    np.testing.assert_allclose(found[0].left, [0.5, 0])
    np.testing.assert_allclose(found[0].right, [0, 0.5])
    np.testing.assert_allclose(found[1].right, [0.5, 0])


def test_a_layer_without_gates_tells_of_its_states():
    (found,) = of_layers({"h_0": np.array([[0.95, -1], [-0.95, 0], [0.89, 0.91], [0.05, 0.99]])}, {}, 1)
    assert found.gate == "state"
    np.testing.assert_allclose(found.left, [0.25, 0.25])
    np.testing.assert_allclose(found.right, [0.25, 0.5])
