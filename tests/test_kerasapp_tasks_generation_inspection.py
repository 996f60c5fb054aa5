"""What a language model does with a text: against its own answers, and a unit made by hand is found."""

import json

import hand_made
import numpy as np
import pytest
import tensorflow as tf
from hand_made import QUOTED, TRACKER
from packed import inflate, unpack

from kerasapp.tasks.generation import inspection as generation
from kerasapp.tasks.generation import reading
from kerasapp.tasks.generation.model import window

TEXT = "ab ba\ncab"


def read(generator, text=TEXT, window=None, monkeypatch=None):
    if window:
        monkeypatch.setattr(reading, "WINDOW", window)
    return reading.read(generator, text)


@pytest.mark.parametrize(
    "options",
    [
        {"cell": "lstm", "residual": True},
        {"cell": "gru", "layer_normalisation": True},
        {"cell": "simple_rnn", "layers": 1, "tie_embeddings": True},
    ],
    ids=lambda options: options["cell"],
)
def test_a_reading_is_what_the_model_does(options, monkeypatch):
    generator = hand_made.generator(TEXT + "xyz", **options)
    found = read(generator, window=4, monkeypatch=monkeypatch)
    assert found.tokens == list(TEXT)
    assert found.nats.sum() == pytest.approx(generator.score([TEXT])[0]["nats"], rel=1e-5)
    tokenizer, model = generator.servable.tokenizer, generator.model
    ids = tokenizer.encode(tf.constant([TEXT])).flat_values.numpy()
    before = np.concatenate([[tokenizer.line_break_id], ids[:-1]]).astype(np.int32)
    shares = tf.nn.softmax(model(before[None])[0]).numpy()  # the functional model, as in training
    np.testing.assert_allclose(found.nats, -np.log(shares[np.arange(len(ids)), ids]), atol=1e-5)
    np.testing.assert_allclose(found.probabilities, -np.sort(-shares)[:, :5], atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(shares, found.likeliest, 1), found.probabilities, atol=1e-5)
    zeros = {name: tf.zeros([1, model.units]) for name in model.state_names}
    for end in (1, 5, len(ids)):  # the states after a character are those of the model that has read it
        context = np.concatenate([[tokenizer.line_break_id], ids[:end]]).astype(np.int32)
        _, states = window(model, tf.constant(context[None]), zeros)
        for name in model.state_names:
            np.testing.assert_allclose(found.states[name][end - 1], states[name][0], atol=1e-5)


def test_gates_are_of_the_character_that_was_read(monkeypatch):
    generator = hand_made.quote_tracker()
    found = read(generator, QUOTED, window=50, monkeypatch=monkeypatch)
    marks = np.array([character in "“”" for character in QUOTED])
    np.testing.assert_allclose(found.gates["input_0"][:, TRACKER], marks, atol=1e-3)
    np.testing.assert_allclose(found.gates["forget_0"][:, TRACKER], 1.0 - marks, atol=1e-3)


@pytest.fixture(scope="module")
def tracked():
    """The contents of a report of the unit made by hand, as they come out of a file."""
    return json.loads(json.dumps(generation.inspect(hand_made.quote_tracker(), QUOTED)))


def test_a_unit_that_tracks_quotations_is_found_first(tracked):
    (feature,) = [feature for feature in tracked["features"] if feature["name"] == "inside quotation"]
    first = feature["followers"][0]
    groups = {group["state"]: group["start"] for group in tracked["signals"]}
    assert first["signal"] in (groups["h"] + TRACKER, groups["c"] + TRACKER)
    assert first["correlation"] > 0.95 and min(first["halves"]) > 0.9
    assert abs(feature["followers"][1]["correlation"]) < 0.9  # the others were drawn
    row, levels, least, greatest, steps = tracked["tracks"][groups["c"] + TRACKER]
    assert (row, levels) == (groups["c"] + TRACKER, 64)
    values = least + np.frombuffer(inflate(steps), np.uint8) * (greatest - least) / (levels - 1)
    inside = unpack(feature["values"]) > 0
    assert values[inside].min() > 0.98 and values[~inside].max() < 0.05


def test_the_saturation_of_that_unit(tracked):
    share = sum(character in "“”" for character in QUOTED) / len(QUOTED)
    gates = {gate["gate"]: gate for gate in tracked["gates"]}
    assert list(gates) == ["input", "forget", "output"]
    for name, side, expected in [("input", "right", share), ("input", "left", 1 - share),
                                 ("forget", "left", share), ("output", "right", 1.0)]:  # fmt: skip
        assert unpack(gates[name][side])[TRACKER] / 255 == pytest.approx(expected, abs=0.003)


def test_numbers_of_a_report_are_those_of_the_reading():
    generator = hand_made.generator(TEXT)
    found, contents = read(generator), generation.inspect(generator, TEXT)
    np.testing.assert_allclose(unpack(contents["bits"]) * np.log(2), found.nats, rtol=1e-6)
    places = unpack(contents["alternatives"]["places"])
    names = [[contents["alternatives"]["tokens"][place] for place in row] for row in places]
    pieces = generator.servable.tokenizer.pieces(tf.constant(found.likeliest)).numpy()
    assert names == [[piece.decode() for piece in row] for row in pieces]
    shares = unpack(contents["alternatives"]["shares"]) / 65535
    np.testing.assert_allclose(shares, found.probabilities, atol=1e-5)
    for norm in contents["norms"]:
        expected = np.linalg.norm(found.states[f"{norm['state']}_{norm['layer']}"], axis=1)
        np.testing.assert_allclose(unpack(norm["values"]), expected, rtol=1e-3)
    assert contents["short"] and len(contents["tracks"]) == 4 * 8


@pytest.mark.parametrize("text", ["?", "a?\r\nb\t"])
def test_any_text_can_be_inspected(text):
    contents = generation.inspect(hand_made.generator(TEXT), text)
    assert "".join(contents["tokens"]) == text  # a character that the model does not know is there, too
    assert np.isfinite(unpack(contents["bits"])).all()
    assert json.dumps(contents, allow_nan=False)
