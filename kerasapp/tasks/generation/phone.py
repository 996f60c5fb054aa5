"""A bundle of generation, run by `kerasapp_lite`, for `kerasapp verify`. Needs no TensorFlow."""

import numpy as np

from kerasapp.tasks.generation.verify import token_nats
from kerasapp.verify.inputs import OUTPUTS, PORT
from kerasapp.verify.outcomes import Outcome

SIGNATURES = ("generate", "serving_default", "score", PORT)


def open_bundle(bundle):
    """A function of an item that gives its `Outcome`."""
    from kerasapp_lite.generation import Generator

    generator = Generator(bundle)
    score = _scorer(bundle, generator.vocabulary)

    def answer(item):
        if item.signature == "score":
            return score(item.inputs["text"])
        if item.signature == PORT:
            return _ported(generator, item.inputs)
        knobs = dict(item.inputs)
        text = generator.generate(knobs.pop("prompt"), **knobs)
        return Outcome(text, {"text": text}, {}, knobs.get("length", 0))

    return answer


def _ported(generator, inputs):
    """All that a test vector tells: the ids that are read, the first logits, the ids, the text."""
    knobs = {name: value for name, value in inputs.items() if name not in ("prompt", "stop", OUTPUTS)}
    prompt, told = inputs["prompt"], inputs[OUTPUTS]
    text = generator.generate(prompt, stop=inputs["stop"], **knobs)
    exact = {"text": text, "read": generator.read(prompt), "ids": list(generator.tokens(prompt, **knobs))}
    logits = generator.logits(exact["read"])[told["first_logits"]["ids"]]
    return Outcome(text, exact, {"first_logits": logits})


def _scorer(bundle, vocabulary):
    """A function of a text: its nats and characters, as the signature `score` gives them."""
    from kerasapp_lite.vocabulary import normalise

    step, start = bundle.signature("step"), bundle.zeros("step", bundle.states)

    def score(text):
        ids, states, nats = vocabulary.encode(text), start, 0.0
        for before, token in zip([vocabulary.line_break, *ids], ids, strict=False):
            found = step(ids=np.array([before], np.int32), **states)
            states = {name: found[name] for name in start}
            nats += token_nats(found["logits"][0], token)
        count = len(normalise(text, vocabulary.form))
        return Outcome(f"{nats:.4f} nats", {"characters": count}, {"nats": np.float32(nats)})

    return score
