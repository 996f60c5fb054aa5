"""The bundle for phones, run by `kerasapp_lite`: the runtime that ports follow. Needs no TensorFlow."""

import time

import numpy as np

from kerasapp.verify.outcomes import Outcome, forecast, spoken


def open_bundle(folder, precision):
    """A function (items, one of them) -> (seconds, list of `Outcome`).

    Args:
        folder: the bundle. precision: such as "float32".

    Raises: ValueError where the bundle is damaged.
    """
    from kerasapp_lite.bundle import Bundle

    bundle = Bundle(folder, precision)
    answer = _ANSWERS[bundle.metadata["task"]](bundle)

    def ask(items):
        (item,) = items
        started = time.perf_counter()
        outcome = answer(item)
        return time.perf_counter() - started, [outcome]

    return ask


def _generation(bundle):
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


def _translation(bundle):
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


def _synthesis(bundle):
    from kerasapp_lite.synthesis import Synthesizer

    synthesizer = Synthesizer(bundle)

    def answer(item):
        knobs = {name: item.inputs[name] for name in ("max_ratio", "stop_threshold", "window")}
        if item.inputs["prenet_dropout"]:
            raise ValueError("a bundle has no dropout")
        speech = synthesizer.synthesize(item.inputs["text"], **knobs)
        exact = {"frames": len(speech.mel), "stop_reason": speech.stop_reason, "left_out": speech.left_out}
        return spoken(exact, speech.mel, speech.alignment)

    return answer


def _series(bundle):
    from kerasapp_lite.series import Forecaster

    forecaster = Forecaster(bundle)

    def answer(item):
        knobs = dict(item.inputs)
        found = forecaster.forecast(knobs.pop("history")[: knobs.pop("lengths")], **knobs)
        return forecast(found.mean, found.quantiles)

    return answer


_ANSWERS = {
    "generation": _generation,
    "translation": _translation,
    "synthesis": _synthesis,
    "series": _series,
}
