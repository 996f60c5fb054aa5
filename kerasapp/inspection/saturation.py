"""How often the gates are closed or open: left- and right-saturated (Karpathy, Johnson and Fei-Fei 2015)."""

from typing import NamedTuple

import numpy as np

# A gate is saturated below LEFT and above RIGHT; a state, from -1 to 1, below -RIGHT and above RIGHT.
LEFT, RIGHT = 0.1, 0.9
GATES = ("input", "forget", "output", "update", "reset")


class Saturation(NamedTuple):
    """The saturation of a layer's gate over a text; the gate of a SimpleRNN, which has none, is "state".

    left, right: float32 [units], the share of the time that the gate of each unit is saturated.
    """

    layer: int
    gate: str
    left: np.ndarray
    right: np.ndarray


def of_layers(states, gates, layers):
    """The saturation of each layer's gates, or of the states of layers without gates: list of `Saturation`.

    Args:
        states, gates: name -> float array [time, units], as "h_0" and "forget_0".
        layers: how many.

    Paper: Karpathy, Johnson & Fei-Fei 2015, "Visualizing and understanding recurrent networks",
    arXiv:1506.02078.
    """
    saturations = []
    for layer in range(layers):
        named = [gate for gate in GATES if f"{gate}_{layer}" in gates]
        rows = [(gate, gates[f"{gate}_{layer}"], LEFT, RIGHT) for gate in named]
        for gate, *limited in rows or [("state", states[f"h_{layer}"], -RIGHT, RIGHT)]:
            saturations.append(Saturation(layer, gate, *_shares(*limited)))
    return saturations


def _shares(values, left, right):
    return [np.mean(side, axis=0, dtype=np.float32) for side in (values < left, values > right)]
