"""A text token by token, with the stateless signatures of an export. Needs no TensorFlow.

The signature `sample` chooses the tokens in the graph, so the text is that of the signature `generate`.
"""

from collections.abc import Iterator

import numpy as np

from kerasapp.serving.rest.streamed_text import Arrays, End, Piece, Run, Specs, StreamedText, close


def generate(run: Run, inputs: Arrays, specs: Specs) -> Iterator[Piece | End]:
    """Continues a prompt.

    Args:
        run: function (signature, inputs) -> outputs, of a generation export. A server's limits, deadline and
            batching hold for each call.
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
    text, shown = StreamedText(run), 0
    for position in range(length):
        out = run("sample", {**out, **knobs, "position": np.array([position], np.int32)})
        so_far = text.add(out.pop("ids"))
        if stop and (place := so_far.find(stop, shown)) >= 0:  # no part of it was shown
            yield from close(so_far[:place], shown, "stop", position + 1)
            return
        sure = len(so_far) - _possible_start(so_far, stop)
        yield Piece(so_far[shown:sure], position + 1)
        shown = max(shown, sure)
    whole, found, _ = text.whole.partition(stop) if stop else (text.whole, "", "")
    yield from close(whole, shown, "stop" if found else "length", length)


def _possible_start(text: str, stop: str) -> int:
    """The number of characters at the end of `text` that may be the beginning of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
