"""How often the gates are shut or open: left- and right-saturated (Karpathy, Johnson and Fei-Fei 2015)."""

from typing import NamedTuple

import numpy as np

LEFT, RIGHT = (
    0.1,
    0.9,
)  # below and above which a gate is saturated; for a state from -1 to 1, -RIGHT and RIGHT
GATES = ("input", "forget", "output", "update", "reset")


class Saturation(NamedTuple):
    """What a gate of a layer does over a text.

    layer; gate: its name, or "state" of a SimpleRNN, which has no gates. left, right: float32 [units], the
    share of the time that each unit's is saturated.
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
    found = []
    for layer in range(layers):
        named = {gate: gates[f"{gate}_{layer}"] for gate in GATES if f"{gate}_{layer}" in gates}
        for gate, values in named.items():
            found.append(Saturation(layer, gate, *_shares(values, LEFT, RIGHT)))
        if not named:
            found.append(Saturation(layer, "state", *_shares(states[f"h_{layer}"], -RIGHT, RIGHT)))
    return found


def _shares(values, left, right):
    return (
        np.mean(values < left, axis=0, dtype=np.float32),
        np.mean(values > right, axis=0, dtype=np.float32),
    )
