"""The small runtime answers every test vector of bundles that the command line has exported."""

import json

import numpy as np
import pytest

from kerasapp_lite.bundle import Bundle
from kerasapp_lite.generation import Generator
from kerasapp_lite.synthesis import Synthesizer
from kerasapp_lite.translation import Translator
from kerasapp_lite.vocabulary import END


def requests(folder):
    """Each request's inputs and outputs, and the tolerance."""
    vectors = json.loads((folder / "vectors.json").read_text("utf-8"))["vectors"]
    assert len(vectors["requests"]) >= 3
    return vectors["requests"], vectors["tolerance"]


def test_generation(tiny_bundle):
    bundle = Bundle(tiny_bundle, "float32", "generation")
    generator, (found, tolerance) = Generator(bundle), requests(tiny_bundle)
    for request in found:
        knobs, expected = dict(request["inputs"]), request["outputs"]
        prompt = knobs.pop("prompt")
        read = [generator.vocabulary.line_break, *generator.vocabulary.encode(prompt)]
        assert read == expected["read"]
        logits, _ = generator._read(read)
        first = expected["first_logits"]
        np.testing.assert_allclose(logits[0, first["ids"]], first["values"], atol=tolerance["logits"])
        assert list(generator.tokens(prompt, **knobs)) == expected["ids"]
        assert generator.generate(prompt, **knobs) == expected["text"]


def test_translation(reversal_bundle):
    bundle = Bundle(reversal_bundle, "float32", "translation")
    translator, (found, tolerance) = Translator(bundle), requests(reversal_bundle)
    for request in found:
        knobs, expected = dict(request["inputs"]), request["outputs"]
        source = knobs.pop("source")
        assert [*translator.source.encode_sentence(source), END] == expected["read"]
        answer = translator.translate(source, **knobs)[0]
        assert answer.text == expected["text"]
        assert answer.score == pytest.approx(expected["score"], abs=tolerance["score"])


def test_synthesis(speech_bundle):
    bundle = Bundle(speech_bundle, "float32", "synthesis")
    synthesizer, (found, tolerance) = Synthesizer(bundle), requests(speech_bundle)
    for request in found:
        knobs, expected = dict(request["inputs"]), request["outputs"]
        text = knobs.pop("text")
        assert synthesizer.ids(text)[0] == expected["read"]
        speech = synthesizer.synthesize(text, **knobs)
        assert (len(speech.mel), speech.stop_reason) == (expected["frames"], expected["stop_reason"])
        means = speech.mel.mean(axis=1)
        np.testing.assert_allclose(means, expected["frame_means"], atol=tolerance["mel"])
        for frame, values in expected["mel"].items():
            np.testing.assert_allclose(speech.mel[int(frame)], values, atol=tolerance["mel"])


@pytest.mark.parametrize("name", ["float32.tflite", "vocabulary.json"])
def test_one_other_bit_is_refused(tiny_bundle, tmp_path, name):
    for file in tiny_bundle.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: is damaged: its SHA-256"):
        Generator(Bundle(tmp_path))
    Bundle(tmp_path, "dynamic")  # what is not read is not compared
