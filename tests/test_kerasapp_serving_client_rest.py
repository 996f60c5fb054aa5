"""The client against servers that answer as they are told: retries, deadlines, strange answers, streams."""

import json
import socket
import threading

import pytest
import urllib3
from scripted_server import scripted
from waiting import PATIENCE, wait_until

from kerasapp.serving.client import Client
from kerasapp.serving.client import client as client_module
from kerasapp.serving.protocol.addresses import parse_address
from kerasapp.serving.protocol.errors import StatusError

ROW = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
STATUS = json.dumps({"model_version_status": [ROW]}).encode()
ERROR = b'{"error": "so it is"}'


@pytest.fixture
def pauses(monkeypatch):
    """The pauses before retries, which take no time here; each as long as it may be."""
    found = []
    monkeypatch.setattr(client_module.random, "uniform", lambda least, most: most)
    monkeypatch.setattr(client_module.time, "sleep", found.append)
    return found


@pytest.mark.parametrize("answer", [(503, ERROR), (429, ERROR), (502, b"<html>"), (None, b"")])
def test_what_may_pass_is_tried_again(pauses, answer):
    with scripted([answer, answer, (200, STATUS)]) as (address, asked), Client(address) as client:
        assert client.status("m")[0].version == 1
    assert len(asked) == 3 and pauses == [0.1, 0.2]


@pytest.mark.parametrize(
    ("asked_for", "waited"),
    [("1", 1.1), ("3600", 10.1), ("0", 0.1), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.1), ("-1", 0.1)],
)
def test_a_server_that_is_full_says_when_to_come_back(pauses, asked_for, waited):
    answer = (503, ERROR, {"Retry-After": asked_for})
    with scripted([answer, (200, STATUS)]) as (address, asked), Client(address) as client:
        client.status("m")
    assert len(asked) == 2 and pauses == [pytest.approx(waited)]


def test_who_has_no_time_to_come_back_is_told(pauses):
    answer = (503, ERROR, {"Retry-After": "5"})
    with (
        scripted([answer, (200, STATUS)]) as (address, _),
        Client(address, timeout=4) as client,
        pytest.raises(StatusError, match="so it is"),
    ):
        client.status("m")
    assert pauses == []


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "INVALID_ARGUMENT"), (404, "NOT_FOUND"), (413, "INVALID_ARGUMENT"), (500, "UNKNOWN"),
     (501, "UNIMPLEMENTED"), (504, "DEADLINE_EXCEEDED"), (401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED"),
     (408, "DEADLINE_EXCEEDED"), (499, "CANCELLED"), (418, "UNKNOWN")],
)  # fmt: skip
def test_what_will_not_pass_is_told_at_once(pauses, status, code):
    with (
        scripted([(status, ERROR)]) as (address, asked),
        Client(address) as client,
        pytest.raises(StatusError) as caught,
    ):
        client.status("m")
    assert (caught.value.code, caught.value.message, len(asked), pauses) == (code, "so it is", 1, [])


@pytest.mark.parametrize(("seconds", "connecting"), [(2.0, 2.0), (60.0, 10.0)])
def test_connecting_takes_ten_seconds_at_most_and_no_more_than_are_left(monkeypatch, seconds, connecting):
    asked = []

    def request(self, *args, timeout, **options):
        asked.append((timeout.connect_timeout, timeout.read_timeout))
        raise urllib3.exceptions.ConnectTimeoutError("late")

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", request)
    with Client("127.0.0.1:9", timeout=seconds, retries=0) as client, pytest.raises(StatusError):
        client.status("m")
    assert asked == [(pytest.approx(connecting, abs=0.5), pytest.approx(seconds, abs=0.5))]


def test_retries_end(pauses):
    with (
        scripted([(503, ERROR)]) as (address, asked),
        Client(address, retries=7) as client,
        pytest.raises(StatusError, match="UNAVAILABLE: so it is"),
    ):
        client.status("m")
    assert len(asked) == 8 and pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_pauses_are_drawn_at_random(monkeypatch):
    drawn = []
    monkeypatch.setattr(client_module.time, "sleep", drawn.append)
    with (
        scripted([(503, ERROR)]) as (address, _),
        Client(address, retries=30) as client,
        pytest.raises(StatusError),
    ):
        client.status("m")
    assert len({round(pause, 6) for pause in drawn}) > 20 and min(drawn) >= 0 and max(drawn) <= 2.0


def test_a_deadline_holds_for_all_retries_together(pauses, monkeypatch):
    monkeypatch.setattr(client_module.time, "monotonic", lambda: sum(pauses))  # time is pauses alone
    with scripted([(503, ERROR)]) as (address, asked), Client(address, retries=1000) as client:
        with pytest.raises(StatusError, match="so it is"):
            client.status("m", timeout=100)
        assert pauses[:5] == [0.1, 0.2, 0.4, 0.8, 1.6] and set(pauses[5:]) == {2.0}
        assert 98 <= sum(pauses) < 100 and len(asked) == len(pauses) + 1
        with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"):
            client.status("m", timeout=0)


def test_a_server_that_says_nothing_is_given_up():
    wait = threading.Event()
    with (
        scripted([(200, lambda: (wait.wait(PATIENCE) and b"") or b"")]) as (address, asked),
        Client(address) as client,
    ):
        with pytest.raises(StatusError, match=f"DEADLINE_EXCEEDED: {address}: no answer in time"):
            client.status("m", timeout=0.3)
        wait_until(lambda: asked)  # a busy server may read the request only now
        wait.set()
    assert len(asked) == 1 and float(asked[0][3]["X-Request-Timeout"]) <= 0.3


@pytest.mark.parametrize("scheme", ["", "grpc://"])
def test_a_server_that_is_away(scheme):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    told = pytest.raises(StatusError, match=f"UNAVAILABLE: 127.0.0.1:{port}: cannot connect: .*refused")
    with Client(f"{scheme}127.0.0.1:{port}", retries=1) as client, told:
        client.status("m")


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"[1]", b"{}", b'{"model_version_status": 3}', b'{"model_version_status": [{}]}']
)
def test_an_answer_of_something_else_is_told(body):
    with (
        scripted([(200, body)]) as (address, _),
        Client(address) as client,
        pytest.raises(StatusError, match="not an answer of TF Serving's protocol"),
    ):
        client.status("m")


def error_of(answers, call=lambda client: client.status("m")):
    """The message of the error that a call gives, without the server's address."""
    with (
        scripted(answers) as (address, _),
        Client(address) as client,
        pytest.raises(StatusError) as caught,
    ):
        call(client)
    return caught.value.message.replace(address, "HERE")


@pytest.mark.parametrize("body", [b"<h1>no</h1>\n", b"[]", b'{"message": "no"}'])
def test_an_error_of_something_else_is_shown_with_its_status(body):
    assert error_of([(404, body)]) == f"HERE: status 404: {body.decode().strip()}"


def test_a_long_answer_is_shown_in_part():
    assert [200 < len(error_of([(status, b"x" * 10_000)])) < 300 for status in (200, 500)] == [True, True]


SIDES = {side: {"x": {"dtype": "DT_FLOAT", "tensor_shape": {}}} for side in ("inputs", "outputs")}
METADATA = json.dumps({"metadata": {"signature_def": {"signature_def": {"serving_default": SIDES}}}}).encode()


def test_the_signatures_are_asked_for_once_per_target():
    answers = [(200, METADATA), (200, b'{"outputs": 1}'), (200, b'{"outputs": 2}'), (200, METADATA),
               (200, b'{"outputs": 3}')]  # fmt: skip
    with scripted(answers) as (address, asked), Client(address) as client:
        found = [client.predict("m", {"x": 1}, version=version)["x"] for version in (None, None, 7)]
    assert found == [1, 2, 3] and [method for method, *_ in asked] == ["GET", "POST", "POST", "GET", "POST"]


def test_an_overloaded_server_does_not_make_the_client_forget_the_signatures(pauses):
    answers = [(200, METADATA), (503, ERROR), (200, b'{"outputs": 1}')]
    with scripted(answers) as (address, asked), Client(address, retries=0) as client:
        with pytest.raises(StatusError, match="UNAVAILABLE"):
            client.predict("m", {"x": 1})
        assert client.predict("m", {"x": 1})["x"] == 1
    assert [method for method, *_ in asked] == ["GET", "POST", "POST"]


@pytest.mark.parametrize("body", [b"{}", b'{"outputs": {"y": 1, "z": 2}}', b'{"outputs": [["a"]]}'])
def test_outputs_of_something_else_are_told(body):
    sides = {**SIDES, "outputs": SIDES["outputs"] | {"y": SIDES["inputs"]["x"]}}
    metadata = {"metadata": {"signature_def": {"signature_def": {"serving_default": sides}}}}
    answers = [(200, json.dumps(metadata).encode()), (200, body)]
    said = error_of(answers, lambda client: client.predict("m", {"x": 1}))
    assert said.startswith("HERE: not an answer of TF Serving's protocol: ")


def test_requests_say_what_they_are_and_share_a_connection():
    with scripted([(200, METADATA), (200, b'{"outputs": 1}')]) as (address, asked), Client(address) as client:
        for _ in range(3):
            client.predict("m", {"x": 1})
        connections = client._transport._pool.num_connections
    assert connections == 1
    assert [headers.get("Content-Type") for *_, headers in asked] == [None, *["application/json"] * 3]


def test_paths_and_bodies_are_those_of_the_protocol():
    shape = {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    signature = {
        "inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": shape}},
        "outputs": {"y": {"dtype": "DT_STRING", "tensor_shape": {"dim": [], "unknown_rank": True}}},
    }
    metadata = {"metadata": {"signature_def": {"signature_def": {"s": signature}}}}
    answers = [(200, json.dumps(metadata).encode()), (200, b'{"outputs": "done"}')]
    with scripted(answers) as (address, asked), Client(f"http://{address}") as client:
        found = client.predict("a b", {"x": [1, 2.5]}, signature_name="s", label="a/b")
    assert found["y"].tolist() == b"done"
    assert [(method, path) for method, path, *_ in asked] == [
        ("GET", "/v1/models/a%20b/labels/a%2Fb/metadata"), ("POST", "/v1/models/a%20b/labels/a%2Fb:predict")
    ]  # fmt: skip
    assert asked[1][2] == {"inputs": {"x": [1.0, 2.5]}, "signature_name": "s"}


def test_an_output_without_rows_has_all_its_axes():
    """JSON's [] does not say how many there are."""
    shape = {"dim": [{"size": "-1"}, {"size": "3"}]}
    sides = {side: {"x": {"dtype": "DT_FLOAT", "tensor_shape": shape}} for side in ("inputs", "outputs")}
    metadata = {"metadata": {"signature_def": {"signature_def": {"serving_default": sides}}}}
    answers = [(200, json.dumps(metadata).encode()), (200, b'{"outputs": []}')]
    with scripted(answers) as (address, _), Client(address) as client:
        assert client.predict("m", {"x": []})["x"].ndim == 2


def test_a_certificate_that_is_not_trusted_is_told_at_once(pauses, monkeypatch):
    def request(*_, **__):
        raise urllib3.exceptions.SSLError("certificate verify failed")

    monkeypatch.setattr(urllib3.HTTPSConnectionPool, "urlopen", request)
    said = "UNAUTHENTICATED: 127.0.0.1:9: certificate verify failed"
    with Client("https://127.0.0.1:9") as client, pytest.raises(StatusError, match=said):
        client.status("m")
    assert pauses == []


PIECE, END = 'data: {"text": "人 ", "tokens": 1}\n\n'.encode(), b'event: end\ndata: {"full_text": ""}\n\n'


def test_a_stream_gives_its_pieces():
    with scripted([(200, PIECE + PIECE + END)]) as (address, asked), Client(address) as client:
        assert list(client.stream("m", "To \udcff", version=2, length=3)) == ["人 ", "人 "]
    (method, path, body, _), *_ = asked
    assert (method, path) == ("POST", "/v1/models/m/versions/2:generate_stream")
    assert body == {"text": {"b64": "VG8g/w=="}, "length": 3}


def test_a_client_asks_for_a_minute_and_four_times_more_unless_told(pauses):
    with (
        scripted([(503, ERROR)]) as (address, asked),
        Client(address) as client,
        pytest.raises(StatusError, match="so it is"),
    ):
        client.status("m")
    assert len(asked) == 5
    assert 50 < float(asked[0][3]["X-Request-Timeout"]) <= 60


def test_a_client_that_is_closed_keeps_no_connection():
    with scripted([(200, STATUS)]) as (address, _):
        with Client(address) as client:
            client.status("m")
            pool = client._transport._pool
            assert pool.pool is not None
        assert pool.pool is None


def test_a_stream_that_finds_no_room_is_tried_again(pauses):
    with scripted([(503, ERROR), (200, PIECE + END)]) as (address, asked), Client(address) as client:
        assert list(client.stream("m", "x")) == ["人 "]
    assert len(asked) == 2 and pauses == [0.1]


def test_a_stream_that_is_left_closes_its_connection():
    """The server stops the work then."""
    closed = threading.Event()

    def hold(listener):
        connection, _ = listener.accept()
        with connection:
            while b"\r\n\r\n" not in connection.recv(2**16):
                pass
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(head + b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
            connection.settimeout(PATIENCE)
            while connection.recv(2**16):
                pass
            closed.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hold, args=[listener])
        thread.start()
        client = Client(f"127.0.0.1:{listener.getsockname()[1]}")
        pieces = client.stream("m", "x")
        assert next(pieces) == "人 "
        pieces.close()
        assert closed.wait(PATIENCE)
        client.close()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, PIECE, "UNAVAILABLE: .*cut off"),
        (200, PIECE + b'event: error\ndata: {"error": "so it is"}\n\n', "UNKNOWN: so it is"),
        (200, b"data: what\n\n", "not a stream"),
        (400, b'{"error": "Malformed request: POST /v1"}', "UNIMPLEMENTED: .*no streams"),
        (400, ERROR, "INVALID_ARGUMENT: so it is"),
    ],
)
def test_a_stream_that_fails(status, body, said):
    with (
        scripted([(status, body)]) as (address, _),
        Client(address) as client,
        pytest.raises(StatusError, match=said),
    ):
        list(client.stream("m", "x"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost", ("http", "localhost:8501")),
        ("h:1", ("http", "h:1")),
        ("https://h:443", ("https", "h:443")),
        ("[::1]", ("http", "[::1]:8501")),
        ("[::1]:9", ("http", "[::1]:9")),
        ("10.0.0.1:65535", ("http", "10.0.0.1:65535")),
    ],
)  # fmt: skip
def test_parse_address(text, expected):
    assert parse_address(text, ("http", "https"), 8501) == expected


@pytest.mark.parametrize(
    "text", ["", "h:", ":1", "h:x", "h:0", "h:65536", "ftp://h:1", "h/p", "::1", "a b:1", "h:1/p"]
)
def test_what_is_no_address(text):
    with pytest.raises(ValueError, match="HOST:PORT"):
        Client(text)
