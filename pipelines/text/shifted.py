"""Whether two columns of texts, or of texts and sounds, have slipped by a line."""

from collections.abc import Sequence

import numpy as np

_LEAST = 100  # lines that tell
_CLEARLY = 0.4  # by how much a line further must fit better


def shifted(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether the lengths of the things on one line go together far less than those of neighbouring lines.

    Args:
        first, second: the lengths of the things on each line, in the order of the lines.
    """
    if len(first) < _LEAST:
        return False
    together = _correlation(first, second)
    return (
        max(_correlation(first[1:], second[:-1]), _correlation(first[:-1], second[1:])) > together + _CLEARLY
    )


def _correlation(first: Sequence[float], second: Sequence[float]) -> float:
    pair = np.array([first, second], np.float64)  # [2, lines]
    return float(np.corrcoef(pair)[0, 1]) if np.all(pair.std(axis=1) > 0) else 0.0
