"""The table of transcripts of a folder of recordings, and whether its columns are what they should be."""

import csv
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.errors import DataError, shortened
from pipelines.files import lines_of, read_text
from pipelines.text.sentences import has_letters, squeeze_string

METADATA = "metadata.csv"

_FORM = "id|transcript or id|transcript|normalised transcript"
_MOST_STRANGE = 0.5  # share of normalised transcripts without a letter: more are something else
_LEAST_ROWS = 10  # of a table whose columns are compared
_LEAST_DISTINCT = 0.1  # share of the different transcripts that the normalised ones must have
_LEAST_LENGTH = 1 / 3  # likewise of their length


def read_table(path: Path) -> dict[str, str]:
    """The transcript of each id.

    Each line is "id|transcript" or "id|transcript|normalised transcript", all lines alike, without a header.
    Where all lines begin with a double quote, the fields are quoted, as in CSV. The last transcript that is
    not empty counts. Blank lines at the end are passed over.

    Raises:
        DataError: the file cannot be read; a line has another number of fields, no id, or the id of an
            earlier line; or the third column cannot be normalised transcripts. It names the line and the way
            out.
    """
    rows: dict[str, list[str]] = {}
    for number, line, fields in _numbered_fields(path):
        if len(fields) not in (2, 3):
            raise DataError(
                f"{path}: line {number}: {len(fields)} field{'s' * (len(fields) != 1)}; expected {_FORM}"
                + _cure(path, number, line)
            )
        id, *others = fields
        if rows and len(others) != (width := len(next(iter(rows.values())))):
            raise DataError(
                f"{path}: line {number}: {len(fields)} fields, and the lines before have {width + 1};"
                f" expected {_FORM} in all lines, and no | in a transcript"
            )
        if not id:
            raise DataError(f"{path}: line {number}: the id is empty; expected the name of a clip")
        if id in rows:
            raise DataError(
                f"{path}: line {number}: the id {id} was there before; expected one line per clip"
            )
        rows[id] = others
    _check_third_column(path, list(rows.values()))
    return {id: next(filter(None, reversed(others)), "") for id, others in rows.items()}


def _cure(path: Path, number: int, line: str) -> str:
    """The command that makes bars of other separators, if the first line has no bar."""
    if number > 1 or "|" in line:
        return ""
    command = "tr '\\t' '|' <" if "\t" in line or "," not in line else "sed 's/,/|/'"
    return f", such as by {command} {shlex.quote(str(path))} > bars.csv"


def _numbered_fields(path: Path) -> Iterator[tuple[int, str, list[str]]]:
    """The number, the text and the fields of each line, up to the last that is not blank."""
    text = [line.removesuffix("\r") for line in lines_of(path, read_text(path))]
    while text and not text[-1].strip():
        text.pop()
    quoted = all(line.startswith('"') for line in text)
    for number, line in enumerate(text, 1):
        fields = next(csv.reader([line], delimiter="|")) if quoted else line.split("|")
        yield number, line, [squeeze_string(field) for field in fields]


def _check_third_column(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Raises DataError where the third column holds numbers, or names that many lines share."""
    pairs = [(number, *row) for number, row in enumerate(rows, 1) if len(row) == 2 and all(row)]
    strange = [row for row in pairs if has_letters(row[1]) and not has_letters(row[2])]
    if len(strange) > _MOST_STRANGE * len(pairs):
        number, written, normalised = strange[0]
        found = f'no letters, such as "{normalised}" for "{shortened(written)}"'
    elif len(pairs) >= _LEAST_ROWS and _is_label(pairs):
        number, written, normalised = pairs[0]
        found = f'labels, such as "{shortened(normalised)}" for "{shortened(written)}"'
    else:
        return
    raise DataError(
        f"{path}: line {number}: the third column holds {found}; expected normalised transcripts. If it is"
        " something else, remove it: cut -d'|' -f1,2"
    )


def _is_label(pairs: Sequence[tuple[int, str, str]]) -> bool:
    """Whether the third column has far fewer different values than the second, or far less text."""
    written, normalised = ([row[column] for row in pairs] for column in (1, 2))
    few = len(set(normalised)) < _LEAST_DISTINCT * len(set(written))
    return few or sum(map(len, normalised)) < _LEAST_LENGTH * sum(map(len, written))
