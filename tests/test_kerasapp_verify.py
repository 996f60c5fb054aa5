"""`kerasapp verify`: whole exports hold, and what is damaged is found."""

import dataclasses
import hashlib
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from kerasapp.artefact import EXTRA
from kerasapp.cli import run
from kerasapp.export import saved_model
from kerasapp.verify import checking, worker
from kerasapp.verify.comparison import compare
from kerasapp.verify.inputs import Item, bundle_vectors

EXACT = ["keras", "saved_model", "cc_loader", "rest", "grpc"]
PRECISIONS = ("float32", "float16", "dynamic", "int8")
PHONES = [f"{engine}_{precision}" for precision in PRECISIONS for engine in ("tflite", "compiled")]
ALL = [*EXACT, *PHONES]


def verify(export, *words, capsys):
    """Exit code, the JSON object, and what is on standard error."""
    capsys.readouterr()
    code = run(["verify", str(export), "--json", *words])
    printed = capsys.readouterr()
    return code, json.loads(printed.out), printed.err


# === What holds ===


def test_all_runtimes_of_generation_hold(tiny_bundle, tmp_path, capsys):
    lines = tmp_path / "lines.txt"
    lines.write_text("Nurse:\n\n人生如梦\n", encoding="utf-8")
    words = ("--items", "20", "--data", str(lines))
    code, report, _ = verify(tiny_bundle.parent.parent, *words, capsys=capsys)
    assert code == 0 and report["ok"] and report["split"] == "test"
    assert list(report["runtimes"]) == ALL
    for name, row in report["runtimes"].items():
        assert row["ok"] and row["problems"] == []
        assert row["bytes"] > 1000 and row["peak_memory_bytes"] > 2e7
        assert 0 < row["latency_p50_ms"] <= row["latency_p95_ms"] and row["startup_seconds"] > 0
        assert row["quality"]["bits_per_character"] == pytest.approx(
            report["runtimes"]["keras"]["quality"]["bits_per_character"], rel=0.05
        )
        if name in PHONES:
            assert row["batched"] is None
        else:
            assert row["batched"]["equal"] == 1.0 and row["batched"]["items"] > 10
        if name in (*EXACT, "tflite_float32", "compiled_float32"):
            assert row["equal"] == 1.0 and row["largest_difference"] <= 1e-5
    assert report["runtimes"]["grpc"]["items"] == report["items"]
    phones = {name: report["runtimes"][name]["bytes"] for name in PHONES}
    assert phones["tflite_dynamic"] < phones["tflite_float16"] < phones["tflite_float32"]


@pytest.mark.slow
@pytest.mark.parametrize("bundle", ["reversal_bundle", "speech_bundle"])
def test_all_runtimes_of_the_other_tasks_hold(bundle, request, capsys):
    version = request.getfixturevalue(bundle).parent
    code, report, error = verify(version, "--items", "20", capsys=capsys)
    assert code == 0, error
    assert report["ok"] and list(report["runtimes"]) == ALL and report["split"]
    for row in report["runtimes"].values():
        assert row["quality"] and row["items"] > 3


@pytest.mark.parametrize("bundle", ["tiny_bundle", "reversal_bundle", "speech_bundle"])
def test_the_bundles_own_vectors_hold_on_the_phones_runtime(bundle, request):
    folder = request.getfixturevalue(bundle)
    items, found = answered(folder)
    assert len(items) >= 3
    compared = compare(items, found, [item.expected for item in items])
    assert compared["equal"] == 1.0 and compared["first_difference"] is None


def answered(folder, precision="float32"):
    """The items of a bundle's vectors, and their outcomes."""
    task = json.loads((folder / "metadata.json").read_text("utf-8"))["task"]
    items, broken = bundle_vectors(folder, task)
    assert broken is None
    ask = worker.open_bundle(folder, precision)
    return items, [ask([item])[1][0] for item in items]


def test_a_text_is_scored_on_the_phone_as_in_keras(tiny_bundle, tiny_run):
    import kerasapp

    items = [
        Item("generation", "score", {"text": text}, "data") for text in ("ROMEO:\nWhat say you", "🦜人生", "")
    ]
    ask = worker.open_bundle(tiny_bundle, "float32")
    expected = kerasapp.load(tiny_run).score([item.inputs["text"] for item in items])
    for item, wanted in zip(items, expected, strict=True):
        _, (found,) = ask([item])
        assert found.numbers["nats"] == pytest.approx(wanted["nats"], rel=1e-5)
        assert found.exact["characters"] == wanted["characters"]


# === What is damaged ===


@pytest.fixture
def copy(tiny_bundle, tmp_path):
    """A version of its own, to damage."""
    return shutil.copytree(tiny_bundle.parent, tmp_path / "tiny" / "1")


def damage_variables(version):
    """Changes the largest of the SavedModel's variables; its checksums are right."""
    prefix = version / "variables" / "variables"
    reader = tf.train.load_checkpoint(str(prefix))
    names = sorted(reader.get_variable_to_dtype_map())
    tensors = {name: reader.get_tensor(name) for name in names}
    largest = max(
        (n for n in names if np.asarray(tensors[n]).dtype == np.float32), key=lambda n: tensors[n].size
    )
    tensors[largest] = tensors[largest] * np.float32(-1.0)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=list(tensors.values()),
    )


def damage_weights(file):
    """Turns the signs of the numbers in the middle of a .tflite file, where the weights are."""
    content = bytearray(file.read_bytes())
    start = len(content) // 8 * 4
    for i in range(start + 3, start + 2003, 4):
        content[i] ^= 0x80
    file.write_bytes(content)


def stamp(bundle, file, *keys):
    """Writes a file's checksum into the metadata."""
    path = bundle / "metadata.json"
    metadata = json.loads(path.read_text("utf-8"))
    entry = metadata
    for key in keys:
        entry = entry[key]
    entry["sha256"] = hashlib.sha256((bundle / file).read_bytes()).hexdigest()
    path.write_text(json.dumps(metadata), encoding="utf-8")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (bundle / "metadata.sha256").write_text(f"{digest}  metadata.json\n", encoding="utf-8")


def test_damaged_weights_are_found_and_told_with_the_first_input(copy, capsys):
    damage_variables(copy)
    damage_weights(copy / "tflite" / "float32.tflite")
    stamp(copy / "tflite", "float32.tflite", "precisions", "float32")
    damage_weights(copy / "tflite" / "dynamic.tflite")
    words = ("--runtimes", "cc_loader", "tflite_float32", "tflite_dynamic", "--items", "1")
    code, report, error = verify(copy, *words, capsys=capsys)
    assert code == 1 and not report["ok"]
    rows = report["runtimes"]
    assert list(rows) == ["keras", "cc_loader", "tflite_float32", "tflite_dynamic"]
    assert rows["keras"]["problems"] == []
    for name in ("cc_loader", "tflite_float32"):
        first = rows[name]["first_difference"]
        assert rows[name]["equal"] < 1.0 and "answers differ" in rows[name]["problems"][0]
        assert first["input"].startswith("generate {") and first["expected"] != first["found"]
        assert first["input"] in error
    problem = rows["tflite_dynamic"]["problems"][0]
    assert "is damaged: its SHA-256" in problem and problem in error


def test_a_damaged_vocabulary_is_found(copy):
    bundle = copy / "tflite"
    content = json.loads((bundle / "vocabulary.json").read_text("utf-8"))
    content["characters"] = content["characters"][1:] + content["characters"][:1]
    (bundle / "vocabulary.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=r"vocabulary.json: is damaged"):
        answered(bundle)
    stamp(bundle, "vocabulary.json", "vocabularies", "vocabulary")
    items, found = answered(bundle)
    assert compare(items, found, [item.expected for item in items])["equal"] < 1.0


def test_damaged_vectors_of_a_bundle_are_refused(copy):
    path = copy / "tflite" / "vectors.json"
    path.write_bytes(path.read_bytes().replace(b'"seed": 0', b'"seed": 1'))
    items, broken = bundle_vectors(copy / "tflite", "generation")
    assert items == [] and "is damaged" in broken


# === Export ===


@pytest.fixture
def keras_alone(monkeypatch):
    """What export verifies, as little as possible."""
    monkeypatch.setattr(checking, "QUICK", dataclasses.replace(checking.QUICK, items=1, runtimes=("keras",)))


def test_a_broken_tolerance_leaves_no_version(tiny_run, tmp_path, monkeypatch, keras_alone, capsys):
    vectors = saved_model.vectors

    def wrong(servable, requests):
        found = vectors(servable, requests)
        found[0]["outputs"]["text"][1] = "no text of this model"
        return found

    monkeypatch.setattr(saved_model, "vectors", wrong)
    assert run(["export", str(tiny_run), "--to", str(tmp_path)]) == 1
    assert list((tmp_path / "tiny").iterdir()) == []
    error = capsys.readouterr().err
    assert "'no text of this model'" in error
    assert error.splitlines()[-1] == "error: no version is written: keras does not hold (see above)"


@pytest.mark.slow
def test_the_table_stands_in_the_card(tiny_run, tmp_path, keras_alone):
    assert run(["export", str(tiny_run), "--to", str(tmp_path)]) == 0
    card = (tmp_path / "tiny" / "1" / EXTRA / "model_card.md").read_text("utf-8")
    assert "## Verified" in card and "| keras | yes | 100.0% of" in card


def test_a_check_is_of_the_whole_version_and_goes_into_the_card(tiny_run, tmp_path):
    import kerasapp

    seen = []

    def check(staged):
        seen.append(staged)
        assert (staged / "saved_model.pb").is_file() and (staged / EXTRA / "vectors.json").is_file()
        return "| a table |"

    generator = kerasapp.load(tiny_run)
    version = generator.task.export(generator.model, tmp_path / "tiny", check=check)
    assert "## Verified\n\n| a table |" in (version / EXTRA / "model_card.md").read_text("utf-8")
    assert seen[0].name.startswith(".tmp-") and seen[0].parent == version.parent


# === Usage ===


def test_an_interrupted_verify_says_that_nothing_is_verified(tiny_export, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(checking, "verify", interrupted)
    assert run(["verify", str(tiny_export)]) == 130
    printed = capsys.readouterr()
    assert printed.out == "" and "interrupted: nothing is verified" in printed.err


WRONG = {
    "a run": ("{run}", "a run; verify takes an export"),
    "no such runtime": ("{export} --runtimes tpu", "has no runtime 'tpu'; there are keras, saved_model"),
    "no such file": ("{export} --data {here}/none", "none: No such file"),
    "a line of bytes": ("{export} --data {here}/bytes", "bytes: line 3: is not UTF-8"),
    "no lines": ("{export} --data {here}/blank", "blank: no line has any text"),
    "a search of another task": ("{export} --beam-size 2", "which has no beams"),
    "no items": ("{export} --items 0", "'0' is not a whole number from 1"),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_one_line_and_exit_code_2(words, message, tiny_export, tiny_run, tmp_path, capsys):
    (tmp_path / "blank").write_text(" \n\n")
    (tmp_path / "bytes").write_bytes(b"fine\n\nnot \xff\n")
    named = {"export": tiny_export, "run": tiny_run, "here": tmp_path}
    assert run(["verify", *(word.format(**named) for word in words.split())]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
