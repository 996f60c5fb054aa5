"""The figures of an attention, by alignments made by hand."""

import numpy as np
import pytest
import tensorflow as tf

from kerasapp.tasks.synthesis.alignment_health import alignment_health


def along(places, characters, weight=1.0):
    """An alignment [steps, characters] with `weight` at each step's place, the rest on the others."""
    rows = np.full([len(places), characters], (1 - weight) / max(characters - 1, 1), np.float32)
    rows[np.arange(len(places)), places] = weight
    return rows


def health(rows, steps=None, lengths=None):
    alignment = tf.constant(np.asarray(rows, np.float32)[None])
    steps, lengths = steps or alignment.shape[1], lengths or alignment.shape[2]
    found = alignment_health(alignment, tf.constant([steps]), tf.constant([lengths]))
    return {name: value.numpy()[0] for name, value in found.items()}


@pytest.mark.parametrize(
    ("places", "coverage", "backward_steps", "aligned"),
    [
        ([0, 0, 1, 2, 3], 1.0, 0, 1),
        ([0, 1, 0, 1, 2, 3], 1.0, 0, 1),  # one back is allowed
        ([0, 1, 2, 0, 1, 2, 3], 1.0, 1, 0),
        ([3, 1, 3, 1, 2, 0], 1.0, 3, 0),
        ([0, 1, 3], 0.75, 0, 0),
        ([2, 2, 2], 0.25, 0, 0),
    ],
)
def test_figures_by_hand(places, coverage, backward_steps, aligned):
    found = health(along(places, 4))
    assert found["coverage"] == pytest.approx(coverage)
    assert (found["backward_steps"], found["aligned"]) == (backward_steps, aligned)
    assert found["sharpness"] == pytest.approx(1.0)


def test_attention_spread_over_all_reads_nothing():
    found = health(np.full([40, 20], 1 / 20))
    assert (found["coverage"], found["aligned"]) == (0.0, 0)
    assert found["sharpness"] == pytest.approx(0.05)


def test_a_quick_character_is_covered_by_its_share_of_a_step():
    rows = along([0, 2], 3)
    rows[0] = [0.7, 0.3, 0.0]
    assert health(rows)["aligned"] == 1
    rows[0] = [0.9, 0.1, 0.0]
    assert health(rows)["coverage"] == pytest.approx(2 / 3)


def test_one_of_twenty_characters_may_be_missed():
    assert health(along(list(range(19)), 20))["aligned"] == 1
    assert health(along(list(range(18)), 20))["aligned"] == 0


def test_what_lies_beyond_the_row_does_not_count():
    good = along([0, 1, 2], 3, 0.8)
    padded = np.zeros([6, 5], np.float32)
    padded[:3, :3], padded[3:, 0] = good, 1.0  # after the end it would step back
    expected, found = health(good), health(padded, steps=3, lengths=3)
    assert found == pytest.approx(expected)


def test_a_row_without_a_step_has_figures():
    found = health(np.zeros([0, 3]), steps=0, lengths=3)
    assert (found["coverage"], found["sharpness"], found["aligned"]) == (0.0, 0.0, 0)
