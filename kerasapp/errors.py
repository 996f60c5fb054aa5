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
    return max(known, key=lambda name: sum(_likenesses(word, name)))


def is_close(word: str, name: str) -> bool:
    """Whether `word` may be a slip for `name`: the last parts are alike, or are initials as lr is."""
    return max(_likenesses(word, name)[1:]) >= 0.6


def _likenesses(word: str, name: str) -> list[float]:
    """From 0 to 1 each: of the whole names, of their last parts, of the last part and the name's initials."""
    tail, name_tail = word.rpartition(".")[2], name.rpartition(".")[2]
    initials = "".join(part[:1] for part in name_tail.split("_"))  # lr is learning_rate
    pairs = ((word, name), (tail, name_tail), (tail, initials))
    return [difflib.SequenceMatcher(None, *pair).ratio() for pair in pairs]
