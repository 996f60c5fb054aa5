"""Outcomes compared, judged and shown; each number is worked by hand."""

import math

import numpy as np
import pytest

from kerasapp import spec
from kerasapp.verify import table, verdict
from kerasapp.verify.comparison import compare
from kerasapp.verify.inputs import Item, columns, main_item
from kerasapp.verify.loops import Spec
from kerasapp.verify.measuring import BATCH, LEAST, measure, signatures
from kerasapp.verify.outcomes import Outcome, outcomes
from kerasapp.verify.worth import common

ITEM = Item("generation", "score", {"text": "a"}, "vectors")


def figures(task, items, found, expected):
    return spec.spec(task).load("verify").figures(list(zip(items, found, expected, strict=True)))


def worth(figure):
    """The `Worth` of the task that is judged by a figure; None for no figure."""
    judged = (task.load("verify").WORTH for task in spec.specs())
    return next((one for one in judged if one and one.figure == figure), None)


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


# === Quality and verdict ===


def test_bits_a_character_are_those_of_the_held_out_texts():
    items = [
        Item("generation", "score", {"text": "abcd"}, origin)
        for origin in ("held-out", "held-out", "vectors")
    ]
    found = figures("generation", items, scored(4.0, 8.0, 99.0), scored(1.0, 1.0, 1.0))
    assert found == {"bits_per_character": pytest.approx(12 / 8 / math.log(2)), "characters": 8}


def test_translations_are_scored_with_their_references():
    items = [main_item("translation", "a", "held-out", "one two three four five"), ITEM]
    said = [Outcome("", {"translation": "one two three four five"}), Outcome("", {"tokens": 1})]
    found = figures("translation", items, said, said)
    assert found["bleu"] == pytest.approx(100) and found["sentences"] == 1


def test_speech_without_recordings_is_compared_with_kerass():
    mel = np.random.default_rng(0).normal(size=[9, 20])
    said = [Outcome("", {"stop_reason": "cap"}, {"mel": mel})]
    found = figures("synthesis", [main_item("synthesis", "a", "drawn")], said, said)
    assert found["mcd_db"] == found["mel_l1"] == 0.0
    assert found["stop_errors"] == 1 and found["against"] == "keras"


def row(**changes):
    """A row in which all holds."""
    plain = {"error": None, "items": 8, "asked": 8, "answered": 8, "equal": 1.0, "largest_difference": 0.0,
             "mean_difference": 0.0, "first_difference": None, "never_rounded": None, "batched": None,
             "refused": 0, "quality": {}, "loss": {}, "loss_deviation": None, "likeness": {}}  # fmt: skip
    return {**plain, **changes}


def bits(loss, deviation=0.001, characters=10_000):
    """What is another in the row of a language model that has lost something."""
    quality = {"bits_per_character": 2.0, "characters": characters}
    return {"quality": quality, "loss": {"bits_per_character": loss}, "loss_deviation": deviation}


FIRST = {"input": "generate", "output": "text", "expected": "y", "found": "x"}
DEVIATION = " (the deviation of the loss is 0.10%)"
VERDICTS = {  # runtime, task, what is another in its row, what is said
    "all equal": ("grpc", "generation", {}, []),
    "one differs": (
        "rest", "generation", {"equal": 0.75, "first_difference": FIRST},
        ["2 of 8 answers differ, asked alone"],
    ),
    "one differs in batches": (
        "keras", "generation", {"batched": row(equal=0.5, first_difference=FIRST)},
        ["4 of 8 answers differ, asked in batches"],
    ),
    "int8 may differ": ("tflite_int8", "generation", {"equal": 0.1, "first_difference": FIRST}, []),
    "but in nothing that is read": (
        "tflite_int8", "generation", {"never_rounded": {**FIRST, "output": "read"}},
        ["read differs, which no rounding of weights explains"],
    ),
    "and not in most of it": (
        "tflite_float16", "generation", {"likeness": {"generate": 0.49, "port": 0.99}},
        ["generate: answers are like Keras's to 49%; at least 50% are needed"],
    ),
    "a loss of few": ("tflite_dynamic", "generation", bits(0.0079, characters=900), []),
    "a loss of few that is beyond chance": (
        "tflite_dynamic", "generation", bits(0.0081, characters=900),
        [f"bits per character: 0.81% worse than Keras; 0.50% are allowed{DEVIATION}"],
    ),
    "a loss that is allowed": ("tflite_dynamic", "generation", bits(0.0049), []),
    "a loss": (
        "tflite_dynamic", "generation", bits(0.0151),
        ["bits per character: 1.51% worse than Keras; 0.50% are allowed"],
    ),
    "the same loss of int8": ("tflite_int8", "generation", bits(0.0151), []),
    "a loss of BLEU": (
        "tflite_float16", "translation",
        {"quality": {"bleu": 9.0, "sentences": 1000}, "loss": {"bleu": 0.31}, "loss_deviation": 0.2},
        ["BLEU: 0.31 points worse than Keras; 0.30 points are allowed"],
    ),
    "nothing": (
        "rest", "generation", {"items": 0}, ["there is no answer of it, or none of Keras, to compare"]
    ),
    "few": (
        "rest", "generation", {"items": 3, "answered": 3, "asked": 3},
        ["not verified: 3 of 3 inputs were answered, 3 compared; at least 6 are needed"],
    ),
    "not all": (
        "tflite_int8", "generation", {"answered": 7},
        ["not verified: 7 of 8 inputs were answered, 8 compared; at least 6 are needed"],
    ),
    "an error": ("rest", "generation", {"error": "it is gone"}, ["it is gone"]),
}  # fmt: skip


@pytest.mark.parametrize(("runtime", "task", "changes", "expected"), VERDICTS.values(), ids=VERDICTS)
def test_verdicts(runtime, task, changes, expected):
    found = verdict.problems(runtime, row(**changes), spec.spec(task).load("verify"))
    assert [line.split(", and all that")[0] for line in found] == expected


def test_the_deviation_of_a_loss_is_that_of_groups_of_items():
    judged = spec.spec("generation").load("verify")
    items = [Item("generation", "score", {"text": "abcd"}, "held-out")] * 20
    lost = [1.1, 1.3] * 10  # the groups, each of two equal items, lose 10% or 30%
    answered = list(zip(items, scored(*lost), scored(*[1.0] * 20), strict=True))
    quality, loss, deviation = verdict.loss(judged, answered)
    assert quality["characters"] == 80 and loss == {"bits_per_character": pytest.approx(0.2)}
    assert deviation == pytest.approx(np.std([0.1, 0.3] * 5, ddof=1) / np.sqrt(10))
    assert verdict.loss(judged, answered[:2])[2] is None  # of two groups nothing is known


def test_a_loss_is_what_is_worse_than_keras():
    lost = worth("bits_per_character").loss({"bits_per_character": 2.1}, {"bits_per_character": 2.0})
    assert lost == pytest.approx(0.05)
    assert worth("bleu").loss({"bleu": 31.0}, {"bleu": 30.0}) == -1.0


@pytest.mark.parametrize(
    ("found", "expected", "share"),
    [("abc", "abc", 1.0), ("abX", "abc", 2 / 3), ("", "abc", 0), ("ab", "abcd", 0.5)],
)
def test_texts_are_alike_up_to_their_first_difference(found, expected, share):
    assert common(found, expected) == pytest.approx(share)
    judged = spec.spec("generation").load("verify")
    sides = (Outcome(text, {"text": text}) for text in (found, expected))
    assert judged.likeness(main_item("generation", "", "data", temperature=0.0), *sides) == pytest.approx(
        share
    )


def test_the_table_has_a_line_for_each_runtime():
    shown = {"ok": False, "problems": ["it is gone"], "bytes": 2_500_000, "peak_memory_bytes": None,
             "latency_p50_ms": 0.5, "latency_p95_ms": 2.0, "startup_seconds": 1.25}  # fmt: skip
    report = {"task": "generation", "items": 4, "split": None, "no_data": "none",
              "runtimes": {"keras": row(**shown), "rest": row(**shown)}}  # fmt: skip
    lines = table.markdown(report).splitlines()
    assert len(lines) == 6 and lines[0].startswith("4 inputs, no data (none)")
    assert len({line.count("|") for line in lines[2:]}) == 1
    assert "| 100.0% of 4 |" in lines[4] and "| 2.50 |" in lines[4] and "0.500, 2.000" in lines[4]
    assert table.broken(report) == ["keras: it is gone", "rest: it is gone"]
