"""A translation token by token, with the stateless signatures of an export. Needs no TensorFlow.

The signature `greedy` chooses the tokens in the graph, so the text is that of `translate` with `beam_size` 1.
"""

from collections.abc import Iterator

import numpy as np

from kerasapp.serving.rest.streamed_text import Arrays, End, Piece, Run, Specs, StreamedText, close


def translate(run: Run, inputs: Arrays, specs: Specs) -> Iterator[Piece | End]:
    """Translates a sentence greedily.

    Args:
        run: function (signature, inputs) -> outputs, of a translation export. A server's limits, deadline and
            batching hold for each call.
        inputs: "source", "min_ratio" and "max_ratio", one row. specs: not needed.

    Yields:
        One `Piece` per token, then the `End`.
    """
    knobs = dict(inputs)
    read = run("tokenize", {"text": knobs.pop("source")})
    encoded = run("encode", {"ids": read["ids"], "lengths": read["lengths"]})
    last = {"ids": read["start"], "log_probability": np.zeros([1], np.float32)}
    text, shown, position, reason = StreamedText(run), 0, 0, ""
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
    yield from close(text.whole, shown, reason, position)
