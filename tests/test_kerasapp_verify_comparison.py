"""Outcomes compared, judged and shown; each number is worked by hand."""

import math

import numpy as np
import pytest

from kerasapp.verify.comparison import compare
from kerasapp.verify.inputs import Item, columns, main_item
from kerasapp.verify.loops import Spec
from kerasapp.verify.measuring import BATCH, LEAST, measure, signatures
from kerasapp.verify.outcomes import Outcome, outcomes

ITEM = Item("generation", "score", {"text": "a"}, "vectors")


def scored(*nats):
    return [Outcome("", {"characters": 4}, {"nats": np.float32(value)}, 0) for value in nats]


# === Comparison ===


def test_numbers_differ_relative_to_large_ones_and_absolutely_below_one():
    found = compare([ITEM] * 3, scored(200.001, 0.5, 7.0), scored(200.0, 0.501, 7.0))
    assert found["equal"] == 1.0
    assert found["largest_difference"] == pytest.approx(0.001, rel=1e-3)
    assert found["mean_difference"] == pytest.approx((0.001 / 200 + 0.001) / 3, rel=2e-2)
    assert found["first_difference"]["output"] == "nats"  # 0.001 is more than 1e-5
    assert found["first_difference"]["found"] == "0.5"


def test_the_first_item_that_differs_is_told():
    one, other = Outcome("x", {"text": "x"}), Outcome("y", {"text": "y"})
    items = [main_item("generation", prompt, "data", seed=3) for prompt in "abc"]
    found = compare(items, [one, one, one], [one, other, other])
    assert found["equal"] == pytest.approx(1 / 3)
    expected = {
        "input": 'generate {"prompt": "b", "seed": 3}',
        "output": "text",
        "expected": "y",
        "found": "x",
    }
    assert found["first_difference"] == expected


def test_what_only_one_of_two_refuses_differs():
    refused, answer = Outcome(refused="too long"), Outcome("x", {"text": "x"})
    both = compare([ITEM] * 2, [refused, refused], [refused, answer])
    assert (both["items"], both["refused"], both["equal"]) == (1, 1, 0.0)  # what both refuse is not compared
    assert both["never_rounded"] == both["first_difference"]
    found = compare([ITEM], [answer], [refused])
    assert found["first_difference"]["expected"] == "refused: too long"
    assert found["first_difference"]["found"] == "x"


@pytest.mark.parametrize("value", [np.nan, np.float32([1.0, 2.0])])
def test_what_is_no_number_or_of_another_shape_is_infinitely_far(value):
    bad = Outcome("", {"characters": 4}, {"nats": value})
    assert compare([ITEM], [bad], scored(1.0))["largest_difference"] == math.inf


def test_a_spectrogram_may_be_a_thousandth_off_in_the_mean_and_no_more_than_20_anywhere():
    def spoken(value, peak=0.0):
        mel = np.full([20, 3], value, np.float32)
        mel[3, 1] += peak
        return [Outcome("", {"frames": 20}, {"mel": mel})]

    assert compare([ITEM], spoken(-7.0009), spoken(-7.0))["first_difference"] is None
    assert compare([ITEM], spoken(-7.0012), spoken(-7.0))["first_difference"]["output"] == "mel"
    assert compare([ITEM], spoken(-7.0, peak=0.015), spoken(-7.0))["first_difference"] is None
    assert compare([ITEM], spoken(-7.0, peak=0.03), spoken(-7.0))["first_difference"]["output"] == "mel"


def test_a_wave_is_off_by_the_root_mean_square_of_its_difference():
    wave = np.sin(np.arange(800) / 9).astype(np.float32)
    expected = [Outcome("", {"frames": 4}, {"sound": 0.2 * wave})]
    near = compare([ITEM], [Outcome("", {"frames": 4}, {"sound": 0.19 * wave})], expected)
    assert near["first_difference"] is None and near["largest_difference"] == 0.0
    assert near["sound_difference"] == pytest.approx(0.05, rel=1e-4)
    for wrong in (0 * wave, -0.2 * wave, 0.2 * wave[:-1]):
        found = compare([ITEM], [Outcome("", {"frames": 4}, {"sound": wrong})], expected)
        assert found["first_difference"]["output"] == "sound"


def test_an_output_that_is_missing_differs_where_all_have_to_be_there():
    one, other = Outcome("x", {"text": "x"}), Outcome("x", {"text": "x", "tokens": 4}, {"nats": [1.0]})
    assert compare([ITEM], [one], [other])["first_difference"] is None
    assert compare([ITEM], [one], [other], whole=True)["first_difference"]["output"] == "tokens"


def test_what_rounding_does_not_explain_is_told_apart():
    other = Outcome("x", {"text": "x", "read": [4, 5]})
    rounded = compare([ITEM], [Outcome("y", {"text": "y", "read": [4, 5]})], [other])
    assert rounded["first_difference"] and rounded["never_rounded"] is None
    swapped = compare([ITEM], [Outcome("x", {"text": "x", "read": [5, 4]})], [other])
    assert swapped["never_rounded"]["output"] == "read"


# === Outcomes ===


def test_padding_is_no_part_of_an_outcome():
    row = {"translation": [b"x y"], "count": [1], "finished": [1], "score": [-1.5], "scores": [[-1.5, 0.0]],
           "translations": [[b"x y", b""]], "source_tokens": [[b"a", b"</s>", b""]],
           "target_tokens": [[b"x", b"y", b"</s>", b""]], "alignment": np.ones([1, 4, 3])}  # fmt: skip
    (found,) = outcomes("translation", "translate", row, 1)
    assert found.text == "x y" and found.count == 3
    assert found.exact["translations"] == ["x y"]
    assert found.numbers["alignment"].shape == (3, 2) and found.numbers["scores"].shape == (1,)


def test_columns_have_the_types_of_the_knobs():
    found = columns([main_item("generation", text, "data") for text in ("a", "人")])
    assert found["prompt"].tolist() == [b"a", "人".encode()]
    assert {name: found[name].dtype.name for name in ("length", "temperature", "stop")} == {
        "length": "int32", "temperature": "float32", "stop": "object"
    }  # fmt: skip


# === Asking ===


def test_items_are_asked_alone_and_in_batches_of_one_signature():
    asked = []

    def call(name, inputs):
        asked.append((name, len(inputs["text"])))
        if b"bad" in inputs["text"].tolist():
            raise ValueError("no\ngood")
        return {"nats": np.zeros(len(inputs["text"])), "characters": np.ones(len(inputs["text"]))}

    items = [Item("generation", "score", {"text": text}, "data") for text in ["bad", *"abcdefghij"]]
    found = measure(signatures(call), items, started=0.0)
    assert asked == [("score", 1)] * 11 + [("score", BATCH), ("score", 2)]
    assert found.alone[0] == Outcome(refused="no good")
    assert [place for place, _ in found.batched] == list(range(1, 11))  # what is refused alone is in no batch


def test_where_the_time_is_over_the_others_are_not_asked():
    found = measure(lambda items: (0.0, [Outcome()] * len(items)), [ITEM] * 100, started=0.0, seconds=1e-9)
    assert len(found.alone) == LEAST and len(found.batched) == LEAST


def test_a_loop_calls_signatures_with_real_values_behind_a_row_and_is_in_no_batch():
    seen = []

    def call(name, inputs):
        seen.append((name, {key: value.tolist() for key, value in inputs.items()}))
        if name == "tokenize":
            return {"ids": [[4, 9]], "lengths": [2], "context": [4], "normalised": ["ab"]}
        return {"text": [b"ab"]}

    specs = {"tokenize": {"text": Spec([-1], "string")}}
    specs["detokenize"] = {"ids": Spec([-1, -1], "int32"), "lengths": Spec([-1], "int32")}
    item = Item("generation", "round trip", {"text": "ab"}, "fixed")
    found = measure(signatures(call, specs), [item], started=0.0)
    assert seen == [
        ("tokenize", {"text": [b"ab"]}),
        ("detokenize", {"ids": [[4, 9, 9, 9, 9]], "lengths": [2]}),
    ]
    assert found.alone[0].exact == {"context": 4, "normalised": "ab", "again": "ab", "read": [4, 9]}
    assert found.batched == []
