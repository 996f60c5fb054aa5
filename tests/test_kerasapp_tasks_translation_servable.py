"""The graph of translation by itself: requests out of range, tokens and steps, the export, the server."""

import functools
import json
from concurrent.futures import ThreadPoolExecutor

import contract
import numpy as np
import pytest
import tensorflow as tf
from starlette.testclient import TestClient
from tiny import reversed_words

import kerasapp
from kerasapp.serving.engine import Engine, Limits
from kerasapp.serving.models.model_config import find_models
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.rest.app import create_app
from kerasapp.tasks.translation.servable import _merged

SOURCES = ["a b c", "h g f e d c", "", "👍 a", "b x b"]
KNOBS = {
    "beam_size": [4, 1, 2, 3, 5],
    "length_penalty": [1.0, 0.0, 1.0, 0.5, 2.0],
    "coverage_penalty": [0.0, 0.0, 0.1, 0.2, 0.0],
    "n_best": [2, 1, 2, 1, 5],
    "min_ratio": [0.0, 0.5, 0.0, 0.0, 1.0],
    "max_ratio": [2.0, 1.0, 2.0, 0.0, 1.5],
}

MANY = {
    "beam_size": 16, "length_penalty": 1.0, "coverage_penalty": 0.0, "n_best": 16, "min_ratio": 0.0,
    "max_ratio": 2.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def translator(reversal_run):
    return kerasapp.load(reversal_run)


@pytest.fixture(scope="module")
def client(reversal_export):
    registry = Registry(find_models(reversal_export.parent))
    registry.update()
    with ThreadPoolExecutor(2) as executor:
        yield TestClient(create_app(Engine(registry, limits=Limits(body=1_000_000)), executor))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beam_size", 0),
        ("beam_size", 65),
        ("beam_size", 2**31 - 1),
        ("length_penalty", float("nan")),
        ("coverage_penalty", -1.0),
        ("n_best", 5),
        ("n_best", 0),
        ("min_ratio", 3.0),
        ("max_ratio", float("inf")),
        ("source", "a" * 1001),
    ],
)
def test_a_request_out_of_range_is_refused_in_the_graph(translator, name, value):
    good = {"source": "a b", "beam_size": 4, "length_penalty": 1.0, "coverage_penalty": 0.0, "n_best": 1}
    request = {**good, "min_ratio": 0.0, "max_ratio": 2.0, name: value}
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{name}: "):
        translator.servable.translate(**{name: tf.constant([value]) for name, value in request.items()})


def test_a_sentence_too_long_to_score_is_refused_in_the_graph(translator):
    for pair in ("a" * 1001, "b"), ("b", "a" * 1001):
        with pytest.raises(tf.errors.InvalidArgumentError, match="more than 1000 tokens"):
            translator.servable.score(*(tf.constant([text]) for text in pair))


def test_encode_and_step_make_the_greedy_translation(translator):
    signatures = translator.servable.signatures()
    sources = ["a b c d", "h f", "c c c e g a"]
    tokens = signatures["tokenize"](text=tf.constant(sources))
    assert tokens["lengths"].numpy().tolist() == [8, 4, 12]  # letters, spaces, the end
    assert tokens["ids"].numpy()[1].tolist() == [13, 5, 11, 3] + [0] * 8
    states = dict(signatures["encode"](ids=tokens["ids"], lengths=tokens["lengths"]))
    fixed = {name: states[name].numpy() for name in ("keys", "values", "mask")}
    ids, written, looked = tokens["start"], [], []
    for _ in range(12):
        out = dict(signatures["step"](ids=ids, **states))
        looked.append(out.pop("alignment").numpy())
        ids = tf.argmax(out.pop("logits"), axis=1, output_type=tf.int32)
        written.append(ids.numpy())
        states |= out
    assert all(np.array_equal(states[name], value) for name, value in fixed.items())
    written, looked = np.stack(written, axis=1), np.stack(looked, axis=1)  # [batch, 12], [batch, 12, source]
    counts = [row.tolist().index(3) for row in written]
    text = signatures["detokenize"](ids=tf.constant(written), lengths=tf.constant(counts))["text"]
    expected = translator.translate(sources, beam_size=1)
    assert [t.decode() for t in text.numpy()] == [found.text for found in expected]
    for found, row in zip(expected, looked, strict=True):
        target, source = found.alignment.shape
        np.testing.assert_allclose(row[:target, :source], found.alignment, atol=1e-4)


def greedy(translator, sources, min_ratio, max_ratio):
    """Translations and why they ended, token by token over the signatures."""
    signatures, rows = translator.servable.signatures(), len(sources)
    tokens = signatures["tokenize"](text=tf.constant(sources))
    states = dict(signatures["encode"](ids=tokens["ids"], lengths=tokens["lengths"]))
    ratios = {"min_ratio": tf.constant(min_ratio), "max_ratio": tf.constant(max_ratio)}
    out = {"ids": tokens["start"], "log_probability": tf.zeros([rows])}
    written, reasons, position = [[] for _ in sources], [b""] * rows, 0
    while not all(reasons):
        states |= {"position": tf.fill([rows], position), "lengths": tokens["lengths"]}
        out = dict(signatures["greedy"](**out, **ratios, **states))
        states |= {name: out.pop(name) for name in translator.model.state_names}
        del out["alignment"]
        for row, reason in enumerate(out.pop("stop_reason").numpy()):
            if not reasons[row] and not reason:
                written[row].append(int(out["ids"][row]))
            reasons[row] = reasons[row] or reason
        position += 1
    ids = tf.ragged.constant(written, tf.int32)
    text = signatures["detokenize"](ids=ids.to_tensor(), lengths=tf.cast(ids.row_lengths(), tf.int32))
    return text["text"].numpy().tolist(), reasons


def begun(signatures, sources):
    """What `greedy` and `greedy_many` take before the first token: the row's own, the token, the states."""
    tokens, rows = signatures["tokenize"](text=tf.constant(sources)), len(sources)
    states = dict(signatures["encode"](ids=tokens["ids"], lengths=tokens["lengths"]))
    own = {"lengths": tokens["lengths"], "min_ratio": tf.zeros([rows]), "max_ratio": tf.fill([rows], 2.0)}
    return own, {"ids": tokens["start"], "log_probability": tf.zeros([rows])}, states


@pytest.mark.parametrize("count", [1, 3, 64])
def test_greedy_many_gives_the_tokens_of_greedy(translator, count):
    signatures = translator.servable.signatures()
    own, out, states = begun(signatures, ["a b c d", " ", "h f"])
    at, counts = tf.zeros([3], tf.int32), tf.constant([1, count, 1])  # the greatest counts
    many = signatures["greedy_many"](**own, **out, **states, position=at, count=counts)
    ended = np.zeros(3, bool)
    for i in range(many["ids"].shape[1]):
        assert not ended.all()  # once all rows have ended there are no more columns
        last = {name: out[name] for name in ("ids", "log_probability")}
        out = signatures["greedy"](**own, **last, **states, position=tf.fill([3], i))
        states |= {name: out[name] for name in translator.model.state_names}
        for row in np.flatnonzero(~ended):
            for name in ("ids", "stop_reason"):
                assert many[name][row, i].numpy() == out[name][row].numpy()
            np.testing.assert_allclose(
                many["log_probability"][row, i], out["log_probability"][row], rtol=1e-5
            )
        ended |= out["stop_reason"].numpy() != b""
    assert many["ids"].shape[1] == count or ended.all()
    for name in translator.model.state_names:
        np.testing.assert_allclose(many[name], states[name], atol=1e-5)


@pytest.mark.parametrize("count", [0, 65, -1, 2**31 - 1])
def test_a_count_out_of_range_is_refused_in_the_graph(translator, count):
    signatures = translator.servable.signatures()
    own, out, states = begun(signatures, ["a"])
    with pytest.raises(tf.errors.InvalidArgumentError, match="count: must be from 1 to 64"):
        signatures["greedy_many"](
            **own, **out, **states, position=tf.constant([0]), count=tf.constant([count])
        )


def test_greedy_token_by_token_is_the_translation_of_one_beam(translator):
    min_ratio, max_ratio = [0.0, 1.0, 0.0, 2.0, 0.0], [2.0, 1.0, 2.0, 3.0, 0.0]
    sources = ["a b c d", "h f", " ", "c g a", "a b c d e f g h a b c d"]
    texts, reasons = greedy(translator, sources, min_ratio, max_ratio)
    rows = {"min_ratio": min_ratio, "max_ratio": max_ratio}
    expected = translator.translate(sources, beam_size=1, **rows)
    assert [text.decode() for text in texts] == [found.text for found in expected]
    assert [reason == b"end" for reason in reasons] == [found.finished for found in expected]
    assert set(reasons) == {b"end", b"length"}


def test_tokens_too_many_to_encode_are_refused_in_the_graph(translator):
    encode = translator.servable.signatures()["encode"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 1000 tokens"):
        encode(ids=tf.ones([1, 1002], tf.int32), lengths=tf.constant([1002]))


def test_tokens_beyond_the_length_do_not_count(translator):
    signatures = translator.servable.signatures()
    exact = signatures["encode"](ids=tf.constant([[6, 5, 7, 3]]), lengths=tf.constant([4]))
    longer = signatures["encode"](ids=tf.constant([[6, 5, 7, 3, 7, 7]]), lengths=tf.constant([4]))
    names = translator.model.state_names
    for name in names:
        np.testing.assert_allclose(longer[name][..., : exact[name].shape[-1]], exact[name], atol=1e-5)
    assert not np.any(longer["mask"].numpy().reshape(1, -1)[:, 4:])
    text = signatures["detokenize"](ids=tf.constant([[6, 5, 7, 5, 8]]), lengths=tf.constant([3]))
    assert text["text"].numpy().tolist() == [b"a b"]


def test_signatures_have_the_batch_first_and_plain_types(translator, reversal_export):
    loaded = tf.saved_model.load(str(reversal_export / "1")).signatures
    names = "serving_default translate score tokenize detokenize encode step greedy greedy_many"
    assert set(loaded) == set(names.split()) == set(translator.servable.signatures())
    for signature in loaded.values():
        specs = [*signature.structured_input_signature[1].values(), *signature.structured_outputs.values()]
        for spec in specs:
            assert spec.shape.rank >= 1 and spec.shape[0] is None
            assert spec.dtype in (tf.string, tf.int32, tf.float32)
    assert list(loaded["serving_default"].structured_outputs) == ["translation"]


def test_answers_without_kerasapp_are_identical(translator, reversal_export):
    version = reversal_export / "1"
    vectors = json.loads((version / "assets.extra" / "kerasapp" / "vectors.json").read_text("utf-8"))
    requests = [
        {"signature": "translate", "inputs": {"source": SOURCES, **KNOBS}},
        {"signature": "serving_default", "inputs": {"source": SOURCES}},
        {"signature": "score", "inputs": {"source": SOURCES, "target": SOURCES[::-1]}},
        *vectors,
    ]
    translated, default, score, *repeated = contract.answers_without_kerasapp(version, requests)
    inputs = {name: tf.constant(values) for name, values in requests[0]["inputs"].items()}
    expected = translator.servable.translate(**inputs)
    texts = ("translation", "translations", "source_tokens", "target_tokens")
    expected = {
        name: tf.strings.as_string(value).numpy().astype(str).tolist()
        if name in texts
        else value.numpy().tolist()
        for name, value in expected.items()
    }
    contract.check_same_outputs(translated, expected)
    assert default["translation"] == [found.text for found in translator.translate(SOURCES)]
    found = translator.score(SOURCES, SOURCES[::-1])
    assert score["tokens"] == [row["tokens"] for row in found]
    np.testing.assert_allclose(score["log_probability"], [row["log_probability"] for row in found], rtol=1e-4)
    for answer, vector in zip(repeated, vectors, strict=True):
        contract.check_same_outputs(answer, vector["outputs"])


def test_an_export_alone_is_enough_to_translate_evaluate_and_export_again(
    translator, reversal_export, tmp_path
):
    export = kerasapp.load(reversal_export)
    for a, b in zip(export.translate(SOURCES), translator.translate(SOURCES), strict=True):
        assert (a.text, a.source_tokens, a.target_tokens) == (b.text, b.source_tokens, b.target_tokens)
        np.testing.assert_allclose(a.alignment, b.alignment, atol=1e-6)
    assert export.evaluate("valid", beam_size=1)["bleu"] == pytest.approx(100)
    assert export.task.export(export.model, tmp_path / "again").name == "1"


URL = "/v1/models/reversal:predict"


def test_the_server_answers_rows_and_columns_with_nested_outputs(translator, client):
    columns = {"source": SOURCES, **KNOBS}
    rows = [dict(zip(columns, values)) for values in zip(*columns.values(), strict=True)]
    by_row = client.post(URL, json={"signature_name": "translate", "instances": rows})
    by_column = client.post(URL, json={"signature_name": "translate", "inputs": columns})
    assert (by_row.status_code, by_column.status_code) == (200, 200)
    predictions, outputs = by_row.json()["predictions"], by_column.json()["outputs"]
    assert outputs == {name: [row[name] for row in predictions] for name in outputs}
    for prediction, found in zip(predictions, translator.translate(SOURCES, **KNOBS), strict=True):
        target, source = found.alignment.shape
        assert prediction["translation"] == found.text
        assert prediction["finished"] == int(found.finished)
        assert prediction["translations"][: prediction["count"]] == [text for text, _ in found.n_best]
        assert prediction["source_tokens"][:source] == found.source_tokens
        assert prediction["target_tokens"][:target] == found.target_tokens
        alignment = np.array(prediction["alignment"])
        np.testing.assert_allclose(alignment[:target, :source], found.alignment, atol=1e-4)
        assert not alignment[target:].any() and not alignment[:, source:].any()


def test_the_server_answers_by_default_with_the_text_alone(client):
    answer = client.post(URL, json={"instances": ["a b c", "", "d e f"]})
    assert answer.json() == {"predictions": ["c b a", "", reversed_words("d e f")]}


TRANSLATE_ONE = {"source": ["a"], **{name: values[:1] for name, values in KNOBS.items()}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"instances": ["a", "a" * 5000]}, "source: a sentence has more than 1000 tokens"),
        (
            {"signature_name": "translate", "inputs": {**TRANSLATE_ONE, "beam_size": [99]}},
            "beam_size: must be from 1 to 64",
        ),
        ({"signature_name": "score", "inputs": {"source": ["a"]}}, "Missing named input: target"),
    ],
)
def test_the_server_says_what_is_wrong(client, body, message):
    answer = client.post(URL, json=body)
    assert answer.status_code == 400 and message in answer.json()["error"]


def test_equal_texts_are_one_translation():
    """The best of equal texts stays in its place, and those behind move up."""
    texts = [list(row) for row in ("abac", "xxxx", "abcd")]
    scores = np.float32([[-1, -2, -3, -4], [-1, -2, -3, -4], [-1, -2, -3, -np.inf]])
    found, left = _merged(tf.constant(texts), tf.constant(scores))
    none = -np.inf
    assert [b"|".join(row) for row in found.numpy()] == [b"a|b|c|", b"x|||", b"a|b|c|d"]
    assert left.numpy().tolist() == [[-1, -2, -4, none], [-1, none, none, none], [-1, -2, -3, none]]


def test_the_translations_of_a_sentence_differ(monkeypatch, translator):
    """A tokenizer that writes no vowels makes many hypotheses one text."""
    servable = type(translator.servable)(translator.model, translator.task.tokenizer)
    plain = servable._texts
    few = functools.partial(tf.strings.regex_replace, pattern="[a-d ]", rewrite="")
    monkeypatch.setattr(servable, "_texts", lambda *args: few(plain(*args)))
    knobs = {name: tf.constant([value]) for name, value in MANY.items()}
    answer = servable.translate(tf.constant(["a e b f c"]), **knobs)
    count, texts = int(answer["count"][0]), answer["translations"][0].numpy().tolist()
    assert 1 <= count < 16 and len(set(texts[:count])) == count and not any(texts[count:])
    assert (np.diff(answer["scores"][0, :count]) <= 0).all() and not answer["scores"][0, count:].numpy().any()
    assert texts[0] == answer["translation"][0].numpy()


def test_an_unknown_character_is_no_right_answer(translator):
    """It costs what it takes to say which of all characters it is; a known one costs what it did."""
    tokenizer = translator.servable.target_tokenizer
    known, unknown = translator.score(["a b", "a b"], ["b a", "☃"])
    ids = {"source": tf.constant([[4, 3]]), "target_in": tf.constant([[2, 1]])}
    logits = translator.model(ids)
    plain = translator.servable.nats(**ids, target_out=tf.constant([[1, 3]])).numpy()[0]
    expected = -tf.nn.log_softmax(logits[0]).numpy()[[0, 1], [1, 3]].sum()
    spelling = np.log(0x110000 - 0x800 - len(tokenizer.characters))
    assert spelling == pytest.approx(13.92, abs=0.01) and plain == pytest.approx(
        expected + spelling, rel=1e-5
    )
    assert -unknown["log_probability"] > spelling > -known["log_probability"]
