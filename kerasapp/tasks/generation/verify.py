"""What `kerasapp verify` asks of a language model, and what it makes of the answers."""

import functools
import itertools
import math

import numpy as np

from kerasapp.tasks.generation import stream
from kerasapp.verify.inputs import AWKWARD, Item, random_texts
from kerasapp.verify.loops import round_trip
from kerasapp.verify.outcomes import Outcome, floats, read_ids, scored, text_of
from kerasapp.verify.worth import Worth, common
from pipelines.text.special import CODE_POINTS, FIRST, UNKNOWN

PROMPT = 40  # tokens of a prompt
SCORED = 256  # tokens of a text that is scored

WORTH = Worth("bits_per_character", "bits per character", 0.005, 0.02, "characters", 10_000)


def generated(row):
    """The `Outcome` of a row of the signature `generate`."""
    text, count = text_of(row["text"]), int(row["tokens"])
    return Outcome(
        text, {"text": text, "tokens": count, "stop_reason": text_of(row["stop_reason"])}, {}, count
    )


def answered(row):
    """The `Outcome` of a row of `serving_default`."""
    text = text_of(row["text"])
    return Outcome(text, {"text": text})


def streamed(run, inputs, specs, most=stream.MOST):
    """The text of all pieces, as a server streams it."""
    *pieces, end = itertools.chain.from_iterable(stream.generate(run, inputs, specs, most))
    text = "".join(piece.text for piece in pieces)
    return {"text": [text], "tokens": [end.tokens], "stop_reason": [end.stop_reason]}


def token_nats(logits, token):
    """-ln p of a token by logits [vocabulary], as the signature `score` has it: with the nats that say which
    of all unknown characters an unknown one is (see `pipelines.text.sequences.token_nats`)."""
    logits = logits.astype(np.float64)
    nats = np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[token]
    return nats + (math.log(CODE_POINTS - (len(logits) - FIRST)) if token == UNKNOWN else 0.0)


def stepwise(run, inputs, specs):
    """A text's nats by `prefill` and `step`, as the signature `score` gives them; and whether `prefill` of
    its second half goes on from the states of the first."""
    read = run("tokenize", inputs)
    ids = [int(read["context"][0]), *read["ids"][0, : read["lengths"][0]].tolist()]
    given = {name: one for name, one in specs("prefill").items() if name not in ("ids", "lengths")}
    zeros = {name: np.zeros([1, one.shape[1]], np.float32) for name, one in given.items()}

    def prefill(part, states):
        return run("prefill", {"ids": [part], "lengths": [len(part)], **states})

    out, nats = prefill(ids[:1], zeros), 0.0
    for token in ids[1:]:
        nats += token_nats(out.pop("logits")[0], token)
        out = run("step", {"ids": [token], **out})
    half, stepped = (len(ids) + 1) // 2, out["logits"]
    out = prefill(ids[:half], zeros)
    if ids[half:]:
        out = prefill(ids[half:], {name: out[name] for name in zeros})
    same = np.allclose(out["logits"], stepped, atol=1e-3, rtol=1e-3)
    count = len(text_of(read["normalised"][0]))
    return {"nats": [nats], "characters": [count], "prefill_as_step": [int(same)]}


def stepped(row):
    """The `Outcome` of `stepwise`."""
    nats, count = floats(row["nats"]), int(row["characters"])
    exact = {"characters": count, "prefill_as_step": int(row["prefill_as_step"])}
    return Outcome(f"{float(nats):.4f} nats", exact, {"nats": nats})


OUTCOMES = {
    "generate": generated,
    "serving_default": answered,
    "score": lambda row: scored(row, "characters"),
    "streaming": generated,
    "tokens": generated,
    "steps": stepped,
    "round trip": read_ids,
    "tokenize": read_ids,
}
LOOPS = {
    "streaming": streamed,
    "tokens": functools.partial(streamed, most=1),
    "steps": stepwise,
    "round trip": round_trip,
}


def stored(outputs):
    """The `Outcome` in a bundle's test vector."""
    return Outcome(outputs["text"], {"text": outputs["text"]})


def ported(outputs):
    """The `Outcome` of all that a bundle's test vector has."""
    exact = {"text": outputs["text"], "read": outputs["read"], "ids": outputs["ids"]}
    return Outcome(outputs["text"], exact, {"first_logits": floats(outputs["first_logits"]["values"])})


def asked(settings, origin):
    """The knobs of texts that are not test vectors. Sampling is compared by the test vectors."""
    return {"temperature": 0.0, "length": settings.length}


def awkward(task):
    """Prompts of every kind, continued greedily. One that is longer than a phone reads at once is sampled as
    well: a model that has learned little goes on greedily in one way, whatever it has read."""
    from kerasapp.tasks.generation.tflite import CHUNK

    # With the line break before it, of characters: two whole chunks and a token.
    (long,) = random_texts(task.tokenizer, 1, length=2 * CHUNK)
    greedy = [(text, {"temperature": 0.0, "length": 12}) for text in (*AWKWARD, long)]
    return [*greedy, (long, {"temperature": 0.9, "length": 40, "seed": 7})]


def varied(i):
    """The knobs of the held-out prompt number i: every third is sampled, every third has a stop string."""
    sampled = {"temperature": 0.9, "length": 40, "seed": (-1) ** i * 7919 * i, "top_k": i % 2 * 20}
    return ({}, {**sampled, "top_p": 1.0 - 0.1 * (i % 4)}, {"stop": "e"})[i % 3]


def probes(items, settings, signatures):
    """Streams, scores, and texts read and written again."""
    texts = list(dict.fromkeys(item.inputs["prompt"] for item in items))[:24]
    scores = [Item("generation", "score", {"text": text}, "fixed") for text in texts]
    streams = [item for item in items if item.origin != "fixed" or not item.inputs["prompt"]][:8]
    found = [
        Item("generation", loop, item.inputs, "fixed", like=item)
        for item in streams
        for loop in (("streaming", "tokens") if "sample_many" in signatures else ("tokens",))
    ]
    found += [Item("generation", "round trip", score.inputs, "fixed") for score in scores]
    # In batches, too; first what may be normalised.
    mixed = sorted(scores, key=lambda score: score.inputs["text"].isascii())[:8]
    found += [Item("generation", "tokenize", score.inputs, "fixed") for score in mixed]
    few = [score for score in scores if len(score.inputs["text"]) < 60][:6]
    found += [Item("generation", "steps", score.inputs, "fixed", like=score) for score in few]
    return [*found, *scores]


def likeness(item, found, expected):
    """The share of a greedy text that is Keras's, before the first other character."""
    if item.inputs.get("temperature") != 0.0 or not expected.text:
        return None
    return common(found.text, expected.text)


LIKE = {"float16": 0.5, "dynamic": 0.2, "int8": 0.1}


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
