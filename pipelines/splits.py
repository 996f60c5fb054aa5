"""How data are split into train, valid and test."""

import hashlib
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from pipelines.errors import DataError

SPLITS = ("train", "valid", "test")
DUPLICATE = len(SPLITS)  # in place of a split's number: a training pair that is there already
_LARGE = 0.1  # groups above this share of the smallest split are placed first


def checked_fractions(split: Sequence[float]) -> list[float]:
    """The fractions of train, valid and test as floats.

    Raises:
        DataError: they are not three fractions, none negative, with the sum 1.
    """
    fractions = [float(fraction) for fraction in split]
    if len(fractions) != 3 or not min(fractions) >= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise DataError(f"split is {tuple(split)}: expected three fractions, none negative, with the sum 1")
    return fractions


def check_sizes(where: object, thing: str, sizes: Mapping[str, int], fractions: Sequence[float]) -> None:
    """Raises DataError if a split is empty though its fraction is above 0; `thing` names what it holds."""
    for name, fraction in zip(SPLITS, fractions, strict=True):
        if fraction > 0 and not sizes[name]:
            count = sum(sizes.values())
            raise DataError(
                f"{where}: no {thing} is left for the {name} split ({100 * fraction:g}% of {count:,}):"
                f" {_cure(thing, count, fractions)}--data.split 1 0 0 to train on all and measure nothing"
            )


def _cure(thing: str, count: int, fractions: Sequence[float]) -> str:
    """What helps where a split is empty, as the beginning of a sentence."""
    if count * min(filter(None, fractions)) >= 1:
        own = "give files of its own (--data.valid_source, --data.test_source), or " * (thing == "pair")
        return f"{thing}s that share a text stay in one split, and here so many do that all are in one: {own}"
    least = math.floor(100 / max(count, 1)) / 100
    valid, test = (max(fraction, least) if fraction else 0.0 for fraction in fractions[1:])
    train = round(1 - valid - test, 2)
    some = f"--data.split {train:g} {valid:g} {test:g}, or " if train >= least and fractions[0] else ""
    return f"give more {thing}s, or {some}"


class PairDigests:
    """64-bit digests of pairs of strings: 24 bytes per pair, whatever the length of the strings."""

    def __init__(self):
        self._digests = [array("Q"), array("Q"), array("Q")]

    def through(self, pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """Passes pairs on and adds their digests."""
        for pair in pairs:
            sides = [string_digest(string) for string in pair]
            for kept, digest in zip(self._digests, [*sides, _digest(b"".join(sides))], strict=True):
                kept.frombytes(digest)
            yield pair

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The digests of the first strings, of the second strings, and of the pairs: [pairs] uint64 each."""
        return tuple(np.frombuffer(kept, np.uint64) for kept in self._digests)


def string_digest(string: str) -> bytes:
    """The 64-bit digest of a string."""
    return _digest(string.encode())


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=8).digest()


def assign_splits(digests: PairDigests, fractions: Sequence[float]) -> np.ndarray:
    """The split of each pair, such that pairs that share a string, on either side, are in one split.

    Pairs that share strings form groups. Each group goes to the split that is furthest below its share so
    far, in the order of the groups' digests. Groups of more than a tenth of the smallest split come first:
    there might be no room for them later. So the shares are met within a few pairs, unless one group is
    larger. The result depends on the set of pairs, not on their order, nor on which side is the source.

    Returns:
        [pairs] uint8, an index into `SPLITS`, or `DUPLICATE` for a training pair that was there before.
    """
    first, second, both = digests.arrays()
    count = len(both)
    roots = _groups(first, second)
    sizes = np.bincount(roots, minlength=count)  # [pairs], 0 where a pair is no root
    smallest = np.full(count, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(smallest, roots, first + second)  # the sum does not depend on which side is the source
    groups = np.flatnonzero(sizes)
    large = sizes[groups] > _LARGE * count * min(filter(None, fractions))
    room = [fraction * count for fraction in fractions]
    splits = np.zeros(count, np.uint8)
    for group in groups[np.lexsort((smallest[groups], ~large))].tolist():
        split = room.index(max(room))
        splits[group] = split
        room[split] -= int(sizes[group])
    splits = splits[roots]
    repeated = np.ones(count, bool)
    repeated[np.unique(both, return_index=True)[1]] = False
    splits[repeated & (splits == 0)] = DUPLICATE
    return splits


def _groups(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The first pair of each pair's group, [pairs]: connected components, by union and find."""
    roots = list(range(len(first)))

    def find(pair: int) -> int:
        while roots[pair] != pair:
            roots[pair] = roots[roots[pair]]
            pair = roots[pair]
        return pair

    for side in (first, second):
        _, earliest, string = np.unique(side, return_index=True, return_inverse=True)
        for pair, other in enumerate(earliest[string].tolist()):
            one, two = find(pair), find(other)
            roots[max(one, two)] = min(one, two)
    return np.array([find(pair) for pair in roots], np.int64)
