"""A text token by token, with the stateless signatures of an export. Needs no TensorFlow.

The signature `sample_many` chooses the tokens in the graph, so the text is that of the signature `generate`.
"""

from collections.abc import Iterator

import numpy as np

from kerasapp.serving.rest.streamed_text import (
    MOST,
    Arrays,
    End,
    Piece,
    Run,
    Specs,
    StreamedText,
    close,
    counts,
)


def generate(run: Run, inputs: Arrays, specs: Specs, most: int = MOST) -> Iterator[list[Piece | End]]:
    """Continues a prompt.

    Args:
        run: function (signature, inputs) -> outputs, of a generation export. A server's limits, deadline and
            batching hold for each call.
        inputs: of `generate`, one row.
        specs: function of a signature's name that gives its inputs; the states of `prefill` start as zeros.
        most: tokens that a call makes. 1, for exports without `sample_many`, takes `sample`.

    Yields:
        One `Piece` per token, those of a call together, and at last the `End`.
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
    text, shown, done, sizes = StreamedText(run), 0, 0, counts(most)
    while done < length:
        at = {"position": np.array([done], np.int32)}
        if most > 1:
            at["count"] = np.array([min(next(sizes), length - done)], np.int32)
        out = run("sample_many" if most > 1 else "sample", {**out, **knobs, **at})
        pieces: list[Piece | End] = []
        # In a batch there are more tokens where another row has a greater count.
        for so_far in text.add(out.pop("ids").reshape(-1)[: length - done]):
            done += 1
            if stop and (place := so_far.find(stop, shown)) >= 0:  # no part of it was shown
                yield [*pieces, *close(so_far[:place], shown, "stop", done)]
                return
            sure = len(so_far) - _possible_start(so_far[shown:], stop)
            pieces.append(Piece(so_far[shown:sure], done))
            shown = max(shown, sure)
        yield pieces
    whole, found, _ = text.whole.partition(stop) if stop else (text.whole, "", "")
    yield close(whole, shown, "stop" if found else "length", length)


def _possible_start(text: str, stop: str) -> int:
    """The number of characters at the end of `text` that may be the beginning of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
