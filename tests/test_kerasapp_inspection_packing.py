"""Arrays in little room come back; what does not fit is left out, the least telling first."""

import json

import numpy as np
import pytest
from packed import inflate, unpack, unpack_rows

from kerasapp.inspection.packing import pack, pack_rows, quantise
from kerasapp.inspection.tracks import COARSE, FINE, choose

DRAW = np.random.default_rng(2)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32", "float64"])
def test_arrays_come_back(kind):
    array = (DRAW.random([3, 50]) * 250).astype(kind)
    found = unpack(json.loads(json.dumps(pack(array))))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("levels", [8, 64, 256])
def test_a_quantised_value_is_off_by_half_a_step_at_most(levels):
    rows = np.concatenate([DRAW.normal(size=[4, 100]) * 7, np.full([1, 100], 3.0)]).astype(np.float32)
    steps, least, greatest = quantise(rows, levels)
    step = (greatest - least)[:, None] / (levels - 1)
    assert steps.dtype == np.uint8 and steps.max() == levels - 1
    assert np.all(np.abs(least[:, None] + step * steps - rows) <= step / 2 + 1e-5)


def test_rows_come_back_to_a_fraction_of_their_range():
    rows = np.concatenate([DRAW.normal(size=[3, 100]) * 7 - 20, np.full([1, 100], 3.0)]).astype(np.float32)
    packed = json.loads(json.dumps(pack_rows(rows)))
    assert packed["kind"] == "uint16" and packed["shape"] == [4, 100]
    room = np.ptp(rows, axis=1, keepdims=True)
    assert np.all(np.abs(unpack_rows(packed) - rows) <= room / 65535 / 2 + 1e-5)


SIGNALS = DRAW.normal(size=[40, 500]).astype(np.float32)
MAIN = np.arange(40) < 20
ORDER = DRAW.permutation(40)


def chosen(room):
    tracks = choose(SIGNALS, MAIN, listed=[3, 25], order=ORDER, room=room)
    assert sum(len(track.steps) for track in tracks) <= room
    for track in tracks:
        steps = np.frombuffer(inflate(track.steps), np.uint8)
        step = (track.greatest - track.least) / (track.levels - 1)
        assert np.abs(track.least + step * steps - SIGNALS[track.row]).max() <= step / 2 + 1e-5
    assert [track.row for track in tracks] == sorted({track.row for track in tracks})
    return {track.row: track.levels for track in tracks}


def test_all_is_kept_finely_where_there_is_room():
    assert chosen(1_000_000) == dict.fromkeys(range(40), FINE)


def test_with_less_room_all_units_are_kept_and_the_listed_ones_finely():
    levels = chosen(11_000)
    assert levels[3] == levels[25] == FINE
    assert set(range(20)) <= set(levels) and set(levels.values()) - {FINE} <= set(COARSE)
    assert len(levels) < 40


def test_with_little_room_the_most_telling_are_kept():
    levels = chosen(3000)
    coarse = [row for row in ORDER if row in levels and row not in (3, 25)]
    assert levels[3] == levels[25] == FINE and {levels[row] for row in coarse} == {COARSE[-1]}
    assert coarse == [row for row in ORDER if MAIN[row] and row != 3][: len(coarse)]
    assert chosen(0) == {}
