"""What `kerasapp verify` asks of a language model, and what it makes of the answers."""

import math

import numpy as np

from kerasapp.verify.inputs import random_texts
from kerasapp.verify.outcomes import Outcome, scored, text_of
from kerasapp.verify.worth import Worth

PROMPT = 40  # tokens of a prompt
SCORED = 256  # tokens of a text that is scored

WORTH = Worth("bits_per_character", "bits per character", 0.005, 0.02, "characters", 10_000)


def generated(row):
    """The `Outcome` of a row of the signature `generate`."""
    text, count = text_of(row["text"]), int(row["tokens"])
    return Outcome(
        text, {"text": text, "tokens": count, "stop_reason": text_of(row["stop_reason"])}, {}, count
    )


OUTCOMES = {"generate": generated, "score": lambda row: scored(row, "characters")}


def stored(outputs):
    """The `Outcome` in a bundle's test vector."""
    return Outcome(outputs["text"], {"text": outputs["text"]})


def asked(settings, origin):
    """The knobs of texts that are not test vectors. Sampling is compared by the test vectors."""
    return {"temperature": 0.0, "length": settings.length}


def drawn(task, count):
    """Prompts of tokens at random."""
    return random_texts(task.tokenizer, count)


def held_out(task, split, count, scored):
    """Texts of a split: {"texts", "references", "scored"} (see `kerasapp.verify.held_out`)."""
    tokens = np.asarray(task.tokens(split))

    def cut(pieces, length):
        length = min(length, len(tokens))
        starts = np.unique(np.linspace(0, len(tokens) - length, pieces).astype(int))
        rows = np.stack([tokens[start : start + length] for start in starts]).astype(np.int32)
        texts = task.tokenizer.decode(rows, np.full(len(rows), length, np.int32)).numpy()
        return [text.decode(errors="replace") for text in texts]

    return {"texts": cut(count, PROMPT), "references": None, "scored": cut(scored, SCORED)}


def figures(answered):
    """The figures of (item, outcome, Keras's outcome); {} where none can be had."""
    held_out = [
        (one.numbers["nats"], one.exact["characters"])
        for item, one, _ in answered
        if item.signature == "score" and item.origin == "held-out"
    ]
    characters = sum(count for _, count in held_out)
    if not characters:
        return {}
    nats = float(np.sum([nats for nats, _ in held_out], dtype=np.float64))
    return {"bits_per_character": nats / characters / math.log(2.0), "characters": characters}


def shown(figures):
    """The figures in words."""
    return f"{figures['bits_per_character']:.4f} bits per character"
