"""Splitting pairs by the strings they share."""

import random

import numpy as np
import pytest

from pipelines.errors import DataError
from pipelines.splits import DUPLICATE, PairDigests, assign_splits, check_sizes


def splits_of(pairs, fractions):
    digests = PairDigests()
    assert list(digests.through(iter(pairs))) == pairs
    return assign_splits(digests, fractions)


def random_pairs(count, sentences, seed):
    rng = random.Random(seed)
    return [(f"s{rng.randrange(sentences)}", f"t{rng.randrange(sentences)}") for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_no_sentence_is_in_two_splits(seed):
    pairs = random_pairs(2000, 6000, seed)
    splits = splits_of(pairs, [0.8, 0.1, 0.1])
    for side in (0, 1):
        seen = {}
        for pair, split in zip(pairs, splits, strict=True):
            assert seen.setdefault(pair[side], split) in (split, DUPLICATE) or split == DUPLICATE
    # Groups here are small, so the shares are met closely.
    sizes = np.bincount(splits, minlength=3)
    assert abs(sizes[1] - 200) < 10 and abs(sizes[2] - 200) < 10


def test_a_long_chain_is_one_group():
    chain = [(f"s{i // 2}", f"t{(i + 1) // 2}") for i in range(999)]
    random.Random(0).shuffle(chain)
    others = [(f"x{i}", f"y{i}") for i in range(1001)]
    splits = splits_of(chain + others, [0.6, 0.2, 0.2])
    assert set(splits[:999]) == {0}  # too large for another split
    assert np.bincount(splits[999:], minlength=3).tolist() == [201, 400, 400]


@pytest.mark.parametrize("seed", range(6))
def test_large_groups_come_first_so_that_the_rest_makes_up_for_them(seed):
    groups = [(f"s{seed}-{i}", f"t{seed}-{i}-{j}") for i in range(130) for j in range(3)]
    others = [(f"x{seed}-{i}", f"y{seed}-{i}") for i in range(10)]
    assert np.bincount(splits_of(groups + others, [0.9, 0.05, 0.05])).tolist() == [360, 20, 20]


def test_pairs_alone_meet_the_fractions_exactly():
    pairs = [(f"s{i}", f"t{i}") for i in range(1000)]
    for fractions in ([0.9, 0.05, 0.05], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]):
        counts = np.bincount(splits_of(pairs, fractions), minlength=3)
        assert counts.tolist() == [1000 * fraction for fraction in fractions]


def test_the_split_depends_on_which_pairs_there_are_alone():
    pairs = sorted(set(random_pairs(500, 1500, seed=3)))
    splits = dict(zip(pairs, splits_of(pairs, [0.8, 0.1, 0.1]), strict=True))
    random.Random(1).shuffle(pairs)
    assert splits == dict(zip(pairs, splits_of(pairs, [0.8, 0.1, 0.1]), strict=True))
    turned = [pair[::-1] for pair in pairs]
    assert list(splits_of(turned, [0.8, 0.1, 0.1])) == [splits[pair] for pair in pairs]


def test_the_split_stays_what_it_is():
    # Written down when first made: a later version must not move test sentences into the training split.
    expected = [0, 1, 2, 0, 2, 0, 0, 1, 2, 1, 0, 0]
    assert splits_of([(f"s{i}", f"t{i}") for i in range(12)], [0.5, 0.25, 0.25]).tolist() == expected


def test_repeated_training_pairs_are_left_out():
    pairs = [("a", "b"), ("c", "d"), ("a", "b"), ("a", "e"), ("a", "b")]
    assert splits_of(pairs, [1.0, 0.0, 0.0]).tolist() == [0, 0, DUPLICATE, 0, DUPLICATE]
    assert splits_of(pairs, [0.0, 0.0, 1.0]).tolist() == [2, 2, 2, 2, 2]


def test_capitals_make_another_sentence_and_sides_are_asplit():
    # "a" and "A" differ; "b" as a source is not "b" as a target: four groups, so each fraction is met.
    pairs = [("a", "b"), ("A", "c"), ("b", "d"), ("d", "a")]
    assert np.bincount(splits_of(pairs, [0.5, 0.25, 0.25]), minlength=3).tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ("count", "fractions", "advice"),
    [
        (10, (0.9, 0.05, 0.05), "--data.split 0.8 0.1 0.1, or --data.split 1 0 0"),
        (3, (0.9, 0.05, 0.05), "--data.split 0.34 0.33 0.33, or"),
        (3, (0.9, 0.1, 0), "--data.split 0.67 0.33 0, or"),
        (
            400,
            (0.9, 0.05, 0.05),
            "pairs that share a text stay in one split, and here so many do that all are "
            "in one: give files of its own (--data.valid_source, --data.test_source), or --data.split 1 0 0",
        ),
        (1, (0.9, 0.05, 0.05), "give more pairs, or --data.split 1 0 0 to train on all and measure nothing"),
    ],
)
def test_of_too_few_things_the_message_has_shares_that_work(count, fractions, advice):
    with pytest.raises(DataError, match=r"no pair is left for the (valid|test) split") as error:
        check_sizes("a.tsv", "pair", {"train": count, "valid": 0, "test": 0}, fractions)
    assert advice in str(error.value)
