"""A bundle of generation, run by `kerasapp_lite`, for `kerasapp verify`. Needs no TensorFlow."""

import numpy as np

from kerasapp.verify.outcomes import Outcome

SIGNATURES = ("generate", "score")


def open_bundle(bundle):
    """A function of an item that gives its `Outcome`."""
    from kerasapp_lite.generation import Generator

    generator = Generator(bundle)
    score = _scorer(bundle, generator.vocabulary)

    def answer(item):
        if item.signature == "score":
            return score(item.inputs["text"])
        knobs = dict(item.inputs)
        text = generator.generate(knobs.pop("prompt"), **knobs)
        return Outcome(text, {"text": text}, {}, knobs["length"])

    return answer


def _scorer(bundle, vocabulary):
    """A function of a text: its nats and characters, as the signature `score` gives them."""
    from kerasapp_lite.vocabulary import normalise

    step, start = bundle.signature("step"), bundle.zeros("step", bundle.states)

    def score(text):
        ids, states, nats = vocabulary.encode(text), start, 0.0
        for before, token in zip([vocabulary.line_break, *ids], ids, strict=False):
            found = step(ids=np.array([before], np.int32), **states)
            states = {name: found[name] for name in start}
            logits = found["logits"][0].astype(np.float64)
            nats += np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[token]
        count = len(normalise(text, vocabulary.form))
        return Outcome(f"{nats:.4f} nats", {"characters": count}, {"nats": np.float32(nats)})

    return score
