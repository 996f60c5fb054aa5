"""Pairs of sentences: reading them from files, and splitting them so that no two parts share a sentence."""

import hashlib
import itertools
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.errors import DataError
from pipelines.files import normalised, read_text
from pipelines.splits import SPLITS
from pipelines.text.sentences import squeeze_string

Pairs = Iterable[tuple[str, str]]
LEFT_OUT = len(SPLITS)  # the number of no part: a training pair that is there already
_LARGE = 0.1  # groups above this share of the smallest part are placed first


def read_lines(path: Path, form: str) -> Iterator[str]:
    """The lines of a UTF-8 file, plain or gzip, normalised to `form`, without their ends.

    Lines end at "\\n" alone (a "\\r" before it stays), not at the other characters that Python's
    `str.splitlines` knows: U+2028 or U+0085 may stand in a sentence.
    """
    held: list[str] = []  # the parts of a line that goes on
    for piece in normalised(read_text(path), form):
        first, *others = piece.split("\n")
        held.append(first)
        for part in others:
            yield "".join(held)
            held = [part]
    if last := "".join(held):
        yield last


def read_table(path: Path, form: str) -> Iterator[tuple[str, str]]:
    """The first two columns of a file with tabs between columns, normalised and with white space squeezed.

    A third column, such as Tatoeba's attribution, is passed over. Every line is data: there is no header.

    Raises:
        DataError: names file and line of what is not two or three columns, or has an empty sentence; or see
            `read_text`.
    """
    for number, line in enumerate(read_lines(path, form), 1):
        columns = line.split("\t")
        if len(columns) not in (2, 3):
            raise DataError(
                f"{path}: line {number}: {len(columns)} column{'s' * (len(columns) > 1)}; expected a"
                " sentence, a tab and its translation (and perhaps a tab and an attribution)"
            )
        first, second = squeeze_string(columns[0]), squeeze_string(columns[1])
        if not (first and second):
            raise DataError(
                f"{path}: line {number}: column {2 if first else 1} is empty; expected a sentence"
            )
        yield first, second


def read_aligned(first: Path, second: Path, form: str) -> Iterator[tuple[str, str]]:
    """The lines of two files side by side, normalised and with white space squeezed.

    Raises:
        DataError: names both files and their numbers of lines where these differ; file and line of an empty
            line; or see `read_text`.
    """
    lines = [read_lines(first, form), read_lines(second, form)]
    number = 0
    for number, pair in enumerate(itertools.zip_longest(*lines), 1):
        if None in pair:
            counts = [number - (line is None) + sum(1 for _ in rest) for line, rest in zip(pair, lines)]
            raise DataError(
                f"{first}: ends after line {counts[0]:,}, but {second} after line {counts[1]:,};"
                " expected line by line a sentence and its translation"
            )
        pair = tuple(map(squeeze_string, pair))
        for path, sentence in zip((first, second), pair, strict=True):
            if not sentence:
                raise DataError(f"{path}: line {number}: the line is empty; expected a sentence")
        yield pair


def own_targets(pairs: Pairs, swap: bool = False) -> Iterator[tuple[str, str]]:
    """Each source with itself as its target, once, however many targets it had.

    Args:
        swap: whether the second sentence of each pair is the source.
    """
    seen = set()
    for pair in pairs:
        source = pair[swap]
        digest = _digest(source.encode())
        if digest not in seen:
            seen.add(digest)
            yield source, source


@dataclass(frozen=True)
class Digests:
    """64-bit digests of pairs of sentences: [pairs] uint64 each."""

    first: np.ndarray
    second: np.ndarray
    both: np.ndarray


class Digesting:
    """Passes pairs on, and keeps their digests: 24 bytes a pair, whatever the length of the sentences."""

    def __init__(self):
        self._digests = [array("Q"), array("Q"), array("Q")]

    def through(self, pairs: Pairs) -> Iterator[tuple[str, str]]:
        for pair in pairs:
            sides = [_digest(sentence.encode()) for sentence in pair]
            for kept, digest in zip(self._digests, [*sides, _digest(b"".join(sides))], strict=True):
                kept.frombytes(digest)
            yield pair

    def digests(self) -> Digests:
        return Digests(*(np.frombuffer(kept, np.uint64) for kept in self._digests))


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=8).digest()


def assign(digests: Digests, fractions: Sequence[float]) -> np.ndarray:
    """The part of each pair, such that pairs with a sentence in common, on either side, are in one part.

    Such pairs form groups. A group goes to the part that is the furthest below its share at that point, in
    the order of the groups' digests; groups of more than a tenth of the smallest part come first, as there
    might be no room for them later. So the shares are met but for a few pairs, unless one group is larger.
    It depends on which pairs there are, not on their order, nor on which side is the source.

    A training pair that has been there before is left out.

    Returns:
        [pairs] uint8, an index into `SPLITS`, or `LEFT_OUT`.
    """
    count = len(digests.both)
    roots = _groups(digests)
    sizes = np.bincount(roots, minlength=count)  # [pairs], 0 where a pair is no root
    smallest = np.full(count, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(smallest, roots, digests.first + digests.second)  # the same whichever is the source
    groups = np.flatnonzero(sizes)
    large = sizes[groups] > _LARGE * count * min(filter(None, fractions))
    room = [fraction * count for fraction in fractions]
    parts = np.zeros(count, np.uint8)
    for group in groups[np.lexsort((smallest[groups], ~large))].tolist():
        part = room.index(max(room))
        parts[group] = part
        room[part] -= int(sizes[group])
    parts = parts[roots]
    repeated = np.ones(count, bool)
    repeated[np.unique(digests.both, return_index=True)[1]] = False
    parts[repeated & (parts == 0)] = LEFT_OUT
    return parts


def _groups(digests: Digests) -> np.ndarray:
    """The first pair of each pair's group, [pairs]: the connected components, by union and find."""
    roots = list(range(len(digests.both)))

    def find(pair: int) -> int:
        while roots[pair] != pair:
            roots[pair] = roots[roots[pair]]
            pair = roots[pair]
        return pair

    for side in (digests.first, digests.second):
        _, earliest, sentence = np.unique(side, return_index=True, return_inverse=True)
        for pair, other in enumerate(earliest[sentence].tolist()):
            one, two = find(pair), find(other)
            roots[max(one, two)] = min(one, two)
    return np.array([find(pair) for pair in roots], np.int64)
