"""The three parts of a data set."""

from collections.abc import Sequence

from pipelines.errors import DataError

SPLITS = ("train", "valid", "test")


def checked_fractions(split: Sequence[float]) -> list[float]:
    """The fractions of train, valid and test as floats. Raises DataError where they are no such thing."""
    fractions = [float(fraction) for fraction in split]
    if len(fractions) != 3 or not min(fractions) >= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise DataError(f"split is {tuple(split)}: expected three fractions, none negative, with the sum 1")
    return fractions
