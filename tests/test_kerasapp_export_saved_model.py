"""The exported folder: complete, atomic, and the same answers in a process that has no kerasapp."""

import datetime
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

import kerasapp
from kerasapp import spec as tasks
from kerasapp.export import model_card, saved_model

WITHOUT_KERASAPP = """
import json, sys
sys.modules["kerasapp"] = sys.modules["pipelines"] = None  # any import of them fails
import tensorflow as tf
import tensorflow_text
model = tf.saved_model.load(sys.argv[1])
requests = json.load(sys.stdin)
answers = []
for request in requests:
    signature = model.signatures[request["signature"]]
    specs = signature.structured_input_signature[1]
    inputs = {name: tf.constant(value, specs[name].dtype) for name, value in request["inputs"].items()}
    outputs = {name: value.numpy().tolist() for name, value in signature(**inputs).items()}
    decode = lambda v: v.decode() if isinstance(v, bytes) else v
    answers.append({name: [decode(v) for v in values] for name, values in outputs.items()})
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def version(tiny_export):
    return tiny_export / "1"


def test_the_folder_holds_what_design_says(version):
    files = {str(path.relative_to(version)) for path in version.rglob("*") if path.is_file()}
    extra = {"model.keras", "config.yaml", "tokenizer.json", "vectors.json", "model_card.md"}
    assert {f"assets.extra/kerasapp/{name}" for name in extra} <= files
    assert {"saved_model.pb", "variables/variables.index", "assets.extra/tf_serving_warmup_requests"} <= files
    assert version.stat().st_mode & 0o055 == 0o055  # a server may be another user


def test_answers_without_kerasapp_are_identical(version, tiny_run):
    generator = kerasapp.load(tiny_run)
    prompts = ["ROMEO:", "", "人生", "🦜"]
    request = {
        "prompt": prompts,
        "length": [60, 40, 20, 0],
        "temperature": [0.8, 0.0, 1.2, 1.0],
        "top_k": [0, 0, 5, 0],
        "top_p": [0.9, 1.0, 1.0, 1.0],
        "seed": [1, 2, 3, -4],
        "stop": ["", "", "\n", ""],
    }
    requests = [
        {"signature": "generate", "inputs": request},
        {"signature": "serving_default", "inputs": {"prompt": prompts}},
        {"signature": "score", "inputs": {"text": prompts}},
        *json.loads((version / "assets.extra" / "kerasapp" / "vectors.json").read_text("utf-8")),
    ]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_KERASAPP, str(version)],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=True,
    )
    generated, default, score, *vectors = json.loads(done.stdout)
    knobs = {name: values for name, values in request.items() if name != "prompt"}
    assert generated["text"] == generator.generate(prompts, **knobs)
    assert default["text"] == generator.generate(prompts)
    np.testing.assert_allclose(score["nats"], [s["nats"] for s in generator.score(prompts)], rtol=1e-5)
    for answer, expected in zip(vectors, requests[3:]):
        for name, values in expected["outputs"].items():
            if isinstance(values[0], float):
                np.testing.assert_allclose(answer[name], values, rtol=1e-5)
            else:
                assert answer[name] == values


def test_signatures_have_the_batch_first_and_plain_types(version):
    loaded = tf.saved_model.load(str(version))
    names = {"serving_default", "generate", "score", "tokenize", "detokenize", "prefill", "step", "sample"}
    assert set(loaded.signatures) == names
    for signature in loaded.signatures.values():
        specs = [*signature.structured_input_signature[1].values(), *signature.structured_outputs.values()]
        for spec in specs:
            assert spec.shape.rank >= 1 and spec.shape[0] is None
            assert spec.dtype in (tf.string, tf.int32, tf.float32)
    assert list(loaded.signatures["serving_default"].structured_outputs) == ["text"]


def test_warmup_records_are_few_predict_logs_that_the_signatures_take(version):
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(path))
    ]
    assert 0 < len(logs) <= 10
    # Its first run builds the graph for the machine, which takes longer than most requests.
    assert "serving_default" in {log.predict_log.request.model_spec.signature_name for log in logs}
    loaded = tf.saved_model.load(str(version))
    for log in logs:
        request = log.predict_log.request
        signature = loaded.signatures[request.model_spec.signature_name]
        signature(**{name: tf.make_ndarray(value) for name, value in request.inputs.items()})


def test_versions_count_up_and_a_failed_export_leaves_nothing(tmp_path, tiny_run, monkeypatch):
    generator, made = kerasapp.load(tiny_run), []
    servable = generator.task.servable
    monkeypatch.setattr(generator.task, "servable", lambda model: made.append(servable(model)) or made[-1])
    (tmp_path / "tiny" / "7").mkdir(parents=True)
    assert generator.task.export(generator.model, tmp_path / "tiny").name == "8"
    graphs = {"generate": made[0].generate, "score": made[0].score, "begin": made[0].begin}
    counts = {name: graph.experimental_get_tracing_count() for name, graph in graphs.items()}
    assert counts == dict.fromkeys(graphs, 1)  # tracing is what an export takes time for

    def fail(root, folder, **_):
        Path(folder, "saved_model.pb").touch()
        raise RuntimeError("disk full")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        generator.task.export(generator.model, tmp_path / "tiny")
    assert sorted(os.listdir(tmp_path / "tiny")) == ["7", "8"]


def test_an_export_that_another_one_overtakes_takes_the_next_number(tmp_path, monkeypatch):
    rename = os.rename

    def late(staged, version):
        if version.name == "2":
            (version / "taken").mkdir(parents=True)  # by another process
        rename(staged, version)

    monkeypatch.setattr(saved_model.os, "rename", late)
    for name in ("1", ".tmp-a"):
        (tmp_path / name).mkdir()
    assert saved_model._publish(tmp_path / ".tmp-a", tmp_path) == tmp_path / "3"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "3"]


def test_an_export_that_cannot_be_put_in_place_is_an_error(tmp_path, monkeypatch):
    tried = []

    def refuse(staged, version):
        assert not tried
        tried.append(version.name)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(saved_model.os, "rename", refuse)
    (tmp_path / ".tmp-a").mkdir()
    with pytest.raises(PermissionError):
        saved_model._publish(tmp_path / ".tmp-a", tmp_path)
    assert tried == ["1"]


def test_an_export_alone_is_enough_to_generate_score_and_export_again(version, tiny_run, tmp_path):
    export, trained = kerasapp.load(version.parent), kerasapp.load(tiny_run)
    assert export.generate(["Nurse:"], seed=9) == trained.generate(["Nurse:"], seed=9)
    assert export.evaluate("valid") == trained.evaluate("valid")
    assert export.task.export(export.model, tmp_path / "again").is_dir()


def test_the_card_tells_data_figures_and_versions(version):
    card = (version / "assets.extra" / "kerasapp" / "model_card.md").read_text("utf-8")
    for word in (
        "play.txt",
        "valid_nats_per_character",
        "tensorflow",
        "units: 24",
        "serving_default",
        "TensorFlow Serving 2.20 or later",
    ):
        assert word in card


def test_the_card_tells_use_licence_language_date_and_an_example(version):
    card = (version / "assets.extra" / "kerasapp" / "model_card.md").read_text("utf-8")
    (use,) = re.findall(r"## Use\n\n(.*?)\n\n", card, re.DOTALL)
    rows = [line.split(" | ")[0].strip("| ") for line in use.splitlines()]
    assert rows[2:] == ["intended use", "licence", "language", "date"]
    assert f"{datetime.datetime.now(datetime.UTC):%Y-%m}" in use
    assert "kerasapp generate saved_models/tiny --help" in card and "/v1/models/tiny:predict" in card


def test_the_card_has_no_folder_of_this_machine(version):
    card = (version / "assets.extra" / "kerasapp" / "model_card.md").read_text("utf-8")
    config = (version / "assets.extra" / "kerasapp" / "config.yaml").read_text("utf-8")
    (folder,) = re.findall(r"- (/.*)/play\.txt", config)  # of the process that trained the run
    assert "play.txt" in card and folder not in card


def test_the_card_tells_the_licence_of_data_that_are_shipped():
    values = {"data.files": ("sample:sunspots", "/mine/other.csv"), "data.language": None}
    rows = dict(model_card._use(tasks.spec("series"), values))
    assert "sunspots: public domain" in rows["licence"]
    assert "not stated" in rows["language"]
    assert "not stated" in dict(model_card._use(tasks.spec("series"), {"data.files": "/a.csv"}))["licence"]
