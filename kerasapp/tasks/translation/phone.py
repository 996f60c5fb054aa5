"""A bundle of translation, run by `kerasapp_lite`, for `kerasapp verify`. Needs no TensorFlow."""

import numpy as np

from kerasapp.verify.outcomes import Outcome

SIGNATURES = ("translate",)


def open_bundle(bundle):
    """A function of an item that gives its `Outcome`."""
    from kerasapp_lite.translation import Translator

    translator = Translator(bundle)

    def answer(item):
        knobs = dict(item.inputs)
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
        return Outcome(best.text, exact, numbers, len(best.ids) + best.finished)

    return answer
