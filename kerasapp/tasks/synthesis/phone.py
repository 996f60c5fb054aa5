"""A bundle of synthesis, run by `kerasapp_lite`, for `kerasapp verify`. Needs no TensorFlow."""

import io

from kerasapp.tasks.synthesis.spec import SPEC
from kerasapp.tasks.synthesis.verify import sounding, spoken
from kerasapp.verify.inputs import OUTPUTS, PORT

SIGNATURES = ("synthesize", "serving_default", PORT)


def open_bundle(bundle):
    """A function of an item that gives its `Outcome`."""
    from kerasapp_lite.synthesis import Synthesizer

    synthesizer = Synthesizer(bundle)

    def answer(item):
        knobs = {knob.name: item.inputs[knob.name] for knob in SPEC.knobs if knob.name in item.inputs}
        speech = synthesizer.synthesize(item.inputs["text"], **{k: knobs[k] for k in knobs if k in ours})
        exact = {"frames": len(speech.mel), "stop_reason": speech.stop_reason, "left_out": speech.left_out}
        heard = sounding(_written(speech.audio, bundle.metadata["audio"]["sample_rate"]))
        exact |= heard.exact
        found = spoken(exact, speech.mel, speech.alignment, sound=speech.audio, **heard.numbers)
        if item.signature == "serving_default":
            return heard
        return _ported(found, synthesizer, item) if item.signature == PORT else found

    ours = [knob.name for knob in SPEC.knobs if knob.on_phone]
    return answer


def takes(item):
    """Whether a bundle can be asked an input: it has no dropout."""
    return not item.inputs.get("prenet_dropout")


def refuses(limits, item, expected):
    """Whether an input is beyond a bundle's limits. expected: Keras's `Outcome`."""
    return expected.exact.get("characters", 0) > limits["text"] + 1  # with the end


def _written(sound, rate):
    """A wave as the row of `serving_default` that it stands for."""
    from kerasapp_lite.sound import write_wav

    write_wav(file := io.BytesIO(), sound, rate)
    return {"audio_bytes": file.getvalue(), "sample_rate": rate, "seconds": len(sound) / rate}


def _ported(found, synthesizer, item):
    """All that a test vector tells: the ids that are read, each frame's mean, and three frames."""
    frames = [int(place) for place in sorted(item.inputs[OUTPUTS]["mel"], key=int)]
    exact = {**found.exact, "read": synthesizer.ids(item.inputs["text"])[0]}
    mel = found.numbers["mel"]
    mel = mel[[min(place, len(mel) - 1) for place in frames]]
    return found._replace(exact=exact, numbers={**found.numbers, "mel": mel})
