"""An autoencoder of translation: what it repeats, its vectors, what its training and its export have."""

import csv
import json
from concurrent.futures import ThreadPoolExecutor

import contract
import numpy as np
import pytest
import tensorflow as tf
from embedded import serving
from starlette.testclient import TestClient
from tensorflow.core.util import event_pb2

import kerasapp
from kerasapp.cli import run
from kerasapp.serving.engine import Engine
from kerasapp.serving.models.model_config import find_models
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.rest.app import create_app

SENTENCES = ["a b c", "c b a", "", "d", "b x b", "a a b c d", "  a   b c "]


@pytest.fixture(scope="module")
def echo(echo_run):
    return kerasapp.load(echo_run)


def test_it_repeats_sentences_that_it_has_not_read(echo):
    trained, tested = (set(echo.task.corpus.texts(part)[0]) for part in ("train", "test"))
    assert not trained & tested
    figures = echo.evaluate("test", beam_size=1)
    assert figures["exact"] > 0.6  # by chance one in some hundred
    sources, targets = echo.task.corpus.texts("test")
    assert sources == targets
    hits = [answer.text == text for answer, text in zip(echo.translate(sources, beam_size=1), sources)]
    assert figures["exact"] == figures["exact_to_8_words"] == pytest.approx(np.mean(hits))
    parts = figures["exact_by_words"]
    assert sum(part["items"] for part in parts.values()) == len(sources)
    for words, part in parts.items():
        of_length = [hit for hit, text in zip(hits, sources) if len(text.split()) == int(words)]
        assert part == {"exact": pytest.approx(np.mean(of_length)), "items": len(of_length)}


def test_a_vector_depends_on_its_sentence_alone(echo):
    together = echo.embed(SENTENCES)
    assert (together.dtype, together.shape) == (np.float32, (7, 32))
    alone = np.concatenate([echo.embed([sentence]) for sentence in SENTENCES])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    padded = echo.embed([*SENTENCES, "a b c d " * 100])[:7]
    np.testing.assert_allclose(padded, alone, atol=1e-5)
    assert not together[2].any() and np.abs(together).max() < 1
    np.testing.assert_allclose(together[0], together[6], atol=1e-6)  # white space
    distances = np.linalg.norm(together[:, None] - together, axis=2)
    others = ~np.eye(7, dtype=bool)
    others[0, 6] = others[6, 0] = False
    assert distances[others].min() > 0.05  # the order counts


def test_the_vector_is_what_the_decoder_reads(echo):
    signatures = echo.servable.signatures()
    tokens = signatures["tokenize"](text=tf.constant(SENTENCES[:2]))
    encoded = signatures["encode"](ids=tokens["ids"], lengths=tokens["lengths"])
    np.testing.assert_allclose(encoded["values"][:, 0], echo.embed(SENTENCES[:2]), atol=1e-6)


def test_a_sentence_too_long_is_refused(echo):
    with pytest.raises(ValueError, match="sentence 2 has 1,999 tokens"):
        echo.embed(["a", "a " * 1000])
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 1000 tokens"):
        echo.servable.embed(tf.constant(["a " * 1000]))
    assert echo.embed([]).shape == (0, 0)


def test_a_model_with_attention_has_no_vector(echo):
    task = kerasapp.Translation(
        config=echo.task.config, tokenizer=echo.task.tokenizer, model={"attention": "dot"}
    )
    translator = task.predictor(task, task.build(training=False))
    with pytest.raises(ValueError, match="a model with attention, here dot"):
        translator.embed(["a"])
    assert not translator.servable.embeds
    assert "embed" not in [name for name, _ in translator.servable.example_requests()]


def test_training_data_go_on_where_they_were(echo):
    def batches(start, count):
        data = echo.task.training_data(start).take(count)
        return [(x["source"].numpy(), x["target_in"].numpy(), y.numpy()) for x, y in data]

    for one, other in zip(batches(0, 8)[5:], batches(5, 3), strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    known = set(echo.task.corpus.texts("train")[0])
    ids = batches(0, 1)[0][2]
    lengths = tf.constant((ids > 3).sum(axis=1), tf.int32)
    read = echo.servable.detokenize(tf.constant(ids), lengths)["text"].numpy()
    assert 0.1 < np.mean([text.decode() not in known for text in read]) < 0.5  # data.altered is 0.3


def test_tensorboard_has_no_alignments(echo_run):
    tags = {
        value.tag
        for path in (echo_run / "logs").iterdir()
        for record in tf.data.TFRecordDataset(str(path))
        for value in event_pb2.Event.FromString(record.numpy()).summary.value
    }
    assert {"valid/exact", "valid/bleu", "translations"} <= tags
    assert not any(tag.startswith("alignment") for tag in tags)
    with (echo_run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    best = max(float(row["valid_exact"]) for row in rows)
    assert [float(row["valid_exact"]) for row in rows if row["best"] == "True"][-1] == best


def test_the_savedmodel_embeds_as_the_local_model(echo, echo_export):
    version = echo_export / "1"
    vectors = json.loads((version / "assets.extra" / "kerasapp" / "vectors.json").read_text("utf-8"))
    (stored,) = (request for request in vectors if request["signature"] == "embed")
    requests = [{"signature": "embed", "inputs": {"text": SENTENCES}}, stored]
    found, repeated = contract.answers_without_kerasapp(version, requests)
    np.testing.assert_allclose(found["embedding"], echo.embed(SENTENCES), atol=1e-5)
    contract.check_same_outputs(repeated, stored["outputs"])
    signature = tf.saved_model.load(str(version)).signatures["embed"]
    assert signature.structured_outputs["embedding"].shape.as_list() == [None, 32]


def test_a_server_embeds_over_rest(echo, echo_export):
    registry = Registry(find_models(echo_export.parent))
    registry.update()
    with ThreadPoolExecutor(2) as executor:
        client = TestClient(create_app(Engine(registry), executor))
        body = {"signature_name": "embed", "instances": SENTENCES}
        answer = client.post("/v1/models/echo:predict", json=body)
        assert answer.status_code == 200
        np.testing.assert_allclose(answer.json()["predictions"], echo.embed(SENTENCES), atol=1e-5)
        body["instances"] = ["a " * 1000]
        answer = client.post("/v1/models/echo:predict", json=body)
        assert answer.status_code == 400 and "more than 1000 tokens" in answer.json()["error"]


@pytest.mark.slow
def test_the_command_and_a_server_give_the_same_array(echo_export, tmp_path):
    (tmp_path / "lines.txt").write_text("".join(f"{sentence}\n" for sentence in SENTENCES))
    words = ["--input", str(tmp_path / "lines.txt"), "--output", str(tmp_path / "out.npy")]
    assert run(["embed", str(echo_export), *words]) == 0
    local = np.load(tmp_path / "out.npy")
    with serving(echo_export.parent) as addresses:
        for address in addresses.values():
            (tmp_path / "out.npy").unlink()
            assert run(["embed", "--server", address, "--model", "echo", *words]) == 0
            np.testing.assert_allclose(np.load(tmp_path / "out.npy"), local, atol=1e-5)


@pytest.mark.slow
def test_every_runtime_of_an_autoencoder_holds(echo_export, capfd):
    assert run(["verify", str(echo_export), "--json", "--items", "20"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["ok"] and {"rest", "grpc", "tflite_float32"} < set(report["runtimes"])
