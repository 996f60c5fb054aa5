"""Which units follow which feature of a text."""

from typing import NamedTuple

import numpy as np

LISTED = 6  # units listed for a feature


class Follower(NamedTuple):
    """A signal, by its row, that follows a feature.

    correlation: Pearson's, over the whole text. halves: over its first and its second half, 0 if one of the
    two does not vary.
    """

    signal: int
    correlation: float
    halves: tuple


def followers(signals, features, owners, count=LISTED):
    """The signals that follow each feature best.

    Args:
        signals: float array [signals, time].
        features: float array [features, time].
        owners: the unit of each signal, any hashable; a unit with several signals is listed once.

    Returns: for each feature a list of `Follower`, the strongest correlation first, whatever its sign.
    """
    half = signals.shape[1] // 2
    whole = correlations(signals, features)
    parts = [correlations(signals[:, part], features[:, part]) for part in (slice(half), slice(half, None))]
    rankings = []
    for f in range(len(features)):
        ranked, seen = [], set()
        for s in np.argsort(-np.abs(whole[:, f]), kind="stable"):
            if len(ranked) == count or not whole[s, f]:
                break
            if owners[s] not in seen:
                seen.add(owners[s])
                halves = tuple(float(part[s, f]) for part in parts)
                ranked.append(Follower(int(s), float(whole[s, f]), halves))
        rankings.append(ranked)
    return rankings


def correlations(signals, features):
    """Pearson's correlation [signals, features] of rows [time]; 0 if one of the two does not vary."""
    if signals.shape[1] < 2:
        return np.zeros([len(signals), len(features)], np.float32)
    return _standard(signals) @ _standard(features).T


def _standard(rows):
    """The rows with mean 0 and length 1; zeros for a row that does not vary."""
    rows = np.asarray(rows, np.float32)
    rows = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    varies = lengths > 1e-6 * np.sqrt(rows.shape[1])  # less is rounding in float32
    return np.where(varies, rows / np.where(varies, lengths, 1.0), 0.0)
