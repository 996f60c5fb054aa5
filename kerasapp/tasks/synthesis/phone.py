"""A bundle of synthesis, run by `kerasapp_lite`, for `kerasapp verify`. Needs no TensorFlow."""

from kerasapp.tasks.synthesis.spec import SPEC
from kerasapp.tasks.synthesis.verify import spoken

SIGNATURES = ("synthesize",)


def open_bundle(bundle):
    """A function of an item that gives its `Outcome`."""
    from kerasapp_lite.synthesis import Synthesizer

    synthesizer = Synthesizer(bundle)

    def answer(item):
        knobs = {knob.name: item.inputs[knob.name] for knob in SPEC.knobs if knob.on_phone}
        if item.inputs["prenet_dropout"]:
            raise ValueError("a bundle has no dropout")
        speech = synthesizer.synthesize(item.inputs["text"], **knobs)
        exact = {"frames": len(speech.mel), "stop_reason": speech.stop_reason, "left_out": speech.left_out}
        return spoken(exact, speech.mel, speech.alignment)

    return answer
