"""The errors that the command line prints as one line, and what their messages share."""

import difflib
import sys
from collections.abc import Iterable


class ConfigError(ValueError):
    """A configuration or a flag cannot be used; the message is one line: key, value and what is expected."""


class TrainingError(RuntimeError):
    """Training cannot go on, such as after a loss that is no number; the message says what to change."""


class CheckError(RuntimeError):
    """A check did not hold, such as a runtime that gives other answers; the message says which."""


class Interrupted(Exception):
    """The user stopped a run, which is saved and can be resumed."""


def note(line: str) -> None:
    """Prints a line to standard error, at once."""
    print(line, file=sys.stderr, flush=True)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known name that looks most like `word`; of dotted names the last part counts most."""

    def likeness(name: str) -> float:
        tail, name_tail = word.rpartition(".")[2], name.rpartition(".")[2]
        initials = "".join(part[:1] for part in name_tail.split("_"))  # lr is learning_rate
        pairs = ((word, name), (tail, name_tail), (tail, initials))
        return sum(difflib.SequenceMatcher(None, *pair).ratio() for pair in pairs)

    return max(known, key=likeness)
