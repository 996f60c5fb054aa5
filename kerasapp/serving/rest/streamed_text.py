"""The text of a stream: what a task's loop over tokens yields, and how it grows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasapp.knobs import COUNT

Arrays = Mapping[str, np.ndarray]
Run = Callable[[str, Arrays], dict[str, np.ndarray]]
Specs = Callable[[str], Mapping[str, Any]]  # name -> inputs of a signature, each with a `shape`

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
MOST = COUNT.default  # tokens that one call of the model makes
_WINDOW = 32  # tokens whose text may still change; earlier ones are decoded once


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
    """The text of a growing row of tokens. For new tokens, only the last ones are decoded again.

    Args:
        run: function (signature, inputs) -> outputs, of an export with the signature `detokenize`.
    """

    def __init__(self, run: Run):
        self._run = run
        self._settled = ""
        self._ids = np.zeros([0], np.int32)  # after the settled text
        self.whole = ""

    def add(self, ids: np.ndarray) -> list[str]:
        """The text with one more token, with two, and so on, of int32 [count], each without an incomplete
        character at its end.

        The first bytes of a character decode to U+FFFD until the others have come.
        """
        if not len(ids):
            return []
        before, self._ids = len(self._ids), np.concatenate([self._ids, ids])
        cut = max(len(self._ids) - _WINDOW, 0)
        first, *recent = self._decode(self._ids, [cut, *range(before + 1, len(self._ids) + 1)])
        texts = [self._settled + text for text in recent]
        self.whole = texts[-1]
        if cut >= _WINDOW:
            (rest,) = self._decode(self._ids[cut:], [_WINDOW])
            if first + rest == recent[-1]:  # false if the cut goes through a character or white space
                self._settled += first
                self._ids = self._ids[cut:]
        return [text.rstrip(REPLACEMENT) for text in texts]

    def _decode(self, ids: np.ndarray, lengths: Sequence[int]) -> list[str]:
        """The texts of the first tokens of a row, of each number of them in `lengths`."""
        rows = {"ids": np.tile(ids, [len(lengths), 1]), "lengths": np.array(lengths, np.int32)}
        return [text.decode() for text in self._run("detokenize", rows)["text"]]


def counts(most: int) -> Iterator[int]:
    """How many tokens each call of the model makes: one, so that the text begins at once, two, four, up to
    `most`, as a call costs more than a token of a small model."""
    count = 1
    while True:
        yield count
        count = min(2 * count, most)


def close(text: str, shown: int, reason: str, tokens: int) -> list[Piece | End]:
    """What comes after the `shown` characters of a text, if any, and the `End`."""
    rest = [Piece(text[shown:], tokens)] if len(text) > shown else []
    return [*rest, End(text, reason, tokens)]
