"""What `kerasapp verify` asks of a translator, and what it makes of the answers."""

import functools
import itertools

import numpy as np

from kerasapp.tasks.translation import stream
from kerasapp.tasks.translation.answers import SPARE
from kerasapp.verify.inputs import AWKWARD, Item, random_texts, spread
from kerasapp.verify.outcomes import Outcome, floats, read_ids, scored, text_of
from kerasapp.verify.worth import Worth, common
from pipelines.text.special import END, FIRST

WORTH = Worth("bleu", "BLEU", 0.3, 1.0, "sentences", 1000, in_points=True)


def translated(row):
    """The `Outcome` of a row of the signature `translate`."""
    text, count = text_of(row["translation"]), int(row["count"])
    source, target = (
        [token for token in map(text_of, row[f"{side}_tokens"]) if token] for side in ("source", "target")
    )
    exact = {
        "translation": text,
        "finished": int(row["finished"]),
        "translations": [text_of(other) for other in row["translations"][:count]],
        "target_tokens": target,
        "source_tokens": source,
    }
    numbers = {"score": floats(row["score"]), "scores": floats(row["scores"])[:count]}
    if source:  # a blank sentence has no alignment
        numbers["alignment"] = floats(row["alignment"])[: len(target), : len(source)]
    return Outcome(text, exact, numbers, len(target))


def embedded(row):
    """The `Outcome` of a row of the signature `embed`."""
    vector = floats(row["embedding"])
    return Outcome(f"{len(vector)} numbers", {"size": len(vector)}, {"embedding": vector})


def answered(row):
    """The `Outcome` of a row of `serving_default`."""
    text = text_of(row["translation"])
    return Outcome(text, {"translation": text})


def streamed(run, inputs, specs, most=stream.MOST):
    """The text of all pieces, as a server streams it, and what it has of a translation."""
    summed = []

    def watched(name, given):
        out = run(name, given)
        summed.extend(np.reshape(out["log_probability"], -1) if name.startswith("greedy") else [])
        return out

    *pieces, end = itertools.chain.from_iterable(stream.translate(watched, inputs, specs, most))
    text, finished = "".join(piece.text for piece in pieces), int(end.stop_reason == "end")
    return {"translation": [text], "finished": [finished], "log_probability": [summed[end.tokens]]}


def stream_of(row):
    """The `Outcome` of `streamed` and `stepwise`."""
    text = text_of(row["translation"])
    numbers = {name: floats(row[name]) for name in ("log_probability", "score", "alignment") if name in row}
    return Outcome(text, {"translation": text, "finished": int(row["finished"])}, numbers)


def stepwise(run, inputs, specs):
    """The best translation by `encode` and `step`, searched by the search of `kerasapp_lite`."""
    from kerasapp_lite.translation import Search, search

    read = run("tokenize", {"text": inputs["source"]})
    encoded = run("encode", {"ids": read["ids"], "lengths": read["lengths"]})
    size, tokens = int(inputs["beam_size"][0]), int(read["lengths"][0])
    rows = {name: np.repeat(array, size, axis=0) for name, array in encoded.items()}
    least, most = (float(inputs[name][0]) for name in ("min_ratio", "max_ratio"))
    penalties = (float(inputs[name][0]) for name in ("length_penalty", "coverage_penalty"))
    longest = int((tokens - 1) * most) + SPARE
    how = Search(size, *penalties, min(int((tokens - 1) * least), longest), longest)

    def look(ids, states):
        found = run("step", {**rows, **states, "ids": ids})
        never = np.arange(found["logits"].shape[1]) < END  # padding, unknown and start
        logits = np.where(never, -np.inf, found["logits"])
        states = {name: found[name] for name in rows.keys() & found.keys()}
        return logits, found["alignment"][:, :tokens], states

    states = {name: rows[name] for name in rows if name not in ("keys", "values", "mask")}
    score, finished, ids, alignment = search(look, states, size, tokens, how)[0]
    text = run("detokenize", {"ids": [ids], "lengths": [len(ids)]})["text"]
    return {"translation": text, "finished": [int(finished)], "score": [score], "alignment": [alignment]}


def tokens_of(run, inputs, specs):
    """What `tokenize` gives for a sentence, and the text of `detokenize` for ids of the target."""
    read = run("tokenize", {"text": inputs["text"]})
    ids = inputs["ids"]
    text = run("detokenize", {"ids": ids, "lengths": [len(ids[0])]})["text"]
    return {**read, "written": text}


OUTCOMES = {
    "serving_default": answered,
    "streaming": stream_of,
    "tokens": stream_of,
    "steps": stream_of,
    "round trip": read_ids,
    "tokenize": read_ids,
    "translate": translated,
    "score": lambda row: scored(row, "tokens", "log_probability"),
    "embed": embedded,
}


LOOPS = {
    "streaming": streamed,
    "tokens": functools.partial(streamed, most=1),
    "steps": stepwise,
    "round trip": tokens_of,
}


def stored(outputs):
    """The `Outcome` in a bundle's test vector."""
    return Outcome(outputs["text"], {"translation": outputs["text"]}, {"score": floats(outputs["score"])})


def ported(outputs):
    """The `Outcome` of all that a bundle's test vector has."""
    found = stored(outputs)
    return found._replace(exact={**found.exact, "read": outputs["read"], "pieces": len(outputs["pieces"])})


def asked(settings, origin):
    """The knobs of sentences that are not test vectors."""
    return {"beam_size": settings.beam_size}


def awkward(task):
    """Sentences of every kind, and every knob; the last two are as long as a phone reads, and longer."""
    from kerasapp.tasks.translation.tflite import LONGEST  # needs TensorFlow
    from pipelines.text import sentences

    words = " ".join(random_texts(task.tokenizer[0], 60)).split()
    texts = [" ".join(words[:n]) for n in range(1, len(words))]
    lengths = sentences.encode(task.tokenizer[0], texts).row_lengths().numpy()
    longest = int(np.sum(lengths < LONGEST))  # with the end
    short = {"beam_size": 1, "max_ratio": 0.0}
    long = [(" ".join(words[:n]), short) for n in (longest, longest + 3)]
    knobs = (
        {"beam_size": 4, "n_best": 3, "length_penalty": 0.3, "coverage_penalty": 0.5},
        {"beam_size": 4, "n_best": 3, "min_ratio": 2.0, "max_ratio": 3.0},
        {"beam_size": 1, "max_ratio": 0.1},
    )
    varied = [(" ".join(words[n : n + size]), one) for n, size, one in zip((0, 7, 9), (5, 5, 30), knobs)]
    return [*varied, *((text, {"beam_size": 2}) for text in AWKWARD), *long]


def varied(i):
    """The knobs of the held-out sentence number i: every third gives more translations than one."""
    return {"n_best": 2} if i % 3 == 1 else {}


def probes(items, settings, signatures):
    """Streams, searches step by step, scores, and texts read and written."""
    greedy = [item for item in items if item.inputs["beam_size"] == 1 and item.inputs["max_ratio"]]
    greedy = sorted(greedy, key=lambda item: item.inputs["max_ratio"])[:5]  # those that are cut first
    beams = [item for item in items if 1 < item.inputs["beam_size"] < 5 and item.inputs["source"].strip()]
    # The short ones: by REST each step writes the encoded sentence, once per beam, as text.
    beams = sorted(beams, key=lambda item: len(item.inputs["source"]))[:5]
    found = []
    for item in greedy:
        inputs = {name: item.inputs[name] for name in ("source", "min_ratio", "max_ratio")}
        loops = ("streaming", "tokens") if "greedy_many" in signatures else ("tokens",)
        found += [Item("translation", loop, inputs, "fixed", like=item) for loop in loops]
    found += [Item("translation", "steps", item.inputs, "fixed", like=item) for item in beams]
    texts = dict.fromkeys(item.inputs["source"] for item in items)
    for n, text in enumerate(sorted(texts, key=str.isascii)):  # first what may be normalised
        if n < 16:
            inputs = {"text": text, "ids": [FIRST + (n + i) % 3 for i in range(n)]}
            found.append(Item("translation", "round trip", inputs, "fixed"))
            if n < 8:
                found.append(Item("translation", "tokenize", {"text": text}, "fixed"))  # in batches, too
            found.append(Item("translation", "score", {"source": text, "target": "a " + text[:40]}, "fixed"))
            if "embed" in signatures:
                found.append(Item("translation", "embed", {"text": text}, "fixed"))
    return found


def likeness(item, found, expected):
    """The share of a translation that is Keras's, before the first other word."""
    wanted = expected.exact.get("translation")
    if not wanted or "translation" not in found.exact:
        return None
    return common(found.exact["translation"].split(), wanted.split())


LIKE = {"float16": 0.5, "dynamic": 0.3, "int8": 0.2}


def drawn(task, count):
    """Sentences of tokens at random."""
    return random_texts(task.tokenizer[0], count)


def held_out(task, split, count, scored):
    """Pairs of a split: {"texts", "references", "scored"} (see `kerasapp.verify.held_out`)."""
    sources, references = task.corpus.texts(split)
    rows = spread(len(sources), count)
    return {
        "texts": [sources[i] for i in rows], "references": [references[i] for i in rows],
        "scored": [{"source": sources[i], "target": references[i]} for i in rows[:scored]],
    }  # fmt: skip


def figures(answered):
    """The figures of (item, outcome, Keras's outcome); {} where none can be had."""
    from kerasapp.tasks.translation.metrics import translation_scores  # here: who reads outcomes needs none

    held_out = [(one.exact["translation"], item.reference) for item, one, _ in answered if item.reference]
    if not held_out:
        return {}
    scores = translation_scores(*map(list, zip(*held_out, strict=True)))
    return {"bleu": scores["bleu"], "chrf": scores["chrf"], "sentences": len(held_out)}


def shown(figures):
    """The figures in words."""
    return f"{figures['bleu']:.2f} BLEU, {figures['chrf']:.2f} chrF"
