"""A bundle of translation, run by `kerasapp_lite`, for `kerasapp verify`. Needs no TensorFlow."""

import numpy as np

from kerasapp.verify.inputs import OUTPUTS, PORT
from kerasapp.verify.outcomes import Outcome

SIGNATURES = ("translate", "serving_default", PORT)


def open_bundle(bundle):
    """A function of an item that gives its `Outcome`."""
    from kerasapp_lite.translation import Translator

    translator = Translator(bundle)

    def answer(item):
        knobs = {name: value for name, value in item.inputs.items() if name != OUTPUTS}
        found = translator.translate(knobs.pop("source"), **knobs)
        best = found[0]
        exact = {
            "translation": best.text,
            "finished": int(best.finished),
            "translations": [other.text for other in found],
        }
        numbers = {"score": np.float32(best.score), "scores": np.float32([other.score for other in found])}
        if best.ids or not best.finished:  # a blank sentence has no alignment
            numbers["alignment"] = best.alignment
        if item.signature == PORT:
            exact["read"] = translator.read(item.inputs["source"])
            exact["pieces"] = len(best.ids) + bool(best.ids and best.finished)
        return Outcome(best.text, exact, numbers, len(best.ids) + best.finished)

    return answer


def refuses(limits, item, expected):
    """Whether an input is beyond a bundle's limits. expected: Keras's `Outcome`."""
    too_long = len(expected.exact.get("source_tokens", ())) > limits["source"] + 1  # with the end
    return too_long or item.inputs.get("beam_size", 1) > limits["beams"]
