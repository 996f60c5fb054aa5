"""What a connection does for clients that are slow, endless, half-closed, gone, or offer another protocol."""

import asyncio
import socket
import threading
import time

import pytest
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from waiting import wait_until

from kerasapp.serving.rest import connection
from kerasapp.serving.rest.connection import Connection

BODY = b"two words"
HEAD = b"POST /%b HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n"


class Echo:
    """Answers the path and the body, of the path "slow" once the event is set or its client has gone."""

    def __init__(self):
        self.release, self.ends = threading.Event(), []

    async def __call__(self, scope, receive, send):
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            self.ends.append("no body")
            return
        if scope["path"] == "/slow":
            gone = asyncio.ensure_future(request.receive())
            while not self.release.is_set() and not gone.done():
                await asyncio.sleep(0.01)
            self.ends.append("gone" if gone.done() else "answered")
            gone.cancel()
        size = 2**24 if scope["path"] == "/large" else 0
        await PlainTextResponse(scope["path"].encode() + b" " + body + b"." * size)(scope, receive, send)


@pytest.fixture
def echo():
    return Echo()


@pytest.fixture(params=["asyncio", "uvloop"])
def connect(request, echo):
    """Function () -> a connection to a server of `echo`."""
    options = {"log_config": None, "access_log": False, "lifespan": "off", "loop": request.param}
    options |= {"timeout_keep_alive": 1}
    config, opened = uvicorn.Config(echo, http=Connection, **options), []
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def open_one():
            opened.append(socket.create_connection(listener.getsockname()))
            opened[-1].settimeout(20)
            return opened[-1]

        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield open_one
        for one in opened:
            one.close()
        server.should_exit = True
        thread.join()


def rest(client):
    """All that still comes, until the server closes the connection."""
    return b"".join(iter(lambda: client.recv(2**16), b""))


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: he", b"\r\n"])
def test_a_head_that_does_not_come_ends_the_connection(connect, monkeypatch, sent):
    monkeypatch.setattr(connection, "_HEAD_SECONDS", 0.2)
    client = connect()
    client.sendall(sent)
    assert rest(client).startswith(b"HTTP/1.1 408 Request Timeout\r\n" if sent.strip() else b"")


def test_a_head_in_time_may_be_followed_by_a_slow_body(connect, monkeypatch):
    monkeypatch.setattr(connection, "_HEAD_SECONDS", 0.3)
    client = connect()
    for piece in (HEAD % b"", b"\r\n", BODY[:3], BODY[3:] + b"POST /next HTTP/1.1\r\n"):
        client.sendall(piece)
        time.sleep(0.2)
    found = rest(client)
    assert b"/ two words" in found and b" 408 " in found  # the second head never ended


def test_a_head_that_does_not_end_while_another_request_runs_does_not_cut_it_off(connect, echo, monkeypatch):
    monkeypatch.setattr(connection, "_HEAD_SECONDS", 0.1)
    client = connect()
    client.sendall(HEAD % b"slow" + b"\r\n" + BODY + b"GET /next HTTP")
    time.sleep(0.3)
    echo.release.set()
    found = rest(client)
    assert found.endswith(b"/slow two words") and b"connection: close" in found


@pytest.mark.parametrize("sent", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n" + b"A: b\r\n"])
def test_a_head_without_end_is_not_kept(connect, sent):
    client = connect()
    with pytest.raises(OSError):  # the server has closed the connection
        for _ in range(100):
            client.sendall(sent + (b"a" * 10_000 if b"A:" not in sent else b"A: b\r\n" * 2000))
            sent = b"" if b"A:" not in sent else b"A: b\r\n"
            time.sleep(0.002)


def test_the_largest_head_is_told(connect):
    client = connect()
    client.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * connection._HEAD_BYTES)
    assert client.recv(100).startswith(b"HTTP/1.1 431 ")


def test_bodies_do_not_count_as_heads(connect):
    client, size = connect(), 4 * connection._HEAD_BYTES
    client.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size)
    assert client.recv(15) == b"HTTP/1.1 200 OK"


def test_a_client_that_closes_its_side_is_answered(connect, echo):
    quick, slow = connect(), connect()
    quick.sendall(HEAD % b"quick" + b"\r\n" + BODY)
    quick.shutdown(socket.SHUT_WR)
    assert rest(quick).endswith(b"/quick two words")
    slow.sendall(HEAD % b"slow" + b"\r\n" + BODY)
    slow.shutdown(socket.SHUT_WR)
    assert slow.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"  # which asks whether it is there
    echo.release.set()
    assert rest(slow).endswith(b"/slow two words")


def test_a_client_that_leaves_is_noticed_soon(connect, echo):
    client = connect()
    client.sendall(HEAD % b"slow" + b"\r\n" + BODY)
    time.sleep(0.1)
    client.close()
    wait_until(lambda: echo.ends == ["gone"])


def test_a_client_that_leaves_within_its_body_is_noticed(connect, echo):
    client = connect()
    client.sendall(HEAD % b"" + b"\r\n" + BODY[:3])
    client.shutdown(socket.SHUT_WR)
    assert rest(client) == b""
    wait_until(lambda: echo.ends == ["no body"])


@pytest.mark.parametrize("offer", [b"h2c", b"websocket", b"TLS/1.0"])
@pytest.mark.parametrize("pause", [0, 0.05])
def test_an_offer_of_another_protocol_is_passed_over(connect, offer, pause):
    client = connect()
    head = HEAD % b"" + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\n" % offer
    head += b"HTTP2-Settings: AAMAAABkAAQ\r\n\r\n"
    for turn in range(2):  # the connection goes on
        client.sendall(head)
        time.sleep(pause)
        client.sendall(BODY + b"GET /next HTTP/1.1\r\nHost: here\r\n\r\n" * turn)
        found = b""
        while not found.endswith(b"/ two words" if not turn else b"/next "):
            found += client.recv(2**16) or pytest.fail(found.decode())
        assert found.count(b"200 OK") == 1 + turn
    chunked = (
        b"POST /last HTTP/1.1\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n"
    )
    client.sendall(chunked + b"\r\n9\r\n" + BODY + b"\r\n0\r\n\r\n")
    assert rest(client).endswith(b"/last two words")


@pytest.mark.parametrize(
    "sent", [b"CONNECT here:1 HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"GET / HTTP/1.1\r\nA b\r\n"]
)
def test_what_is_not_http_ends_the_connection(connect, sent):
    client = connect()
    client.sendall(sent)
    assert rest(client).startswith(b"HTTP/1.1 ")


def test_a_client_that_does_not_read_its_answer_loses_the_connection(connect):
    client = connect()
    client.sendall(HEAD % b"large" + b"\r\n" + BODY)
    time.sleep(4)  # of a keep-alive of one second
    with pytest.raises(OSError):
        assert len(rest(client)) < 2**24
        client.sendall(b"x")
        time.sleep(0.1)
        client.sendall(b"x")
