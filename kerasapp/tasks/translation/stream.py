"""A translation token by token, with the stateless signatures of an export. Needs no TensorFlow.

The signature `greedy_many` chooses the tokens in the graph, so the text is that of `translate` with one beam.
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


def translate(run: Run, inputs: Arrays, specs: Specs, most: int = MOST) -> Iterator[list[Piece | End]]:
    """Translates a sentence greedily.

    Args:
        run: function (signature, inputs) -> outputs, of a translation export. A server's limits, deadline and
            batching hold for each call.
        inputs: "source", "min_ratio" and "max_ratio", one row. specs: not needed.
        most: tokens that a call makes. 1, for exports without `greedy_many`, takes `greedy`.

    Yields:
        One `Piece` per token, those of a call together, and at last the `End`.
    """
    knobs = dict(inputs)
    read = run("tokenize", {"text": knobs.pop("source")})
    encoded = run("encode", {"ids": read["ids"], "lengths": read["lengths"]})
    last = {"ids": read["start"], "log_probability": np.zeros([1], np.float32)}
    text, shown, position, sizes = StreamedText(run), 0, 0, counts(most)
    while True:
        at = {"position": np.array([position], np.int32), "lengths": read["lengths"]}
        if most > 1:
            at["count"] = np.array([next(sizes)], np.int32)
        out = run("greedy_many" if most > 1 else "greedy", {**encoded, **last, **knobs, **at})
        encoded |= {name: out[name] for name in encoded.keys() & out.keys()}
        last = {name: out[name].reshape(-1)[-1:] for name in last}
        reasons = [reason.decode() for reason in out["stop_reason"].reshape(-1)]
        count = next((i for i, reason in enumerate(reasons) if reason), len(reasons))
        pieces: list[Piece | End] = []
        for so_far in text.add(out["ids"].reshape(-1)[:count]):
            position += 1
            pieces.append(Piece(so_far[shown:], position))
            shown = len(so_far)
        if count < len(reasons):
            yield [*pieces, *close(text.whole, shown, reasons[count], position)]
            return
        yield pieces
