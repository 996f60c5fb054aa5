"""Text token by token, with an export's stateless signatures.

Each loop is a generator. It calls the signatures through a function, so that the engine's limits, deadline
and batching hold for each call. The signatures `sample` and `greedy` choose the tokens in the graph, so the
text is the same as that of `generate`, and of `translate` with one beam.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kerasapp.serving.protocol.signatures import TensorSpec

Arrays = Mapping[str, np.ndarray]
Run = Callable[[str, Arrays], dict[str, np.ndarray]]
Specs = Callable[[str], Mapping[str, TensorSpec]]

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


def generate(run: Run, inputs: Arrays, specs: Specs) -> Iterator[Piece | End]:
    """Continues a prompt; the text is that of the signature `generate`.

    Args:
        run: function (signature, inputs) -> outputs, of a generation export.
        inputs: of `generate`, one row.
        specs: function of a signature's name that gives its inputs; the states of `prefill` start as zeros.

    Yields:
        One `Piece` per token, then the `End`.

    Example:
        >>> "".join(piece.text for piece in generate(run, inputs, specs))  # doctest: +SKIP
    """
    knobs = dict(inputs)
    read = run("tokenize", {"text": knobs.pop("prompt")})
    stop = run("tokenize", {"text": knobs.pop("stop")})["normalised"][0].decode()
    length = int(knobs.pop("length")[0])
    ids = np.concatenate([read["context"][:, np.newaxis], read["ids"]], axis=1)  # [1, 1 + prompt]
    rows = {"ids": ids, "lengths": read["lengths"] + 1}
    states = {
        name: np.zeros([1, one.shape[1]], np.float32)
        for name, one in specs("prefill").items()
        if name not in rows
    }
    out = run("prefill", {**states, **rows})
    text, shown = _Text(run), 0
    for position in range(length):
        out = run("sample", {**out, **knobs, "position": np.array([position], np.int32)})
        so_far = text.add(out.pop("ids"))
        if stop and (place := so_far.find(stop, shown)) >= 0:  # no part of it was shown
            yield from _close(so_far[:place], shown, "stop", position + 1)
            return
        sure = len(so_far) - _possible_start(so_far, stop)
        yield Piece(so_far[shown:sure], position + 1)
        shown = max(shown, sure)
    whole, found, _ = text.whole.partition(stop) if stop else (text.whole, "", "")
    yield from _close(whole, shown, "stop" if found else "length", length)


def translate(run: Run, inputs: Arrays, specs: Specs) -> Iterator[Piece | End]:
    """Translates a sentence greedily; the text is that of the signature `translate` with `beam_size` 1.

    Args:
        run: function (signature, inputs) -> outputs, of a translation export.
        inputs: "source", "min_ratio" and "max_ratio", one row. specs: not needed.

    Yields:
        One `Piece` per token, then the `End`.
    """
    knobs = dict(inputs)
    read = run("tokenize", {"text": knobs.pop("source")})
    encoded = run("encode", {"ids": read["ids"], "lengths": read["lengths"]})
    last = {"ids": read["start"], "log_probability": np.zeros([1], np.float32)}
    text, shown, position, reason = _Text(run), 0, 0, ""
    while True:
        at = {"position": np.array([position], np.int32), "lengths": read["lengths"]}
        out = run("greedy", {**encoded, **last, **knobs, **at})
        if reason := out["stop_reason"][0].decode():
            break
        encoded |= {name: out[name] for name in encoded.keys() & out.keys()}
        last = {name: out[name] for name in last}
        position += 1
        so_far = text.add(out["ids"])
        yield Piece(so_far[shown:], position)
        shown = len(so_far)
    yield from _close(text.whole, shown, reason, position)


class _Text:
    """The text of a growing row of tokens. For each new token, only the last ones are decoded again."""

    def __init__(self, run: Run):
        self._run = run
        self._settled = ""
        self._ids = np.zeros([0], np.int32)  # after the settled text
        self.whole = ""

    def add(self, ids: np.ndarray) -> str:
        """The text with one more token, without an incomplete character at its end.

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


def _close(text: str, shown: int, reason: str, tokens: int) -> Iterator[Piece | End]:
    if len(text) > shown:
        yield Piece(text[shown:], tokens)
    yield End(text, reason, tokens)


def _possible_start(text: str, stop: str) -> int:
    """The number of characters at the end of `text` that may be the beginning of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
