"""Spectrogram, alignment and sound of a report, against the voice's own answer."""

import base64
import io
import json

import hand_made
import numpy as np
import pytest
import soundfile
from packed import unpack

from kerasapp.tasks.synthesis import inspection as synthesis


@pytest.fixture(scope="module")
def synthesizer():
    return hand_made.synthesizer()


def test_a_report_has_what_the_voice_did(synthesizer):
    (speech,) = synthesizer.synthesize(["abc"])
    contents = json.loads(json.dumps(synthesis.inspect(synthesizer, ["abc"]), allow_nan=False))
    (found,) = contents["sentences"]
    step = (found["greatest"] - found["least"]) / 255
    np.testing.assert_allclose(found["least"] + step * unpack(found["mel"]), speech.mel, atol=step)
    np.testing.assert_allclose(unpack(found["alignment"]) / 255, speech.alignment, atol=0.003)
    np.testing.assert_allclose(found["stop"], speech.stop, atol=1e-4)
    assert (found["tokens"], found["stop_reason"]) == (["a", "b", "c", "</s>"], speech.stop_reason)
    sound, rate = soundfile.read(io.BytesIO(base64.b64decode(found["sound"])))
    assert rate == 8000
    np.testing.assert_allclose(sound, speech.audio, atol=2 / 32768)
    assert contents["audio"] == {"f_min": 0.0, "f_max": 4000}


def test_what_has_no_room_is_left_out(synthesizer, monkeypatch):
    texts = ["ab", "cd", "ef", "gh"]
    whole = synthesis.inspect(synthesizer, texts)["sentences"]
    sizes = [len(one["sound"] + one["mel"]["data"] + one["alignment"]["data"]) for one in whole]
    monkeypatch.setattr(synthesis, "ROOM", sum(sizes[:2]))
    contents = synthesis.inspect(synthesizer, texts)
    assert [one["text"] for one in contents["sentences"]] == texts[:2] and contents["left_out"] == 2
    monkeypatch.setattr(synthesis, "ROOM", 100)
    (only,) = synthesis.inspect(synthesizer, ["ab", "cd"])["sentences"]
    assert only["text"] == "ab" and only["sound"] == ""
