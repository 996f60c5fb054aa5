"""What answers of rounded weights are worth, and how much of it they may lose."""

from typing import NamedTuple


class Worth(NamedTuple):
    """The figure by which a task's answers are judged where weights are rounded.

    figure: its name among the figures, lower is better unless it is `in_points`. words: for messages. small,
    large: the most that float16 and `dynamic`, and int8, may lose: a share of Keras's, or points. count: the
    figure that says how much data there was. enough: of it, from which a loss can be told.
    """

    figure: str
    words: str
    small: float
    large: float
    count: str
    enough: int
    in_points: bool = False

    def loss(self, quality, baseline):
        """What is lost against a baseline: points, or a share; negative where it is a gain."""
        before, after = baseline[self.figure], quality[self.figure]
        return before - after if self.in_points else (after - before) / max(before, 1e-9)

    def bound(self, precision):
        """The most that a precision may lose."""
        return self.large if precision == "int8" else self.small

    def amount(self, loss):
        """A loss in words."""
        return f"{loss:.2f} points" if self.in_points else f"{loss:.2%}"


def common(found, expected):
    """The share of a text, or of a list, that is the other's before the first difference."""
    same = next((i for i, pair in enumerate(zip(found, expected, strict=False)) if pair[0] != pair[1]), None)
    same = min(len(found), len(expected)) if same is None else same
    return same / max(len(found), len(expected), 1)
