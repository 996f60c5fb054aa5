"""The small runtime's loop over frames, with a model of plain functions."""

import numpy as np
import pytest

from kerasapp.tasks.synthesis.spec import SPEC
from kerasapp_lite import knobs
from kerasapp_lite.synthesis import Synthesizer
from kerasapp_lite.vocabulary import END, Characters

TEXT, MELS, REDUCTION, CONTEXT, ROOM = 40, 16, 2, 3, 12
AUDIO = {
    "sample_rate": 8000, "window": 400, "hop": 100, "fft_size": 512, "f_min": 0.0, "f_max": 4000.0,
    "griffin_lim_iterations": 1, "griffin_lim_momentum": 0.9,
}  # fmt: skip


class Scripted:
    """A bundle whose model looks at each character for one step, and stops at the end token.

    The frames tell the step; the postnet is the mean of the frames around each.
    """

    states = ["place"]
    knobs = knobs.read({"knobs": [knob.described() for knob in SPEC.knobs if knob.on_phone]})
    metadata = {
        "audio": AUDIO,
        "reduction": REDUCTION,
        "postnet_context": CONTEXT,
        "limits": {"spare_seconds": 1.0},
    }
    shapes = {"ids": [1, TEXT], "frame": [1, MELS], "frames": [1, ROOM, MELS]}

    def __init__(self, language="none"):
        self.metadata = {**self.metadata, "cleaning": {"language": language}}
        self.masks = []

    def vocabulary(self, name):
        return Characters(" abcdefghijklmnopqrstuvwxyz")

    def shape(self, signature, name):
        return self.shapes[name]

    def zeros(self, signature, names):
        return {name: np.zeros(self.shapes[name], "float32") for name in names}

    def signature(self, name):
        return getattr(self, f"_{name}")

    def _encode(self, ids, length):
        mask = (np.arange(TEXT) < length).astype("float32")[None]
        return {"keys": ids, "mask": mask, "place": np.zeros([1, 1], "float32")}

    def _step(self, frame, keys, mask, place):
        self.masks.append(mask[0])
        t = int(place[0, 0])
        frames = frame[:, None] + np.arange(1, REDUCTION + 1, dtype="float32")[None, :, None]
        alignment = np.eye(TEXT, dtype="float32")[None, t]
        stop = np.array([0.9 if keys[0, t] == END else 0.1], "float32")
        found = {"frames": frames, "frame": frames[:, -1], "alignment": alignment, "stop": stop}
        return {**found, "place": place + 1}

    def _postnet(self, frames, count):
        return {"mel": refined(frames[0, : count[0]])[None]}


def refined(frames):
    padded = np.pad(frames, ((CONTEXT, CONTEXT), (0, 0)))
    around = [padded[i : i + len(frames)] for i in range(2 * CONTEXT + 1)]
    return -np.mean(around, axis=0)


@pytest.mark.parametrize("text", ["a", "ab c", "the quick brown fox", "a" * 39])
def test_speech_is_refined_in_chunks_as_in_whole(text):
    speech = Synthesizer(Scripted()).synthesize(text)
    frames = np.arange(1, REDUCTION * (len(text) + 1) + 1, dtype="float32")[:, None] * np.ones(MELS)
    np.testing.assert_allclose(speech.mel, refined(frames), rtol=1e-6)
    assert speech.audio.shape == (len(frames) * AUDIO["hop"],) and speech.stop_reason == "stop_token"
    assert speech.alignment.shape == (len(text) + 1, len(text) + 1)


def test_speech_is_cut_at_its_greatest_length():
    speech = Synthesizer(Scripted()).synthesize("a" * 39, max_ratio=0.0, stop_threshold=1.0)
    assert speech.stop_reason == "cap"
    assert len(speech.mel) == 80  # one second


def test_window_follows_the_attention():
    bundle = Scripted()
    Synthesizer(bundle).synthesize("abcdef", window=2)
    seen = [np.flatnonzero(mask).tolist() for mask in bundle.masks]
    assert seen[:4] == [[0, 1, 2], [0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 4]]
    assert seen[-1] == [4, 5, 6]


def test_text_is_prepared():
    assert Synthesizer(Scripted("english")).ids("No. 2, ☃!")[1] == 3  # the comma, the snowman, the mark
    own = Synthesizer(Scripted())
    assert own.ids(" a\t b☃ ") == ([5, 4, 6, END], 1)
    with pytest.raises(ValueError, match="nothing to read"):
        own.ids("☃")
    with pytest.raises(ValueError, match="has 40 characters; at most 39"):
        own.ids("a" * 40)
