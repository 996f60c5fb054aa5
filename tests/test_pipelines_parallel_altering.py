"""Sentences changed on their way to a model: by hand where little is random, by counting where much is."""

import numpy as np
import pytest

from pipelines.parallel.altering import Alterations

ROWS = np.array([[4, 5, 6, 7, 3, 0], [8, 9, 3, 0, 0, 0], [3, 0, 0, 0, 0, 0], [4, 4, 5, 6, 7, 3]], np.int32)


def many(rows=400, length=11, vocabulary=50, seed=5):
    """Rows of random tokens of 4 .. vocabulary - 1 and lengths, with the end token and padding."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(1, length, rows)
    places = np.arange(length + 1)
    tokens = draw.integers(4, vocabulary, [rows, length + 1])
    return np.where(places < lengths[:, None], tokens, np.where(places == lengths[:, None], 3, 0)).astype(
        np.int32
    )


def test_without_alterations_nothing_changes():
    source, target = Alterations(50).apply(ROWS, ROWS[:, :4], seed=1, step=2)
    np.testing.assert_array_equal(source, ROWS)
    np.testing.assert_array_equal(target, ROWS[:, :4])


def test_altered_sentences_keep_their_lengths_and_are_their_own_targets():
    rows = many()
    source, target = Alterations(90, altered=0.5).apply(rows, rows, seed=1, step=2)
    np.testing.assert_array_equal(source, target)
    assert source.dtype == np.int32
    for special in (0, 3):
        np.testing.assert_array_equal(source == special, rows == special)
    inside = (rows != 0) & (rows != 3)
    assert source[inside].min() >= 4 and source[inside].max() < 90
    changed = source != rows
    # One sentence in two has a share of its tokens replaced that is itself uniform: a quarter of all tokens,
    # and one in fifty of those replaced by chance by itself.
    assert changed[inside].mean() == pytest.approx(0.25, abs=0.03)
    # Half of the replacements are of the whole vocabulary, 40 of whose 86 tokens no row has.
    assert (source[changed] >= 50).mean() == pytest.approx(0.5 * 40 / 86, abs=0.05)


def test_how_much_of_a_sentence_is_replaced_differs():
    rows = np.full([2000, 21], 4, np.int32)
    rows[:, -1] = 3
    source, _ = Alterations(2000, altered=1.0).apply(rows, rows, seed=3, step=0)
    # The token's own batch has itself alone, so half of the replacements do not show.
    shares = 2 * (source[:, :-1] != 4).mean(axis=1)
    assert np.std(shares) == pytest.approx(np.sqrt(1 / 12 + 2 / 3 * 0.05), abs=0.04)


def test_noise_changes_the_source_alone():
    rows = many()
    source, target = Alterations(50, noise=0.3).apply(rows, rows, seed=1, step=2)
    np.testing.assert_array_equal(target, rows)
    kept = ((source != 0) & (source != 3)).sum(), ((rows != 0) & (rows != 3)).sum()
    assert kept[0] / kept[1] == pytest.approx(0.7, abs=0.03)
    assert source.shape[1] == (source != 0).sum(axis=1).max() <= rows.shape[1]
    for before, after in zip(rows, source, strict=True):
        length = (after != 0).sum()
        assert after[length - 1] == 3 and not after[length:].any() and (after == 3).sum() == 1
        counts = np.bincount(before, minlength=50) - np.bincount(after, minlength=50)
        assert (counts[1:] >= 0).all()  # nothing is there that was not


def test_noise_swaps_neighbours_that_do_not_overlap():
    rows = np.tile(np.arange(4, 14, dtype=np.int32), [4000, 1])
    rows[:, -1] = 3
    source, _ = Alterations(50, noise=1e-9).apply(rows, rows, seed=0, step=0)
    np.testing.assert_array_equal(source, rows)
    source, _ = Alterations(50, noise=0.2).apply(rows, rows, seed=0, step=0)
    whole = source[(source != 0).sum(axis=1) == 10]  # nothing was dropped: 0.8 ** 9 of the rows
    assert len(whole) / len(rows) == pytest.approx(0.8**9, abs=0.03)
    np.testing.assert_array_equal(whole[:, 8:], np.tile([12, 3], [len(whole), 1]))  # no neighbour is left
    for left in range(0, 8, 2):
        swapped = whole[:, left] == left + 5
        assert swapped.mean() == pytest.approx(0.2, abs=0.06)
        np.testing.assert_array_equal(whole[:, left] + whole[:, left + 1], 2 * left + 9)


def test_all_of_it_follows_from_seed_and_step():
    rows, alterations = many(), Alterations(50, altered=0.5, noise=0.1)
    one, again, later, other = (
        np.stack(alterations.apply(rows, rows, seed=seed, step=step)[1:])
        for seed, step in ((1, 2), (1, 2), (1, 3), (2, 2))
    )
    np.testing.assert_array_equal(one, again)
    assert (one != later).any() and (one != other).any() and (later != other).any()


def test_sentences_without_tokens_stay():
    rows = np.array([[3], [3]], np.int32)
    for alterations in (Alterations(50, altered=1.0), Alterations(50, noise=0.9)):
        source, target = alterations.apply(rows, rows, seed=0, step=0)
        assert source.tolist() == target.tolist() == [[3], [3]]
