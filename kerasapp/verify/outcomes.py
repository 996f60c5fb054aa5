"""What a runtime says to one input, in a form that is the same for all runtimes. Needs NumPy alone."""

from typing import NamedTuple

import numpy as np


class Outcome(NamedTuple):
    """An answer.

    text: what is shown of it. exact: name -> text, whole number or list of them, which have to be equal.
    numbers: name -> float32 array, which has to be near. count: tokens or frames made, 0 where none are.
    refused: why there is no answer, or None.
    """

    text: str = ""
    exact: dict = {}
    numbers: dict = {}
    count: int = 0
    refused: str | None = None


def outcomes(signature, outputs, rows):
    """The outcomes of a request.

    Args:
        signature: a key of `SIGNATURES`.
        outputs: name -> array or nested list, the batch first.
        rows: how many there are.

    Returns: list of `Outcome`, without the padding of shorter rows.
    """
    read = SIGNATURES[signature]
    return [read({name: value[i] for name, value in outputs.items()}) for i in range(rows)]


def _generate(row):
    text, count = _text(row["text"]), int(row["tokens"])
    return Outcome(text, {"text": text, "tokens": count, "stop_reason": _text(row["stop_reason"])}, {}, count)


def _score(row):
    if "steps" in row:  # of series
        nats, count = _floats(row["nats"]), int(row["steps"])
        return Outcome(f"{float(nats):.4f} nats", {"steps": count}, {"nats": nats})
    if "nats" in row:  # of generation
        nats, count = _floats(row["nats"]), int(row["characters"])
        return Outcome(f"{float(nats):.4f} nats", {"characters": count}, {"nats": nats})
    log_p, count = _floats(row["log_probability"]), int(row["tokens"])
    return Outcome(f"log p {float(log_p):.4f}", {"tokens": count}, {"log_probability": log_p})


def _translate(row):
    text, count = _text(row["translation"]), int(row["count"])
    source, target = (
        [token for token in map(_text, row[f"{side}_tokens"]) if token] for side in ("source", "target")
    )
    exact = {
        "translation": text,
        "finished": int(row["finished"]),
        "translations": [_text(other) for other in row["translations"][:count]],
        "target_tokens": len(target),
    }
    numbers = {"score": _floats(row["score"]), "scores": _floats(row["scores"])[:count]}
    if source:  # a blank sentence has no alignment
        numbers["alignment"] = _floats(row["alignment"])[: len(target), : len(source)]
    return Outcome(text, exact, numbers, len(target))


def _embed(row):
    vector = _floats(row["embedding"])
    return Outcome(f"{len(vector)} numbers", {"size": len(vector)}, {"embedding": vector})


def _synthesize(row):
    frames, steps, tokens = int(row["frames"]), int(row["steps"]), [_text(t) for t in row["tokens"]]
    characters = sum(map(bool, tokens))
    mel = _floats(row["mel"])[:frames]
    reason = _text(row["stop_reason"])
    exact = {"frames": frames, "stop_reason": reason, "left_out": int(row["left_out"])}
    alignment = _floats(row["alignment"])[:steps, :characters]
    return spoken(exact, mel, alignment, stop=_floats(row["stop"])[:steps])


def spoken(exact, mel, alignment, **numbers):
    """The `Outcome` of a text read aloud. Its wave is left out: Griffin-Lim makes a thousandth of full scale
    of the last bits of a spectrogram."""
    text = f"{exact['frames']} frames, ended by {exact['stop_reason']}"
    numbers |= {"mel": mel, "frame_means": mel.mean(axis=1), "alignment": alignment}
    return Outcome(text, exact, numbers, exact["frames"])


def _forecast(row):
    steps = int(row["steps"])
    return forecast(row["mean"][:steps], row["quantiles"][:steps])


def forecast(mean, quantiles):
    """The `Outcome` of a forecast, without the steps beyond its horizon."""
    mean, quantiles = _floats(mean), _floats(quantiles)
    numbers = {"mean": mean, "quantiles": quantiles}
    return Outcome(f"{len(mean)} steps", {"steps": len(mean)}, numbers, len(mean))


SIGNATURES = {
    "generate": _generate,
    "score": _score,
    "translate": _translate,
    "embed": _embed,
    "synthesize": _synthesize,
    "forecast": _forecast,
}


def _text(value):
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _floats(value):
    return np.asarray(value, np.float32)
