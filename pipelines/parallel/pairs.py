"""Pairs of sentences, read from files."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipelines.errors import DataError
from pipelines.files import lines_of, read_text
from pipelines.splits import string_digest
from pipelines.text.normalisation import normalise_pieces
from pipelines.text.sentences import squeeze_string

Pairs = Iterable[tuple[str, str]]


class Counted:
    """Pairs, and how many of them were read so far: `count`."""

    def __init__(self, pairs: Pairs):
        self._pairs, self.count = pairs, 0

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for pair in self._pairs:
            self.count += 1
            yield pair


def read_lines(path: Path, form: str) -> Iterator[str]:
    """The lines of a UTF-8 file (see `read_text`), normalised to `form`, without their ends."""
    return lines_of(path, normalise_pieces(read_text(path), form))


def read_table(path: Path, form: str) -> Iterator[tuple[str, str]]:
    """The first two columns of a file with tabs between columns, normalised and with white space squeezed.

    A third column, such as Tatoeba's attribution, is ignored. Every line is data: there is no header.

    Raises:
        DataError: a line has another number of columns or an empty sentence; names file and line. Or see
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
        DataError: one file has more lines than the other, or a line is empty. Or see `read_text`.
    """
    both = [read_lines(first, form), read_lines(second, form)]
    for number, pair in enumerate(itertools.zip_longest(*both), 1):
        if None in pair:
            counts = [number - (line is None) + sum(1 for _ in rest) for line, rest in zip(pair, both)]
            raise DataError(
                f"{first}: ends after line {counts[0]:,}, but {second} after line {counts[1]:,}; expected a"
                " sentence and its translation on the same line of both"
            )
        pair = tuple(map(squeeze_string, pair))
        for path, sentence in zip((first, second), pair, strict=True):
            if not sentence:
                raise DataError(f"{path}: line {number}: the line is empty; expected a sentence")
        yield pair


def own_targets(pairs: Pairs, swap: bool = False) -> Iterator[tuple[str, str]]:
    """Each source with itself as its target, once, however often it is there.

    Args:
        swap: whether the second sentence of each pair is the source.
    """
    seen = set()
    for pair in pairs:
        source = pair[swap]
        digest = string_digest(source)
        if digest not in seen:
            seen.add(digest)
            yield source, source
