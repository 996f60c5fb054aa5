"""The signals of units that a report has room for, and how finely they are quantised."""

from typing import NamedTuple

import numpy as np

from kerasapp.inspection.packing import deflate, quantise

FINE = 64  # levels if there is room, and always for units that are listed
COARSE = (32, 16, 8)  # levels for the others; the first that fits is taken
SAMPLE = 48  # signals whose size gives an estimate for all
SPARE = 1.03  # for the error of the estimate


class Track(NamedTuple):
    """A signal, by its row: its values in `levels` even steps from `least` to `greatest`, deflated."""

    row: int
    levels: int
    least: float
    greatest: float
    steps: str


def choose(signals, main, listed, order, room):
    """Keeps as many signals as there is room for.

    All of them finely, if they fit. Otherwise the listed ones finely, the main one of every unit as finely as
    they fit together, then others. If even these do not fit, the first ones in order.

    Args:
        signals: float32 [signals, time].
        main: bool [signals], whether it is the most important signal of its unit.
        listed: rows that must be kept.
        order: all rows, the most important ones first.
        room: characters that their steps may take.

    Returns: list of `Track`, by row.
    """
    if _size(signals, order, FINE) <= room:
        return sorted(_first(_tracks(signals, order, FINE), room))
    chosen = set(listed)
    tracks = _first(_tracks(signals, [row for row in order if row in chosen], FINE), room)
    kept = {track.row for track in tracks}
    others = [row for row in order if row not in kept]
    mains = [row for row in others if main[row]]
    room -= sum(len(track.steps) for track in tracks)
    levels = next((levels for levels in COARSE if _size(signals, mains, levels) <= room), COARSE[-1])
    coarse = _tracks(signals, mains, levels)
    if sum(len(track.steps) for track in coarse) <= room:
        coarse += _tracks(signals, [row for row in others if not main[row]], levels)
    return sorted(tracks + _first(coarse, room))


def _size(signals, rows, levels):
    """An estimate of the room that rows take."""
    sample = rows[:: -(-len(rows) // SAMPLE)] if len(rows) else rows
    size = sum(len(track.steps) for track in _tracks(signals, sample, levels))
    return size * len(rows) / max(len(sample), 1) * SPARE


def _tracks(signals, rows, levels):
    if not len(rows):
        return []
    steps, least, greatest = quantise(signals[rows], levels)
    values = zip(rows, least.tolist(), greatest.tolist(), steps, strict=True)
    return [Track(int(row), levels, low, high, deflate(step.tobytes())) for row, low, high, step in values]


def _first(tracks, room):
    """The first ones that fit."""
    ends = np.cumsum([len(track.steps) for track in tracks])
    return [track for track, end in zip(tracks, ends, strict=True) if end <= room]
