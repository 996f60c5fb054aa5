"""Which signals of units a report has room for, and how fine they are."""

import numpy as np
import pytest

from kerasapp.inspection.tracks import choose

SIGNALS = np.random.default_rng(3).random([60, 200], np.float32)  # noise: finer levels take more room
MAIN = np.arange(60) % 2 == 0
ORDER = list(range(60))


def chosen(room, listed=()):
    tracks = choose(SIGNALS, MAIN, listed, ORDER, room)
    assert sum(len(track.steps) for track in tracks) <= room
    return {track.row: track.levels for track in tracks}


def test_all_are_fine_where_they_fit():
    assert chosen(1_000_000) == dict.fromkeys(ORDER, 64)


@pytest.mark.parametrize("room", [2000, 4000])
def test_the_first_ones_are_as_coarse_as_can_be_where_not_even_these_fit(room):
    found = chosen(room, listed=[50, 59])
    assert (found.pop(50), found.pop(59)) == (64, 64)
    assert list(found) == [row for row in ORDER if MAIN[row]][: len(found)] and set(found.values()) == {8}
    assert 0 < len(found) < 29
