"""The text of a stream: what a task's loop over tokens yields, and how it grows by a token."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]
Run = Callable[[str, Arrays], dict[str, np.ndarray]]
Specs = Callable[[str], Mapping[str, Any]]  # name -> inputs of a signature, each with a `shape`

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_WINDOW = 64  # tokens whose text may still change; earlier ones are decoded once


@dataclass(frozen=True)
class Piece:
    """The text that one token has added. It is empty while a character or a stop string is incomplete."""

    text: str
    tokens: int
    """The number of tokens so far."""


@dataclass(frozen=True)
class End:
    """The whole text, and why it ended: "length", "stop" (the stop string) or "end" (the end token)."""

    text: str
    stop_reason: str
    tokens: int


class StreamedText:
    """The text of a growing row of tokens. For each new token, only the last ones are decoded again.

    Args:
        run: function (signature, inputs) -> outputs, of an export with the signature `detokenize`.
    """

    def __init__(self, run: Run):
        self._run = run
        self._settled = ""
        self._ids = np.zeros([0], np.int32)  # after the settled text
        self.whole = ""

    def add(self, ids: np.ndarray) -> str:
        """The text with one more token, int32 [1], without an incomplete character at its end.

        The first bytes of a character decode to U+FFFD until the others have come.
        """
        self._ids = np.concatenate([self._ids, ids])
        recent = self._decode(self._ids)
        self.whole = self._settled + recent
        if len(self._ids) >= 2 * _WINDOW:
            first, rest = self._decode(self._ids[:-_WINDOW]), self._decode(self._ids[-_WINDOW:])
            if first + rest == recent:  # false if the cut goes through a character or white space
                self._settled += first
                self._ids = self._ids[-_WINDOW:]
        return self.whole.rstrip(REPLACEMENT)

    def _decode(self, ids: np.ndarray) -> str:
        row = {"ids": ids[np.newaxis], "lengths": np.array([len(ids)], np.int32)}
        return self._run("detokenize", row)["text"][0].decode()


def close(text: str, shown: int, reason: str, tokens: int) -> Iterator[Piece | End]:
    """Yields what comes after the `shown` characters of a text, if any, and the `End`."""
    if len(text) > shown:
        yield Piece(text[shown:], tokens)
    yield End(text, reason, tokens)
