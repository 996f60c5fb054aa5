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

_SKIPS = " (--data.blank_lines skip leaves out lines that are blank on a side)"


class Counted:
    """Pairs without blank sides, and how many were read so far: `count`, of which `blank` are left out;
    `first`, the first of them."""

    def __init__(self, pairs: Pairs):
        self._pairs, self.count, self.blank, self.first = pairs, 0, 0, None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for pair in self._pairs:
            self.first = self.first or pair
            self.count += 1
            if all(pair):
                yield pair
            else:
                self.blank += 1


def read_lines(path: Path, form: str) -> Iterator[str]:
    """The lines of a UTF-8 file (see `read_text`), normalised to `form`, without their ends."""
    return lines_of(path, normalise_pieces(read_text(path), form))


def read_table(path: Path, form: str, blank: bool = False) -> Iterator[tuple[str, str]]:
    """The first two columns of a file with tabs between columns, normalised and with white space squeezed.

    A third column, such as Tatoeba's attribution, is ignored. Every line is data: there is no header.

    Args:
        blank: whether sentences may be blank, and lines with nothing in them, which give two blank sentences.

    Raises:
        DataError: a line has another number of columns or a blank sentence; names file and line. Or see
            `read_text`.
    """
    usual = None  # how many columns the lines have
    for number, line in enumerate(read_lines(path, form), 1):
        columns = line.split("\t")
        if blank and not line.strip():
            yield "", ""
            continue
        if len(columns) not in (2, 3):
            raise DataError(
                f"{path}: line {number}: {len(columns)} column{'s' * (len(columns) > 1)}; expected a"
                " sentence, a tab and its translation (and perhaps a tab and an attribution)"
                + (_SKIPS if not line.strip() else "")
            )
        usual = usual or len(columns)
        if len(columns) != usual:
            raise DataError(
                f"{path}: line {number}: {len(columns)} columns, and {usual} in the lines before; a tab"
                " inside a sentence would make its second half the translation"
            )
        pair = squeeze_string(columns[0]), squeeze_string(columns[1])
        if not (all(pair) or blank):
            where = f"column {1 + bool(pair[0])}"
            raise DataError(f"{path}: line {number}: {where} is empty; expected a sentence{_SKIPS}")
        yield pair


def read_aligned(first: Path, second: Path, form: str, blank: bool = False) -> Iterator[tuple[str, str]]:
    """The lines of two files side by side, normalised and with white space squeezed.

    Args:
        blank: whether lines may be blank.

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
            if not (sentence or blank):
                raise DataError(f"{path}: line {number}: the line is empty; expected a sentence{_SKIPS}")
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
