"""Greedy search a step at a time, against the rules for one row in plain Python."""

import numpy as np
import pytest
import tensorflow as tf
from beam_reference import END, START, Plain, allowed, model

from kerasapp.decoding.candidates import go_on


def greedy(oracle, logits, longest, shortest):
    """Tokens and whether they ended, by `go_on` alone; the logits are those of the oracle."""
    ids, total = (), tf.zeros([1])
    while True:
        row = oracle.log_probabilities(ids)[None].astype("float32")
        position = tf.constant([len(ids)])
        knobs = tf.constant([shortest]), tf.constant([longest])
        chosen = go_on(total, tf.constant(row), position, *knobs, END)
        total = chosen.log_probabilities
        if chosen.is_cut[0] or chosen.tokens[0] == END:
            return ids, not chosen.is_cut[0], float(total[0])
        ids += (int(chosen.tokens[0]),)


@pytest.mark.parametrize("seed", range(4))
def test_greedy_is_the_search_with_one_beam(seed):
    tables = model(seed, words=60)
    tables[0][..., END] += 1.5
    for offset in range(6):
        shortest, longest = (offset % 3), 3 + offset
        oracle = Plain(tables, offset, 1, 0.0, 0.0, shortest, longest)
        (ids, finished, total, _) = oracle.search()[0]
        found = greedy(oracle, tables[0], longest, shortest)
        assert found[:2] == (ids, finished)
        if finished:
            assert found[2] == pytest.approx(total, abs=1e-4)


def test_of_equals_the_end_comes_first_then_the_lower_id():
    logits = np.zeros([2, 9], "float32") + allowed(9)
    logits[1, END] = -1.0
    zeros, longest = tf.constant([0, 0]), tf.constant([5, 5])
    chosen = go_on(tf.zeros([2]), tf.constant(logits), zeros, zeros, longest, END)
    assert chosen.tokens.numpy().tolist() == [END, 3]
    assert START not in chosen.tokens.numpy()


def test_a_row_ends_at_its_greatest_length_or_is_cut():
    logits = np.zeros([2, 9], "float32")
    logits[0, END], logits[1, 4] = 3.0, 3.0
    five = tf.constant([5, 5])
    chosen = go_on(tf.zeros([2]), tf.constant(logits), five, tf.constant([0, 0]), five, END)
    assert chosen.is_cut.numpy().tolist() == [False, True]
    assert chosen.tokens.numpy()[0] == END
