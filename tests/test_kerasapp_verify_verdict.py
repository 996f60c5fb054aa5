"""Outcomes judged and shown; each number is worked by hand."""

import dataclasses
import math
import sys

import numpy as np
import pytest

from kerasapp import spec
from kerasapp.verify import asking, checking, runtimes, table, verdict
from kerasapp.verify.inputs import Item, main_item
from kerasapp.verify.measuring import Measured
from kerasapp.verify.outcomes import Outcome
from kerasapp.verify.questions import Questions
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


def test_speech_is_compared_with_its_recording_in_nats_and_in_decibels():
    """All channels louder by 2 nats: that is loudness alone, which the cepstral distance does not count."""
    mel = np.random.default_rng(0).normal(size=[9, 20])
    louder = [Outcome("", {"stop_reason": "stop_token"}, {"mel": mel + 2.0})]
    found = figures("synthesis", [main_item("synthesis", "a", "held-out", mel)], louder, louder)
    assert found["against"] == "recordings" and found["mel_l1"] > 0.5
    assert found["mcd_db"] == pytest.approx(0.0, abs=1e-9)


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


def test_a_large_loss_breaks_a_row_however_few_the_data_are():
    few = {"quality": {"bits_per_character": 2.0, "characters": 99}, "loss_deviation": None}
    judged = spec.spec("generation").load("verify")
    for lost, count in ((0.09, 0), (0.11, 1)):
        found = verdict.problems("tflite_dynamic", row(**few, loss={"bits_per_character": lost}), judged)
        assert len(found) == count


def test_answers_of_another_form_are_told():
    judged = spec.spec("series").load("verify")
    said = [Outcome("", {}, {"quantiles": np.zeros([steps, 2, 7])}) for steps in (3, 24)]
    item = Item("series", "serving_default", {"history": [[1.0, 2.0]], "lengths": 1}, "fixed")
    found = verdict.worth(judged, [(item, *said)])
    assert found["likeness"] == {} and "another form than Keras's" in found["unfit"]
    assert found["unfit"] in verdict.problems("tflite_dynamic", row(unfit=found["unfit"]), judged)


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


@pytest.mark.parametrize(
    ("louder", "higher", "share"),
    [(1.0, 0.0, 1.0), (0.4, 0.0, 0.0), (2.1, 0.0, 0.0), (1.9, 0.0, 1.0), (1.0, 0.5, 0.5), (1.0, 9.0, 0.0)],
)
def test_speech_is_alike_with_a_spectrogram_that_is_near_and_as_loud(louder, higher, share):
    mel, sound = np.array([[1.0, -1.0]] * 4), np.sin(np.arange(100.0))  # the deviation of the mel is 1
    expected = Outcome("", {}, {"mel": mel, "frame_means": mel.mean(axis=1), "sound": sound})
    found = Outcome("", {}, {"mel": mel + higher, "sound": louder * sound})
    judged = spec.spec("synthesis").load("verify")
    assert judged.likeness(None, found, expected) == pytest.approx(share)


def report(**changes):
    """A report of two runtimes."""
    shown = {"ok": False, "problems": ["it is gone"], "bytes": 2_500_000, "peak_memory_bytes": None,
             "latency_p50_ms": 0.5, "latency_p95_ms": 2.0, "startup_seconds": 1.25}  # fmt: skip
    rows = {"keras": row(**shown), "tflite_dynamic": row(**{**shown, **changes})}
    return {"task": "generation", "items": 8, "split": None, "no_data": "none", "runtimes": rows}


def test_the_wide_table_has_all_figures_of_each_runtime():
    found = report(**bits(0.0012), refused=2)
    lines = table.markdown(found).splitlines()
    assert len(lines) == 6 and lines[0].startswith("8 inputs; no held-out data (none).")
    assert len({line.count("|") for line in lines[2:]}) == 1
    assert "| 100.0% of 8 |" in lines[4] and "| 2.50 |" in lines[4] and "0.500, 2.000" in lines[4]
    assert "| +0.12% ±0.10% |" in lines[5] and "| 2 |" in lines[5]
    assert table.broken(found) == ["keras: it is gone", "tflite_dynamic: it is gone"]


def test_the_short_table_fits_80_columns_and_has_the_worst_difference_in_words(capsys):
    from kerasapp.commands.verify import show

    batched = row(items=5, equal=1.0, largest_difference=2e-7)
    found = report(**bits(-0.0012), equal=0.75, refused=2)
    found["runtimes"]["compiled_float16"] = row(ok=True, problems=[], items=1000, batched=batched, refused=12)
    show(found, sys.stdout)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80 and len(lines) == 1 + 1 + 3 + 2
    assert lines[1].split() == ["runtime", "holds", "inputs", "refused", "worst", "difference"]
    assert lines[2].split() == ["keras", "NO", "8", "0", "none"]
    assert lines[3].split()[:4] == ["tflite_dynamic", "NO", "8", "2"]
    assert "2 differ; loss -0.12% ±0.10%" in lines[3]
    assert lines[4].split() == ["compiled_float16", "yes", "1000", "12", "none"]


def test_vectors_of_a_bundle_that_are_not_keras_s_are_a_fault_of_its_runtimes(monkeypatch):
    item = main_item("generation", "a", "bundle")
    item = dataclasses.replace(item, expected=Outcome("x", {"text": "x"}))
    asked = Questions([item], {}, None, None, None)
    monkeypatch.setattr(asking, "questions", lambda *_: asked)

    def faults(answer):
        given = Measured(alone=[Outcome(answer, {"text": answer})])
        monkeypatch.setattr(runtimes, "run", lambda *_: dataclasses.replace(given, faults=[]))
        names = ["keras", "tflite_float32"]
        _, found = asking.ask_all(None, "generation", names, checking.Settings(), lambda *_: None)
        return [found[name].faults for name in names]

    assert faults("x") == [[], []]
    keras, (fault,) = faults("y")
    assert keras == [] and fault.startswith("tflite/vectors.json: these are not the answers of model.keras")
