"""Streams over HTTP: the events, what is refused, and clients that go away, sleep, or come many at a time."""

import asyncio
import io
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from byte_model import ByteModel
from starlette.testclient import TestClient
from waiting import PATIENCE, wait_until

from kerasapp import spec
from kerasapp.serving.batching.parameters import BatchingParameters
from kerasapp.serving.engine import Engine, Limits
from kerasapp.serving.models.model_config import find_models
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.protocol.errors import StatusError
from kerasapp.serving.protocol.signatures import TensorSpec
from kerasapp.serving.rest import streaming
from kerasapp.serving.rest.app import create_app

GENERATION = ("tokenize", "prefill", "sample", "detokenize")
TRANSLATION = ("tokenize", "encode", "greedy", "detokenize")


class OneModel:
    """A registry of one version, "model" 1 with the label "stable", whose SavedModel is a `ByteModel`."""

    def __init__(self, says, signatures=GENERATION, seconds=0.0, fail=None, late=None):
        self.model, self.in_flight, self.seconds = ByteModel(says), 0, seconds
        self.fail, self.late = fail or {}, late  # the signature and how often it was called before
        bundle = SimpleNamespace(
            signature_defs=dict.fromkeys(signatures), inputs=self._inputs, predict=self._predict
        )
        self.version = SimpleNamespace(model="model", number=1, bundle=bundle, batcher=None)

    def all_versions(self):
        return [self.version]

    def _inputs(self, signature):
        return {"h": TensorSpec("float", (None, 3))} if signature == "prefill" else {}

    def _predict(self, signature, inputs, deadline=None):
        calls = self.model.calls.count(signature)
        if (signature, calls) in self.fail:
            raise self.fail[signature, calls]
        if (signature, calls) == self.late:
            time.sleep(max(deadline.at - time.monotonic(), 0))
        time.sleep(self.seconds)
        return self.model(signature, inputs)

    def known(self, name):
        return name if name == "model" else None

    @contextmanager
    def acquire(self, model, number=None, label=None):
        if model != "model" or number not in (None, 1) or label not in (None, "stable"):
            raise StatusError("NOT_FOUND", f"Servable not found for request: Latest({model})")
        self.in_flight += 1
        try:
            yield self.version
        finally:
            self.in_flight -= 1


@contextmanager
def served(registry, limits=None, log=None, batching=None):
    engine = Engine(registry, limits=limits or Limits(timeout=PATIENCE), batching=batching)
    with ThreadPoolExecutor(2) as executor:
        yield create_app(engine, executor, routes=streaming.routes(engine, executor, log), log=log)


def post(app, body, target="model"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return TestClient(app).post(f"/v1/models/{target}:generate_stream", content=body)


def events(text):
    """(name, data) of each event, "message" being the name of those that have none."""
    found = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        name, data = ("message", block) if block.startswith("data") else block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def whole(text):
    """The full text and why it ends, which the pieces have to make up."""
    *pieces, (name, last) = events(text)
    assert name == "end" and {name for name, _ in pieces} <= {"message"}
    assert "".join(data["text"] for _, data in pieces) == last["full_text"]
    return last["full_text"], last["stop_reason"]


def test_the_stream_to_the_letter():
    with served(OneModel("hé")) as app:
        answer = post(app, {"prompt": "", "length": 3})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"  # or a proxy would hold the events back
    assert answer.content.decode() == (
        'data: {"text": "h", "tokens": 1}\n\n'
        'data: {"text": "é", "tokens": 3}\n\n'
        'event: end\ndata: {"full_text": "hé", "stop_reason": "length", "tokens": 3}\n\n'
    )


@pytest.mark.parametrize("key", ["prompt", "source", "text"])
def test_a_text_goes_by_three_names_and_may_be_bytes(key):
    with served(OneModel("a\nb\u2028c", TRANSLATION)) as app:
        for value in ("x", {"b64": "eA=="}):
            assert whole(post(app, {key: value}).text) == ("a\nb\u2028c", "end")


def test_versions_and_labels():
    with served(OneModel("ab")) as app:
        for target in ("model", "model/versions/1", "model/labels/stable"):
            assert whole(post(app, {"prompt": "", "length": 2}, target).text)[0] == "ab"
        for target in (
            "other",
            "model/versions/2",
            "model/labels/canary",
            "model/versions/99999999999999999999",
        ):
            answer = post(app, {"prompt": ""}, target)
            assert answer.status_code == 404 and "Servable not found" in answer.json()["error"]


REFUSED = {
    "no JSON": (b"{", "JSON Parse error"),
    "deep": (b"[" * 100_000, "JSON Parse error"),
    "empty": (b"", "JSON Parse error"),
    "no object": (b"[1]", "Is not object"),
    "no text": ({"length": 3}, "Expected one of 'prompt, source, text' keys, found 0"),
    "two texts": ({"prompt": "a", "text": "b"}, "found 2"),
    "unknown": ({"prompt": "a", "temprature": 1}, 'Unknown key: "temprature"'),
    "of the other task": ({"prompt": "a", "max_ratio": 1}, 'Unknown key: "max_ratio"'),
    "list": ({"prompt": ["a"]}, "Expected one value"),
    "number for text": ({"prompt": 5}, "is not of expected type: string"),
    "null": ({"prompt": None}, "is not of expected type: string"),
    "text for number": ({"prompt": "a", "seed": "5"}, "is not of expected type: int32"),
    "fraction": ({"prompt": "a", "length": 1.5}, "is not of expected type: int32"),
    "bool": ({"prompt": "a", "top_p": True}, "is not of expected type: float"),
    "too long": ({"prompt": "a", "length": 101}, "at most 100"),
    "negative": ({"prompt": "a", "length": -1}, "length: -1 is not a whole number from 0"),
    "too much text": ({"prompt": "a" * 2001}, "at most 2000"),
    "base64": ({"prompt": {"b64": "?"}}, "base64"),
}


@pytest.mark.parametrize(("body", "message"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_request_is_refused_in_words(body, message):
    registry = OneModel("ab")
    with served(registry, Limits(length=100, text=2000)) as app:
        answer = post(app, body)
    assert answer.status_code == 400 and message in answer.json()["error"]
    assert registry.in_flight == 0


def test_a_length_that_is_not_given_is_within_the_limit():
    with served(OneModel("ab" * 10), Limits(length=7)) as app:
        assert whole(post(app, {"prompt": ""}).text) == ("abababa", "length")


def test_a_body_too_large_and_a_model_that_cannot_stream_are_refused():
    with served(OneModel("ab"), Limits(body=50)) as app:
        assert post(app, {"prompt": "a" * 50}).status_code == 413
    with served(OneModel("ab", ("tokenize", "encode", "step"))) as app:
        answer = post(app, {"prompt": "a"})
        assert answer.status_code == 400 and "export the model again" in answer.json()["error"]


def test_the_main_signature_says_whose_loop_it_is():
    names = {*GENERATION, *TRANSLATION}
    for known in ("generation", "translation"):
        found = streaming.task_of(OneModel("", (*names, spec.spec(known).signature)).version)
        assert found.name == known


def test_what_fails_before_the_first_event_has_a_status():
    failures = {("sample", 0): StatusError("RESOURCE_EXHAUSTED", "too many")}
    with served(OneModel("abc", fail=failures)) as app:
        answer = post(app, {"prompt": ""})
        assert answer.status_code == 429 and answer.json() == {"error": "too many"}
    with served(
        OneModel("abc", fail={("prefill", 0): ValueError("secret")}), log=Log("none", io.StringIO())
    ) as app:
        answer = post(app, {"prompt": ""})
        assert answer.status_code == 500 and answer.json() == {"error": "Internal error: ValueError"}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (StatusError("UNAVAILABLE", "gone"), {"error": "gone", "code": "UNAVAILABLE"}),
        (ValueError("secret"), {"error": "Internal error: ValueError", "code": "INTERNAL"}),
    ],
)
def test_what_fails_later_is_an_event(error, message):
    registry, lines = OneModel("abcd", fail={("sample", 2): error}), io.StringIO()
    with served(registry, log=Log("errors", lines)) as app:
        *pieces, last = events(post(app, {"prompt": ""}).text)
    assert [data["text"] for _, data in pieces] == ["a", "b"] and last == ("error", message)
    assert registry.in_flight == 0 and "secret" not in lines.getvalue()


def test_the_deadline_ends_a_stream():
    seconds, answer = 0.1, None
    while answer is None or answer.status_code == 504:  # on a busy machine, before the first event
        seconds *= 3
        with served(OneModel("a" * 50, late=("sample", 2)), Limits(timeout=seconds)) as app:
            answer = post(app, {"prompt": "", "length": 50})
    *pieces, (name, last) = events(answer.text)
    assert 1 <= len(pieces) <= 2 and name == "error" and last["code"] == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize("target", ["model", "other"])
def test_the_log_and_the_metrics_of_a_stream(target):
    """A name that is no model's may be any text, and is not kept."""
    lines = io.StringIO()
    with served(OneModel("ab"), log=Log("requests", lines)) as app:
        status = post(app, {"prompt": "", "length": 2}, target).status_code
        counted = app._engine.metrics.text()
    line = json.loads(lines.getvalue())
    assert (line["api"], line["http_status"]) == ("generate_stream", status)
    known = ("model", 1, "OK", 200) if target == "model" else (None, None, "NOT_FOUND", 404)
    assert (line["model"], line["version"], line["status"], status) == known
    assert f'request_count{{model_name="{known[0] or "(unknown)"}",status="{known[2]}"}} 1' in counted


def test_a_stream_counts_as_a_request_until_it_ends():
    with served(OneModel("ab"), Limits(requests=1, timeout=PATIENCE)) as app:
        for _ in range(3):
            assert post(app, {"prompt": ""}).status_code == 200
            wait_until(lambda: app._engine.admission.in_flight == 0)
        with app._engine.admission.enter():
            answer = post(app, {"prompt": ""})
        assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
        assert post(app, {"prompt": ""}).status_code == 200
        assert post(app, b"{").status_code == 400
        wait_until(lambda: app._engine.admission.in_flight == 0)


def test_a_client_may_ask_for_less_time():
    with served(OneModel("a" * 50, seconds=0.2)) as app:
        client = TestClient(app)
        for wish, status in {"0.1": 504, "soon": 400}.items():
            found = client.post(
                "/v1/models/model:generate_stream", json={"prompt": ""}, headers={"X-Request-Timeout": wish}
            )
            assert found.status_code == status


class Client:
    """One request to an application, as a server makes it; the client can leave, or take the answer slowly.

    Without a body the client never sends the whole request.
    """

    def __init__(self, app, body):
        self.left, self.ready, self.sent = asyncio.Event(), asyncio.Event(), []
        self.ready.set()
        self._body = body and json.dumps(body).encode()
        path = "/v1/models/model:generate_stream"
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [],
        }
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self):
        if self._body is None:
            await self.left.wait()
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body}

    async def _send(self, message):
        await self.ready.wait()
        self.sent.append(message)

    @property
    def text(self):
        return b"".join(message.get("body", b"") for message in self.sent).decode()


def test_a_client_that_goes_stops_the_work():
    async def visit(app):
        client = Client(app, {"prompt": "", "length": 5000})
        while len(client.sent) < 3:
            await asyncio.sleep(0.005)
        client.left.set()
        await client.task

    registry, lines = OneModel("a" * 5000, seconds=0.001), io.StringIO()
    with served(registry, log=Log("requests", lines)) as app:
        asyncio.run(visit(app))
    assert registry.in_flight == 0 and registry.model.calls.count("sample") < 100
    (line,) = map(json.loads, lines.getvalue().splitlines())
    assert (line["status"], line["http_status"]) == ("CANCELLED", 200)  # the first events were sent


def test_a_client_that_goes_before_the_first_event_stops_the_work():
    class Slow(OneModel):
        def _predict(self, signature, inputs, deadline=None):
            wait_until(deadline.is_over)
            raise deadline.error()

    async def visit(app):
        client = Client(app, {"prompt": ""})
        client.left.set()
        await asyncio.wait_for(client.task, PATIENCE / 2)

    lines = io.StringIO()
    with served(Slow("a"), Limits(timeout=PATIENCE), log=Log("requests", lines)) as app:
        asyncio.run(visit(app))
    line = json.loads(lines.getvalue())
    assert (line["status"], line["http_status"]) == ("CANCELLED", 499)


def test_a_client_that_goes_while_it_sends_is_no_failure():
    async def visit(app):
        client = Client(app, None)
        client.left.set()
        await client.task

    lines = io.StringIO()
    with served(OneModel("a"), log=Log("requests", lines)) as app:
        asyncio.run(visit(app))
    (line,) = map(json.loads, lines.getvalue().splitlines())
    assert (line["event"], line["status"], line["http_status"]) == ("request", "CANCELLED", 499)


def test_a_slow_client_holds_nobody_up():
    async def visit(app, registry):
        slow = [Client(app, {"prompt": "", "length": 50}) for _ in range(4)]  # more than there are threads
        for client in slow:
            client.ready.clear()
        quick = Client(app, {"prompt": "", "length": 20})
        await quick.task
        assert whole(quick.text) == ("a" * 20, "length")
        assert registry.model.calls.count("sample") <= 20 + 2 * len(slow)
        for client in slow:
            client.ready.set()
            await client.task
            assert whole(client.text) == ("a" * 50, "length")

    registry = OneModel("a" * 50)
    with served(registry) as app:
        asyncio.run(visit(app, registry))


def test_a_client_that_takes_nothing_is_cut_off(monkeypatch):
    monkeypatch.setattr(streaming, "_GRACE", 0.1 - PATIENCE)  # 0.1 s after the beginning

    async def visit(app):
        client = Client(app, {"prompt": "", "length": 50})
        client.ready.clear()
        await asyncio.wait_for(client.task, PATIENCE / 2)
        assert not client.sent

    registry, lines = OneModel("a" * 50), io.StringIO()
    with served(registry, Limits(timeout=PATIENCE), Log("requests", lines)) as app:
        asyncio.run(visit(app))
    assert registry.in_flight == 0
    assert json.loads(lines.getvalue())["status"] == "DEADLINE_EXCEEDED"  # the client has not left


def test_many_streams_at_once_are_each_whole():
    async def visit(app):
        clients = [Client(app, {"prompt": "", "length": 1 + i}) for i in range(20)]
        await asyncio.gather(*(client.task for client in clients))
        return [whole(client.text)[0] for client in clients]

    with served(OneModel("abcdefghijklmnopqrst")) as app:
        assert asyncio.run(visit(app)) == ["abcdefghijklmnopqrst"[: 1 + i] for i in range(20)]


def loaded(export):
    registry = Registry(find_models(export))
    registry.update()
    return registry


def answer(registry, model, signature, row):
    """The outputs of a signature for one row of plain values."""
    arrays = {
        name: np.array([value.encode()], object) if isinstance(value, str) else np.array([value])
        for name, value in row.items()
    }
    with registry.acquire(model) as version:
        specs = version.bundle.inputs(signature)
        for name, array in arrays.items():
            if array.dtype != object:
                arrays[name] = array.astype(np.float32 if specs[name].dtype == "float" else np.int32)
        found = version.bundle.predict(signature, arrays)
    return {name: value[0] for name, value in found.items()}


@pytest.fixture(scope="module")
def generation(tiny_export):
    return loaded(tiny_export)


@pytest.fixture(scope="module")
def translation(reversal_export):
    return loaded(reversal_export)


TEXTS = [
    {"prompt": "ROMEO:\n", "length": 150, "seed": 3},
    {"prompt": "", "length": 60, "temperature": 0},
    {"prompt": "人生", "length": 80, "temperature": 1.3, "top_k": 5, "top_p": 0.9, "seed": -7},
    {"prompt": "Nurse: 🦜", "length": 200, "seed": 1, "stop": "?"},
    {"prompt": "e\u0301", "length": 200, "temperature": 1.5, "seed": 2, "stop": "e\u0301 no such thing"},
]


@pytest.mark.parametrize("request_", TEXTS, ids=lambda request: request["prompt"])
def test_generation_streams_what_generate_gives(generation, request_):
    defaults = spec.spec("generation").defaults
    expected = answer(generation, "tiny", "generate", {**defaults, **request_})
    with served(generation) as app:
        text, reason = whole(post(app, request_, "tiny").text)
    assert text == expected["text"].decode() and reason == expected["stop_reason"].decode()


def test_a_knob_out_of_range_is_refused(generation):
    with served(generation) as app:
        for knob, value in {"temperature": -1, "top_k": -1, "top_p": 1.5}.items():
            found = post(app, {"prompt": "a", knob: value}, "tiny")
            assert found.status_code == 400 and f"{knob}: {value:g} is not a" in found.json()["error"]


SENTENCES = [
    {"source": "a b c d"},
    {"source": ""},
    {"source": "  \u3000 "},
    {"text": "h g f e d c b a h g", "max_ratio": 0.0},
    {"prompt": "b 🦜 b", "min_ratio": 2.0, "max_ratio": 3.0},
]


@pytest.mark.parametrize("request_", SENTENCES, ids=str)
def test_translation_streams_what_one_beam_gives(translation, request_):
    row = {"min_ratio": 0.0, "max_ratio": 2.0, **request_}
    row["source"] = next(row.pop(key) for key in ("source", "text", "prompt") if key in row)
    beams = {"beam_size": 1, "n_best": 1, "length_penalty": 1.0, "coverage_penalty": 0.0}
    expected = answer(translation, "reversal", "translate", {**row, **beams})
    with served(translation) as app:
        text, reason = whole(post(app, request_, "reversal").text)
    assert text == expected["translation"].decode()
    assert (reason == "end") == bool(expected["finished"])


def test_a_sentence_too_long_is_refused(translation):
    with served(translation) as app:
        found = post(app, {"source": "a " * 1000}, "reversal")
        assert found.status_code == 400 and "more than 1000 tokens" in found.json()["error"]


def test_streams_through_the_batcher_are_the_same(generation):
    requests = [{"prompt": "ROMEO:", "length": 30, "seed": seed, "top_k": seed} for seed in range(6)]
    parameters = BatchingParameters(max_batch_size=8, batch_timeout_micros=1000)
    with served(generation) as app:
        expected = [whole(post(app, request, "tiny").text) for request in requests]
    with served(generation, batching=parameters) as app, ThreadPoolExecutor(6) as clients:
        found = list(clients.map(lambda request: whole(post(app, request, "tiny").text), requests))
    assert found == expected
