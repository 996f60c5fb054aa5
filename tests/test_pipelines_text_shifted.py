"""Columns that have slipped by a line are told from those that have not."""

import numpy as np
import pytest

from pipelines.text.shifted import shifted

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(5, 200, 300)
OTHERS = LENGTHS + RNG.normal(0, 30, 300)


@pytest.mark.parametrize("by", [1, -1])
def test_a_slip_by_one_line_is_seen(by):
    assert shifted(LENGTHS, np.roll(OTHERS, by)) and shifted(np.roll(OTHERS, by), LENGTHS)
    assert not shifted(LENGTHS[:99], np.roll(OTHERS[:99], by))  # too few lines to tell


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (LENGTHS, OTHERS),
        (np.sort(LENGTHS), OTHERS[np.argsort(LENGTHS)]),  # all neighbours are alike
        (LENGTHS, RNG.permutation(OTHERS)),
        (LENGTHS, np.full(300, 7)),
        ([], []),
    ],
)
def test_what_has_not_slipped(first, second):
    assert not shifted(first, second)
