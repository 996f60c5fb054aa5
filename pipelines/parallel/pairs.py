"""Pairs of sentences, read from files."""

import itertools
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipelines.errors import DataError
from pipelines.files import lines_of, read_text
from pipelines.splits import string_digest
from pipelines.text.normalisation import normalise_pieces
from pipelines.text.sentences import has_letters, squeeze_string
from pipelines.text.shifted import shifted
from pipelines.text.suspects import Suspects

Pairs = Iterable[tuple[str, str]]

_COMPARED = 10_000  # first pairs whose lengths are compared
_SKIPS = " (--data.blank_lines skip leaves out lines that are blank on a side)"
_ID = re.compile(r"\s*[!-~]*\d[!-~]*\s*", re.ASCII)  # one word of ASCII with a digit
ODD = {  # what may be wrong with a pair -> whether it is
    "have no letter in the first sentence": lambda first, second: not has_letters(first),
    "have no letter in the second sentence": lambda first, second: not has_letters(second),
    "have an id or the like for the first sentence": lambda first, second: _is_id(first, second),
    "have the same text twice": lambda first, second: first == second,
    "have quotes around a sentence": lambda first, second: _quoted(first) or _quoted(second),
}


class Counted:
    """Pairs without blank sides, and how many were read so far: `count`, of which `blank` are left out;
    `first`, the first of them; `odd`, how many are odd, by the names of `ODD`; `suspects`, the suspicious
    characters of both sides."""

    def __init__(self, pairs: Pairs, odd: Iterable[str] = ODD):
        self._pairs, self.count, self.blank, self.first = pairs, 0, 0, None
        self._lengths = []
        self.odd, self.suspects = dict.fromkeys(odd, 0), Suspects()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for pair in self._pairs:
            self.first = self.first or pair
            self.count += 1
            if all(pair):
                if len(self._lengths) < _COMPARED:
                    self._lengths.append(tuple(map(len, pair)))
                for name in self.odd:
                    self.odd[name] += ODD[name](*pair)
                self.suspects.add("\n".join(pair))
                yield pair
            else:
                self.blank += 1

    @property
    def shifted(self) -> bool:
        """Whether the translations seem to be those of the lines before or after."""
        return shifted(*zip(*self._lengths, strict=True)) if self._lengths else False


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
    numbered = 0  # lines whose first column is a number or an id, and the two others have letters
    for number, line in enumerate(read_lines(path, form), 1):
        columns = line.split("\t")
        if blank and not line.strip():
            yield "", ""
            continue
        if len(columns) not in (2, 3):
            raise DataError(
                f"{path}: line {number}: {len(columns)} column{'s' * (len(columns) > 1)}; expected a"
                " sentence, a tab and its translation (and perhaps a tab and an attribution)"
                + (_columns_cure(path, line) if line.strip() else _SKIPS)
            )
        usual = usual or len(columns)
        if len(columns) != usual:
            raise DataError(
                f"{path}: line {number}: {len(columns)} columns, and {usual} in the lines before; a tab"
                " inside a sentence would make its second half the translation"
            )
        if usual == 3 and all(map(has_letters, columns[1:])):
            numbered += not has_letters(columns[0]) or _is_id(*columns[:2])
        pair = squeeze_string(columns[0]), squeeze_string(columns[1])
        if not (all(pair) or blank):
            where = f"column {1 + bool(pair[0])}"
            raise DataError(f"{path}: line {number}: {where} is empty; expected a sentence{_SKIPS}")
        yield pair
    if numbered > number / 2:
        raise DataError(
            f"{path}: the first of 3 columns is a number, a score or an id in {numbered:,} of {number:,}"
            f" lines; expected a sentence and its translation first: {_cut(path, '2,3')}"
        )


def _is_id(text: str, other: str) -> bool:
    """Whether a text names a line, such as train-17, and the one beside it is a sentence."""
    return _ID.fullmatch(text) is not None and " " in other.strip()


def _quoted(text: str) -> bool:
    return len(text) > 1 and text[0] == text[-1] == '"'


def _columns_cure(path: Path, line: str) -> str:
    """The command that makes a file of pairs out of one whose columns are others; `line` is one of it."""
    if "\t" in line:
        columns = line.split("\t")
        longest = sorted(sorted(range(len(columns)), key=lambda i: -len(columns[i]))[:2])
        kept = ",".join(str(place + 1) for place in longest)
        return f"; to keep two columns, such as the longest: {_cut(path, kept)}"
    if line.lstrip().startswith(("{", "[")):
        return "; this looks like JSON"
    found = next((separator for separator in ("|||", ";", ",") if separator in line), None)
    if found == "|||":
        return f"; to have tabs: sed 's/ *||| */\\t/g' {shlex.quote(str(path))} > pairs.tsv"
    if found:
        reader = f"csv.reader(sys.stdin, delimiter={found!r})"
        command = f"import csv, sys; csv.writer(sys.stdout, 'excel-tab').writerows({reader})"
        return f'; of CSV: python -c "{command}" < {shlex.quote(str(path))} > pairs.tsv'
    return ""


def _cut(path: Path, columns: str) -> str:
    return f"cut -f{columns} {shlex.quote(str(path))} > pairs.tsv"


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
