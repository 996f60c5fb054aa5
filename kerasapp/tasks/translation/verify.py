"""What `kerasapp verify` asks of a translator, and what it makes of the answers."""

from kerasapp.verify.inputs import random_texts, spread
from kerasapp.verify.outcomes import Outcome, floats, scored, text_of
from kerasapp.verify.worth import Worth

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
        "target_tokens": len(target),
    }
    numbers = {"score": floats(row["score"]), "scores": floats(row["scores"])[:count]}
    if source:  # a blank sentence has no alignment
        numbers["alignment"] = floats(row["alignment"])[: len(target), : len(source)]
    return Outcome(text, exact, numbers, len(target))


def embedded(row):
    """The `Outcome` of a row of the signature `embed`."""
    vector = floats(row["embedding"])
    return Outcome(f"{len(vector)} numbers", {"size": len(vector)}, {"embedding": vector})


OUTCOMES = {
    "translate": translated,
    "score": lambda row: scored(row, "tokens", "log_probability"),
    "embed": embedded,
}


def stored(outputs):
    """The `Outcome` in a bundle's test vector."""
    return Outcome(outputs["text"], {"translation": outputs["text"]}, {"score": floats(outputs["score"])})


def asked(settings, origin):
    """The knobs of sentences that are not test vectors."""
    return {"beam_size": settings.beam_size}


def drawn(task, count):
    """Sentences of tokens at random."""
    return random_texts(task.tokenizer[0], count)


def held_out(task, split, count, scored):
    """Pairs of a split: {"texts", "references", "scored"} (see `kerasapp.verify.held_out`)."""
    sources, references = task.corpus.texts(split)
    rows = spread(len(sources), count)
    return {
        "texts": [sources[i] for i in rows], "references": [references[i] for i in rows], "scored": [],
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
