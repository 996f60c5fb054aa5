"""The REST interface; H = http_rest_api_handler.cc, U = http_rest_api_util.cc, S = get_model_status_impl.cc,
M = basic_manager.cc, D = g3doc/api_rest.md, all of TF Serving at commit 9d981c5c."""

import asyncio
import gzip
import io
import json
import socket
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest
import tensorflow as tf
from embedded import serving
from held_model import Holder
from starlette.requests import Request
from starlette.testclient import TestClient
from waiting import PATIENCE, Gate, wait_until

from kerasapp.serving.engine import Engine, Limits
from kerasapp.serving.models.model_config import VersionPolicy, find_models
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.protocol.errors import QueueFullError, StatusError
from kerasapp.serving.rest import app as app_module
from kerasapp.serving.rest import http_messages, streaming
from kerasapp.serving.rest.app import create_app
from kerasapp.serving.rest.http_messages import error_answer, within_deadline


class Everything(tf.Module):
    """A signature of each kind."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.float32)])
    def add(self, a, b):
        return {"sum": a + b}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def upper(self, text):
        return {"text": tf.strings.upper(text, encoding="utf-8")}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def several(self, number):
        return {
            "double": number * 2,
            "sound_bytes": tf.strings.join([b"\xff", tf.strings.as_string(number)]),
            "ratio": 1.0 / tf.cast(number, tf.float32),
        }

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.int64)])
    def pairs(self, pair):
        return {"total": tf.reduce_sum(pair, axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def mean(self, x):
        return {"mean": tf.reduce_mean(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def pick(self, index):
        return {"item": tf.gather([10, 20, 30], index)}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models")
    module = Everything()
    signatures = {name: getattr(module, name) for name in ("upper", "several", "pairs", "mean", "pick")}
    for number in (1, 2):
        path = str(folder / "every thing" / str(number))
        tf.saved_model.save(module, path, signatures={"serving_default": module.add, **signatures})
    (folder / "every thing" / "3").mkdir()
    (model,) = find_models(folder).values()
    registry = Registry({model.name: replace(model, policy=VersionPolicy("all"), labels={"first": 1})})
    registry.update()
    return Engine(registry, limits=Limits(body=10_000, batch=100))


@pytest.fixture(scope="module")
def client(engine):
    with ThreadPoolExecutor(4) as executor:
        yield TestClient(create_app(engine, executor))


URL = "/v1/models/every%20thing"


@pytest.mark.parametrize(
    ("name", "logged"), [(None, "serving_default"), ("", "serving_default"), ("upper", "upper")]
)
def test_the_log_names_the_signature_that_answered(engine, name, logged):
    lines = io.StringIO()
    body = {"inputs": ["a"]} if name else {"inputs": {"a": [1], "b": [2]}}
    with ThreadPoolExecutor(1) as executor:
        client = TestClient(create_app(engine, executor, log=Log("requests", lines)))
        given = {} if name is None else {"signature_name": name}
        assert client.post(f"{URL}:predict", json={**body, **given}).status_code == 200
    (line,) = map(json.loads, lines.getvalue().splitlines())
    assert (line["signature"], line["version"], line["rows"]) == (logged, 2, 1)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ('{"instances": [{"a": 1, "b": 2}, {"a": 3, "b": 0.5}]}', {"predictions": [3.0, 3.5]}),
        ('{"inputs": {"a": [1, 2], "b": [2, 0.5]}}', {"outputs": [3.0, 2.5]}),
        ('{"signature_name": "upper", "instances": ["abc", "größe"]}', {"predictions": ["ABC", "GRÖSSE"]}),
        ('{"signature_name": "upper", "inputs": {"text": [{"b64": "YWI="}]}}', {"outputs": ["AB"]}),
        (
            '{"signature_name": "several", "instances": [2, 4]}',
            {
                "predictions": [
                    {"double": 4, "ratio": 0.5, "sound_bytes": {"b64": "/zI="}},
                    {"double": 8, "ratio": 0.25, "sound_bytes": {"b64": "/zQ="}},
                ]
            },
        ),
        (
            '{"signature_name": "several", "inputs": [0]}',
            {"outputs": {"double": [0], "ratio": [float("inf")], "sound_bytes": [{"b64": "/zA="}]}},
        ),
        ('{"signature_name": "pairs", "instances": [[1, 2], [3, -4]]}', {"predictions": [3, -1]}),
        ('{"signature_name": "mean", "inputs": [1, 2]}', {"outputs": 1.5}),
    ],
)
def test_predict(client, body, answer):
    for url in (f"{URL}:predict", f"{URL}/versions/1:predict"):
        response = client.post(url, content=body)
        assert (response.status_code, response.json()) == (200, answer)
        assert response.headers["content-type"] == "application/json"


GOOD = '{"inputs": {"a": [1], "b": [2]}}'


@pytest.mark.parametrize(
    ("method", "url", "body", "status", "message"),
    [
        # M; D shows the first
        ("POST", "/v1/models/half:predict", GOOD, 404, "Servable not found for request: Latest(half)"),
        ("POST", f"{URL}/versions/3:predict", GOOD, 404, "not found for request: Specific(every thing, 3)"),
        ("POST", f"{URL}/versions/77:predict", GOOD, 404, "not found for request: Specific(every thing, 77)"),
        # H ProcessPredictRequest reads the body first
        ("POST", "/v1/models/half:predict", "{", 400, "JSON Parse error: Missing a name for object member."),
        # H GetInfoMap
        (
            "POST",
            f"{URL}:predict",
            '{"signature_name": "no", "inputs": 1}',
            400,
            'Serving signature name: "no" not found in signature def',
        ),
        # J, by way of H
        ("POST", f"{URL}:predict", "", 400, "JSON Parse error: The document is empty"),
        (
            "POST",
            f"{URL}:predict",
            '{"inputs": {"a": [1]}}',
            400,
            "Missing named input: b in 'inputs' object.",
        ),
        (
            "POST",
            f"{URL}:predict",
            '{"signature_name": "mean", "instances": [1, 2]}',
            400,
            "Tensor name: mean has no shape information",
        ),
        # what the graph itself refuses, without what Python adds to it
        ("POST", f"{URL}:predict", '{"inputs": {"a": [1, 2], "b": [1, 2, 3]}}', 400, "Incompatible shapes"),
        (
            "POST",
            f"{URL}:predict",
            '{"signature_name": "pick", "inputs": [1, 3]}',
            400,
            "indices[1] = 3 is not in [0, 3)",
        ),
        # U ParseModelInfo
        (
            "POST",
            f"{URL}/versions/99999999999999999999:predict",
            GOOD,
            400,
            "Failed to convert version: 9999",
        ),
        ("POST", f"{URL}/labels/stable:predict", GOOD, 400, "Unrecognized servable version label: stable"),
        # H ProcessRequest: neither 404 nor 405
        ("GET", f"{URL}:predict", None, 400, "Malformed request: GET /v1/models/every%20thing:predict"),
        ("POST", URL, GOOD, 400, "Malformed request: POST /v1/models/every%20thing"),
        ("POST", f"{URL}:guess", GOOD, 400, "Malformed request: POST /v1/models/every%20thing:guess"),
        ("DELETE", URL, None, 400, "Malformed request: DELETE /v1/models/every%20thing"),
        ("GET", f"{URL}/versions/one", None, 400, "Malformed request: GET"),
        ("GET", "/v1/models", None, 400, "Missing model name in request."),
        # S
        ("GET", "/v1/models/half", None, 404, "Could not find any versions of model half"),
        ("GET", f"{URL}/versions/77", None, 404, "Could not find version 77 of model every thing"),
        ("GET", f"{URL}/versions/77/metadata", None, 404, "Servable not found for request: Specific"),
        # http_server.cc, Dispatch: other paths are not this interface's
        ("GET", "/elsewhere", None, 404, "Not found"),
        # classifier.cc:176, regressor.cc:170
        (
            "POST",
            f"{URL}:classify",
            '{"examples": [{"x": 1}]}',
            400,
            "Expected one input Tensor.",
        ),
        (
            "POST",
            f"{URL}:classify",
            '{"signature_name": "several", "examples": [{}]}',
            400,
            "Expected one or two output Tensors, found 3",
        ),
        (
            "POST",
            f"{URL}:classify",
            '{"signature_name": "no", "examples": [{}]}',
            400,
            "No signature was found with the name: no",
        ),
        (
            "POST",
            f"{URL}:regress",
            '{"signature_name": "mean", "examples": [{}]}',
            400,
            "No regression inputs found in SignatureDef: inputs {",
        ),
        # json_tensor.cc:820, FillClassifyRegressRequestFromJson
        ("POST", f"{URL}:classify", "[]", 400, "JSON Value: [] Is not object"),
        ("POST", f"{URL}:regress", "{}", 400, "key 'examples' is expected and was not found"),
        ("POST", f"{URL}:regress", '{"examples": 1}', 400, "Expecting 'examples' value to be an list/array"),
        ("POST", f"{URL}:regress", '{"examples": []}', 400, "'examples' value is an empty array"),
        # evhttp_server.cc:114 allows seven methods
        ("TRACE", URL, None, 501, "Method not implemented: TRACE"),
        ("POST", f"{URL}:predict", "x" * 10_001, 413, "larger than 10000 bytes"),
    ],
)
def test_refused(client, method, url, body, status, message):
    response = client.request(method, url, content=body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert response.json().keys() == {"error"}
    assert message in response.json()["error"]
    assert "Graph execution error" not in response.json()["error"]


def test_a_body_without_a_length_is_limited_too(client):
    response = client.post(f"{URL}:predict", content=(b"x" * 1000 for _ in range(20)))
    assert response.status_code == 413


def test_a_packed_body_is_limited_by_what_it_holds(client):
    """Cut off, it would be another request, or none."""
    body = gzip.compress(GOOD.encode() + b" " * 10_000)
    response = client.post(f"{URL}:predict", content=body, headers={"Content-Encoding": "gzip"})
    assert (len(body) < 1000, response.status_code) == (True, 413)


def test_status(client):
    statuses = client.get(URL).json()["model_version_status"]
    assert [(item["version"], item["state"]) for item in statuses] == [
        ("3", "END"),
        ("2", "AVAILABLE"),
        ("1", "AVAILABLE"),
    ]
    assert statuses[0]["status"]["error_code"] == "NOT_FOUND"
    assert "Could not find SavedModel" in statuses[0]["status"]["error_message"]
    ready = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert client.get(f"{URL}/versions/1").json() == {"model_version_status": [ready]}  # D


def test_metadata(client):
    metadata = client.get(f"{URL}/metadata").json()
    assert metadata["model_spec"] == {"name": "every thing", "signature_name": "", "version": "2"}
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    assert signatures["pairs"]["inputs"]["pair"]["dtype"] == "DT_INT64"
    sizes = [dim["size"] for dim in signatures["pairs"]["inputs"]["pair"]["tensor_shape"]["dim"]]
    assert sizes == ["-1", "2"]
    assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"


def test_many_at_once(client):
    answers = {}

    def ask(number):
        body = f'{{"inputs": {{"a": [{number}], "b": [1]}}}}'
        answers[number] = client.post(f"{URL}:predict", content=body).json()

    threads = [threading.Thread(target=ask, args=[number]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: {"outputs": [number + 1.0]} for number in range(16)}


def test_every_answer_has_an_id(client):
    assert client.get(URL, headers={"X-Request-Id": "abc-1.2"}).headers["x-request-id"] == "abc-1.2"
    made = [client.get(path).headers["x-request-id"] for path in (URL, "/elsewhere")]
    assert len(set(made)) == 2
    for wrong in ("two words", "x" * 1000, ""):  # what cannot stand in a log
        assert client.get(URL, headers={"X-Request-Id": wrong}).headers["x-request-id"] != wrong


@pytest.mark.parametrize("seconds", ["soon", "0", "-1", "nan", "inf"])
def test_a_timeout_that_is_none(client, seconds):
    response = client.post(f"{URL}:predict", content=GOOD, headers={"X-Request-Timeout": seconds})
    assert (response.status_code, response.json()["error"]) == (
        400,
        "X-Request-Timeout: expected a positive number of seconds",
    )


@pytest.mark.parametrize(("asked", "seconds"), [(None, 60.0), (b"20", 20.0), (b"3600", 60.0)])
def test_a_client_may_ask_for_less_time_and_not_for_more(asked, seconds):
    async def deadline():
        headers = [(b"x-request-timeout", asked)] if asked else []
        async with within_deadline(Request({"type": "http", "headers": headers}), 60.0) as found:
            return found

    now = time.monotonic()
    assert now + seconds <= asyncio.run(deadline()).at < now + seconds + 10  # on a busy machine


def test_a_timeout_that_has_passed(client):
    response = client.post(f"{URL}:predict", content=GOOD, headers={"X-Request-Timeout": "1e-9"})
    assert response.status_code == 504
    assert "Deadline exceeded" in response.json()["error"]


def test_limits(client):
    rows = ", ".join(['{"a": 1, "b": 2}'] * 101)
    response = client.post(f"{URL}:predict", content=f'{{"instances": [{rows}]}}')
    assert response.status_code == 400
    assert response.json()["error"] == "Tensor name: a has 101 rows; this server allows at most 100"


def test_labels(client):
    assert client.post(f"{URL}/labels/first:predict", content=GOOD).json() == {"outputs": [3.0]}
    (status,) = client.get(f"{URL}/labels/first").json()["model_version_status"]
    assert status["version"] == "1"
    assert client.get(f"{URL}/labels/first/metadata").json()["model_spec"]["version"] == "1"
    for path in (f"{URL}/labels/none", f"{URL}/labels/none/metadata"):
        response = client.get(path)
        assert (response.status_code, response.json()["error"]) == (
            400,
            "Unrecognized servable version label: none",
        )


def test_metrics(client):
    client.post(f"{URL}:predict", content=GOOD)
    client.post(f"{URL}:predict", content=b"{}")
    client.post("/v1/models/made-up:predict", content=GOOD)
    response = client.get("/monitoring/prometheus/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"  # Prometheus asks
    assert ':request_latency_count{model_name="every thing",API="predict",entrypoint="REST"}' in response.text
    assert ':request_count{model_name="every thing",status="INVALID_ARGUMENT"}' in response.text
    assert "made-up" not in response.text  # or clients could fill the memory with names


def test_the_path_of_the_metrics_with_a_query(client):  # http_server.cc:96, ProcessPrometheusRequest
    response = client.get("/monitoring/prometheus/metrics?name=x")
    assert response.status_code == 400
    assert response.text == (
        "Unexpected path: /monitoring/prometheus/metrics?name=x. Should be /monitoring/prometheus/metrics"
    )


@pytest.mark.parametrize("path", [URL, f"{URL}:predict", f"{URL}:generate_stream"])
def test_options(client, path):  # http_server.cc:170, ProcessRequest
    for origin, status in (
        ("http://a.example", 200),
        ("https://a.example:8", 200),
        ("null", 400),
        (None, 400),
    ):
        response = client.options(path, headers={"Origin": origin} if origin else {})
        assert (response.status_code, response.content) == (status, b"")
        assert "access-control-allow-origin" not in response.headers
    assert client.options("/elsewhere", headers={"Origin": "http://a.example"}).status_code == 404


def test_pages_of_other_origins(engine):  # http_rest_api_util.cc:40, AddCORSHeaders
    with ThreadPoolExecutor(1) as executor:
        client = TestClient(create_app(engine, executor, cors=True))
        preflight = client.options(f"{URL}:predict", headers={"Origin": "http://a.example"})
        answer, error = (
            client.post(f"{URL}:predict", content=GOOD),
            client.post(f"{URL}:predict", content="{"),
        )
        assert (preflight.status_code, answer.status_code, error.status_code) == (200, 200, 400)
        for response in (preflight, answer, error):
            assert response.headers["access-control-allow-origin"] == "*"
            assert response.headers["access-control-allow-methods"] == "POST, GET"
            assert response.headers["access-control-allow-headers"] == "Content-Type"
        assert "access-control-allow-origin" not in client.get("/monitoring/prometheus/metrics").headers


def test_gzip(client):  # gzip_zlib.cc:761, Uncompress: all of it, its footer included, and nothing after it
    packed, name = gzip.compress(GOOD.encode()), {"Content-Encoding": "x-gzip"}
    assert client.post(f"{URL}:predict", content=packed, headers=name).json() == {"outputs": [3.0]}
    for wrong in (packed[:-1], packed[:-9], packed + b"x", packed + packed, b"", GOOD.encode()):
        response = client.post(f"{URL}:predict", content=wrong, headers=name)
        assert response.json() == {"error": "JSON Parse error: The document is empty"}


def test_a_full_queue_is_503():
    answer = error_answer(QueueFullError("full"))
    assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
    assert error_answer(StatusError("RESOURCE_EXHAUSTED", "OOM")).status_code == 429


def test_more_requests_than_fit_are_refused_at_once(engine):
    engine = Engine(engine.registry, limits=Limits(requests=2))
    with ThreadPoolExecutor(1) as executor:
        client = TestClient(create_app(engine, executor))
        with engine.admission.enter():
            assert client.post(f"{URL}:predict", content=GOOD).status_code == 200
            with engine.admission.enter():
                answer = client.post(f"{URL}:predict", content=GOOD)
                assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
                assert answer.json()["error"].startswith("The server has 2 requests in flight")
                assert client.get(URL).status_code == 200
        assert client.post(f"{URL}:predict", content=b"{").status_code == 400
        wait_until(lambda: engine.admission.in_flight == 0)


def test_what_is_refused_before_a_model_is_asked_counts(engine):
    engine = Engine(engine.registry, limits=Limits(body=100, requests=1))
    with ThreadPoolExecutor(1) as executor:
        client = TestClient(create_app(engine, executor))
        assert client.post(f"{URL}:predict", content=b" " * 101).status_code == 413
        assert client.post(f"{URL}:predict", headers={"X-Request-Timeout": "0"}).status_code == 400
        assert client.post(f"{URL}:predict", headers={"X-Request-Timeout": "1e-9"}).status_code == 504
        with engine.admission.enter():
            assert client.post(f"{URL}:predict", content=GOOD).status_code == 503
            lines = client.get("/monitoring/prometheus/metrics").text.splitlines()
    counted = {line.split("status=")[1] for line in lines if ":request_count{" in line}
    assert counted == {
        '"INVALID_ARGUMENT"} 2',
        '"DEADLINE_EXCEEDED"} 1',
        '"RESOURCE_EXHAUSTED"} 1',
    }
    assert all('model_name="every thing"' in line for line in lines if ":request_count{" in line)
    assert ":kerasapp:serving:requests_in_flight{} 1" in lines


def test_work_that_outlasts_its_request_counts_until_it_ends(engine, monkeypatch):
    """It holds a thread and memory."""
    go, engine = threading.Event(), Engine(engine.registry)
    monkeypatch.setattr(app_module, "answer", lambda *_: go.wait(PATIENCE) and b"{}")
    with ThreadPoolExecutor(1) as executor, ExitStack() as stack:
        stack.callback(go.set)
        client = TestClient(create_app(engine, executor))
        late = client.post(f"{URL}:predict", content=GOOD, headers={"X-Request-Timeout": "0.3"})
        assert (late.status_code, engine.admission.in_flight) == (504, 1)
        go.set()
        wait_until(lambda: engine.admission.in_flight == 0)


async def answers(app, path, *chunks, headers=()):
    """The status of the answer to a body in chunks; None for a chunk waits until the answer is there."""
    done, found, left = asyncio.Event(), [], list(chunks)

    async def receive():
        if left and left[0] is None:
            await done.wait()
        if not left:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": left.pop(0) or b"", "more_body": bool(left)}

    async def send(message):
        found.append(message.get("status"))
        done.set()

    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    await app({**scope, "headers": list(headers)}, receive, send)
    return found[0]


def test_a_body_that_is_slow_takes_no_place(engine):
    engine = Engine(engine.registry, limits=Limits(requests=1))

    async def both(app):
        slow = asyncio.ensure_future(
            answers(app, f"{URL}:predict", b"{", None, headers=[(b"x-request-timeout", b"1")])
        )
        await asyncio.sleep(0.1)
        return await answers(app, f"{URL}:predict", b"{"), await slow

    with ThreadPoolExecutor(1) as executor:
        assert asyncio.run(both(create_app(engine, executor))) == (400, 504)
    wait_until(lambda: engine.admission.in_flight == engine.bodies.in_flight == 0)


@pytest.mark.parametrize("path", [f"{URL}:predict", f"{URL}:generate_stream"])
def test_all_bodies_together_are_limited(engine, path, monkeypatch):
    engine = Engine(engine.registry, limits=Limits(body=1000))
    with ThreadPoolExecutor(1) as executor:
        routes = streaming.routes(engine, executor)
        client = TestClient(create_app(engine, executor, routes=routes))
        with engine.bodies.enter(15_500):
            assert client.post(path, content=b"{" * 400).status_code == 400
            assert client.post(path, content=b"{" * 600).status_code == 503
            packed, name = gzip.compress(b"{" * 900), {"Content-Encoding": "gzip"}
            with monkeypatch.context() as unpacked:
                unpacked.setattr(http_messages, "_gunzip", lambda *_: pytest.fail("it was unpacked"))
                assert client.post(path, content=packed, headers=name).status_code == 503
            assert client.get(URL).status_code == 200
        assert client.post(path, content=packed, headers=name).status_code == 400
    wait_until(lambda: engine.admission.in_flight == engine.bodies.in_flight == 0)


def test_a_client_that_leaves_stops_the_model(tmp_path):
    module = Holder()
    tf.saved_model.save(module, str(tmp_path / "holder" / "1"), signatures=module.hold)
    gate, name = Gate(tmp_path), b"/v1/models/holder:predict"
    with serving(tmp_path) as addresses:
        host, port = addresses["rest"].split(":")

        def metrics():
            path = f"http://{addresses['rest']}/monitoring/prometheus/metrics"
            return urllib.request.urlopen(path).read().decode()

        with socket.create_connection((host, int(port))) as connection:
            body = json.dumps({"instances": [str(gate.path)]}).encode()
            connection.sendall(
                b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (name, len(body))
            )
            connection.sendall(body)
            gate.wait_for_request()
        # The gate is closed: the model would run for ever.
        wait_until(lambda: 'request_count{model_name="holder",status="CANCELLED"} 1' in metrics())


def test_status_does_not_wait_behind_models(engine):
    busy, wish = threading.Event(), {"X-Request-Timeout": "0.1"}
    with ThreadPoolExecutor(1) as executor, ExitStack() as stack:
        stack.callback(busy.set)  # a failure must not wait for it either
        executor.submit(busy.wait)
        client = TestClient(create_app(engine, executor))
        assert client.get(URL, headers={"X-Request-Timeout": "30"}).status_code == 200
        assert client.get(f"{URL}/metadata", headers={"X-Request-Timeout": "30"}).status_code == 200
        assert client.post(f"{URL}:predict", content=GOOD, headers=wish).status_code == 504
