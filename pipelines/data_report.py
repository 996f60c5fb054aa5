"""What was found in the data of a training: told before it starts, and kept with the run.

report = DataReport("translation")
report.read["pairs"] = 600
report.drop("train", 540, 600, "pairs", "a side has more than 100 tokens")
print("\n".join(report.lines()))
"""

import json
import math
import numbers
import os
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines.atomic import write_text
from pipelines.errors import DataError

if TYPE_CHECKING:  # the flags of a training, read without NumPy, need the name of the file
    import numpy as np

FILE = "data_report.json"
WIDTH = 80  # columns of the text
UNKNOWN_TOLD, UNKNOWN_REFUSED = 0.01, 0.1  # shares of unknown characters above which they are told, refused
SPELT_TOLD = 0.05  # share of characters spelt in bytes above which they are told
UNKNOWN_FEW = 10  # unknown characters of a split that are never refused: a split may be tiny
_NAMED = 12  # unknown characters that a line names
_FEW = 5  # things left out that the text names
_LABEL = 12  # columns of the names at the left


class Unknown(NamedTuple):
    """The characters of a text that a vocabulary does not have.

    Attributes:
        where: whose text it is, such as "the valid split".
        characters: of the text.
        count: how many of them are unknown.
        letters: the unknown characters, the most frequent first, with how often they are there.
        spelt: whether each of them is spelt in bytes, as subwords do; else each is the token "unknown".
    """

    where: str
    characters: int
    count: int
    letters: Mapping[str, int]
    spelt: bool = False

    @property
    def share(self) -> float:
        return self.count / max(1, self.characters)

    def __str__(self) -> str:
        what = "are spelt in bytes" if self.spelt else "are not in the vocabulary"
        of = f"{self.count:,} of {self.characters:,} characters of {self.where} ({percent(self.share)})"
        return f"{of} {what}: {named(self.letters)}"


class DataReport:
    """What was read, kept and dropped of a task's data, and what it looks like.

    Args:
        task: the task's name.

    Attributes:
        content: a digest of the data, by which a later reader knows whether they have changed.
        read: what was read: name -> number, text or list of texts.
        tables: name -> row -> column -> number or text, such as "splits" and "lengths".
        dropped: what is not used, a dict each; see `drop`.
        unknown: the unknown characters of each split.
        vocabulary: name -> number of tokens.
        examples: two examples as the model sees them.
        warnings: what may be wrong, a line each.
        refusals: why a training does not start, a line each.
    """

    def __init__(self, task: str):
        self.task = task
        self.content: str | None = None
        self.read: dict[str, Any] = {}
        self.tables: dict[str, dict[str, dict[str, Any]]] = {}
        self.dropped: list[dict[str, Any]] = []
        self.unknown: list[Unknown] = []
        self.vocabulary: dict[str, int] = {}
        self.examples: list[str] = []
        self.warnings: list[str] = []
        self.refusals: list[str] = []

    def drop(
        self, split: str | None, count: int, of: int, what: str, reason: str, items: Sequence[str] = ()
    ) -> None:
        """Adds that `count` of `of` things of a split (None: of all) are not used; nothing where it is 0.

        Args:
            items: a line about each.
        """
        if count:
            row = {"split": split, "count": count, "of": of, "what": what, "reason": reason}
            self.dropped.append(row | ({"items": list(items)} if items else {}))

    def add_unknown(self, found: Iterable[Unknown], cure: str, allowed: bool) -> None:
        """Adds unknown characters, with a warning or a refusal where there are many.

        Args:
            found: of each split.
            cure: what the user can do.
            allowed: whether any share of them may be trained on.
        """
        for unknown in found:
            self.unknown.append(unknown)
            if unknown.spelt:
                told = any("spelt in bytes" in warning for warning in self.warnings)
                if unknown.share > SPELT_TOLD and not told:  # of a corpus all splits are alike
                    self.warnings.append(f"{unknown}; each takes up to 4 tokens, so training is slow")
            elif unknown.share > UNKNOWN_REFUSED and unknown.count > UNKNOWN_FEW and not allowed:
                self.refusals.append(f"{unknown}; {cure}; to train all the same: --data.allow_unknown true")
            elif told := unknown_warning(unknown):
                again = any(warning.endswith(cure) for warning in self.warnings)
                self.warnings.append(told if again else f"{told}; {cure}")

    def add_lengths(self, name: str, lengths: "np.ndarray", limit: int | None = None) -> None:
        """Adds a row to the table "lengths": of `lengths` [items], and the limit that they should keep."""
        row = {"median": at_share(lengths, 0.5), "95%": at_share(lengths, 0.95)}
        row |= {"longest": int(lengths.max())} | ({} if limit is None else {"limit": limit})
        self.tables.setdefault("lengths", {})[name] = row

    def check(self) -> None:
        """Raises: DataError where the data are refused, with the first reason."""
        if self.refusals:
            raise DataError(self.refusals[0])

    def as_json(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        unknown = [{**each._asdict(), "share": each.share} for each in self.unknown]
        return {
            "task": self.task,
            "content": self.content,
            "read": self.read,
            **self.tables,
            "dropped": self.dropped,
            "unknown": unknown,
            "vocabulary": self.vocabulary,
            "examples": self.examples,
            "warnings": self.warnings,
            "refusals": self.refusals,
        }

    def to_json(self) -> str:
        """`as_json` as text, with a line break at its end."""
        return json.dumps(self.as_json(), indent=1, ensure_ascii=False, default=_plain) + "\n"

    def save(self, folder: str | os.PathLike) -> None:
        """Writes `FILE` into a folder, whole or not at all."""
        write_text(Path(folder) / FILE, self.to_json())

    def lines(self) -> list[str]:
        """The report as text, in lines of up to `WIDTH` columns."""
        found = [f"data report of {self.task}"]
        found += _row("read", ", ".join(f"{name} {_shown(value)}" for name, value in self.read.items()))
        for each in self.dropped:
            found += _row("dropped", _dropped(each))
            found += [line for item in few(each.get("items", ())) for line in _row("", f"- {item}")]
        found += [] if self.dropped else _row("dropped", "nothing")
        for name, table in self.tables.items():
            found += _table(name, table)
        if self.vocabulary:
            sizes = ", ".join(f"{name} {_shown(size)}" for name, size in self.vocabulary.items())
            found += _row("vocabulary", sizes)
        for unknown in self.unknown:
            if unknown.count and not any(str(unknown) in warning for warning in self.warnings):
                found += _row("in bytes" if unknown.spelt else "unknown", str(unknown))
        if self.unknown and not any(unknown.count for unknown in self.unknown):
            found += _row("unknown", "no character of any split")
        for example in self.examples:
            found += _row("example", example)
        for warning in self.warnings:
            found += _row("warning", warning)
        return found


def unknown_warning(unknown: Unknown) -> str | None:
    """What is to be told of unknown characters; None where they are few, or spelt in bytes."""
    told = unknown.share > UNKNOWN_TOLD and not unknown.spelt
    return f"{unknown}; no model can read or write these" if told else None


def named(letters: Mapping[str, int]) -> str:
    """Characters with how often they are there: "ж 5, é 2, U+00A0 1, and 7 more"."""
    shown = [f"{_character(letter)} {count:,}" for letter, count in list(letters.items())[:_NAMED]]
    more = len(letters) - len(shown)
    return ", ".join([*shown, *([f"and {more:,} more"] if more > 0 else [])])


def few(items: Sequence[str]) -> list[str]:
    """The first items, and how many more there are."""
    more = len(items) - _FEW
    return [*items[:_FEW], *([f"and {more:,} more, which {FILE} of the run names"] if more > 0 else [])]


def visible(text: str) -> str:
    """A text on one line: line breaks as ⏎, other characters that do not show as U+XXXX."""
    return "".join("⏎" if c == "\n" else c if c == " " else _character(c) for c in text)


def percent(share: float) -> str:
    """A share in per cent, with two digits: "76%", "0.013%"."""
    return f"{100 * share:.0f}%" if share >= 0.1 or share == 0 else f"{100 * share:.2g}%"


def at_share(lengths: "np.ndarray", share: float) -> int:
    """The least length that so large a share of `lengths` [items] does not exceed."""
    ordered = lengths.copy()
    ordered.sort()
    return int(ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)])


def _character(character: str) -> str:
    # A mark that joins the letter before would join the space here.
    plain = character.isprintable() and not character.isspace() and not unicodedata.combining(character)
    return character if plain else f"U+{ord(character):04X}"


def _dropped(each: Mapping[str, Any]) -> str:
    whose = f" of {each['split']}" if each["split"] else ""
    share = percent(each["count"] / max(1, each["of"]))
    return f"{each['count']:,} of {each['of']:,} {each['what']}{whose} ({share}): {each['reason']}"


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, numbers.Integral):
        return f"{value:,}"
    if isinstance(value, numbers.Real):
        return f"{value:,.1f}" if 10 <= abs(value) < 1e15 else f"{value:.4g}"
    if isinstance(value, Sequence):
        names = [str(item) for item in value]
        return ", ".join([*names[:3], *([f"and {len(names) - 3:,} more"] if len(names) > 3 else [])])
    return str(value)


def _plain(value: Any) -> Any:
    """A number of NumPy as JSON can hold it."""
    return value.item()


def _row(name: str, text: str) -> list[str]:
    if not text:
        return []
    lead = f"  {name:<{_LABEL}}"
    return textwrap.wrap(text, WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead)) or [lead]


def _table(name: str, table: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A table with aligned columns; where it is too wide, each row with the names of the columns."""
    columns = list(dict.fromkeys(column for row in table.values() for column in row))
    cells = [[_shown(row[column]) if column in row else "" for column in columns] for row in table.values()]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    first = max(_LABEL, *(len(row) + 3 for row in table), len(name) + 2)
    if first + sum(width + 2 for width in widths) + 2 > WIDTH:
        rows = [", ".join(f"{column} {_shown(v)}" for column, v in row.items()) for row in table.values()]
        return [line for key, row in zip(table, rows) for line in _row(name, f"{key}: {row}")]
    found = [f"  {name:<{first}}" + "".join(f"{c:>{w}}  " for c, w in zip(columns, widths))]
    for key, row in zip(table, cells):
        found.append(f"    {key:<{first - 2}}" + "".join(f"{c:>{w}}  " for c, w in zip(row, widths)))
    return [line.rstrip() for line in found]
