"""The HTTP server's beginning and end; tests/test_kerasapp_serving_server.py has the rest."""

import asyncio
import contextlib
import re
import socket
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import pytest
from starlette.responses import PlainTextResponse
from waiting import PATIENCE

from kerasapp.serving.engine import Engine
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.rest import http_server
from kerasapp.serving.rest.http_server import Server, reserve
from kerasapp.serving.rest.observer import Observer


def test_a_server_can_start_again_at_once_on_its_port():
    """The system keeps the address of a connection that the server has closed for a minute."""
    with reserve("127.0.0.1", 0) as listener:
        host, port = listener.getsockname()
        with pytest.raises(ConnectionRefusedError):  # nobody takes it for a server that answers
            socket.create_connection((host, port))
        listener.listen()
        with socket.create_connection((host, port)) as client:
            listener.accept()[0].close()
            assert client.recv(1) == b""
    reserve(host, port).close()


def test_a_crowd_that_comes_at_once_finds_room():
    """Each connection waits in the kernel until the loop takes it; without room a client waits a second."""
    most = int(Path("/proc/sys/net/core/somaxconn").read_text()) if sys.platform == "linux" else 0
    if most < 200:
        pytest.skip("this system lets fewer connections wait")

    async def visit(listener):
        server = await started(PlainTextResponse("hello"), listener)
        with contextlib.ExitStack() as stack:
            for _ in range(190):  # the loop takes none of them meanwhile
                client = stack.enter_context(socket.socket())
                client.settimeout(0.9)
                client.connect(listener.getsockname())
        await server.shutdown(sockets=[listener])

    with reserve("127.0.0.1", 0) as listener:
        asyncio.run(visit(listener))


async def started(app, listener, rpc=None, patience=PATIENCE):
    """A server that answers."""
    server = Server(Observer(app, Engine(Registry({})), Log()), rpc, "ready", patience)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[listener])
    return server


async def connect(listener):
    """A connection on which one request has been answered."""
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    return reader, writer, await ask(reader, writer)


async def ask(reader, writer):
    """The head of the answer to one request."""
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
    return head


def test_a_connection_that_nobody_has_taken_yet_is_answered_at_the_end():
    async def visit(listener):
        server = await started(PlainTextResponse("hello"), listener)
        client = socket.create_connection(listener.getsockname())  # the loop has no time to take it
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        await server.shutdown(sockets=[listener])
        return client

    with reserve("127.0.0.1", 0) as listener, asyncio.run(visit(listener)) as client:
        client.settimeout(PATIENCE)
        answer = b"".join(iter(lambda: client.recv(2**16), b""))
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"hello")


def test_an_open_connection_may_bring_one_more_request_at_the_end(monkeypatch):
    monkeypatch.setattr(http_server, "_DRAINING", PATIENCE)  # on a busy machine

    async def visit(listener):
        server = await started(PlainTextResponse("hello"), listener)
        reader, writer, first = await connect(listener)
        ending = asyncio.ensure_future(server.shutdown(sockets=[listener]))
        await asyncio.sleep(0)
        second = await ask(reader, writer)
        await ending
        return first, second, await reader.read()

    with reserve("127.0.0.1", 0) as listener:
        first, second, rest = asyncio.run(visit(listener))
    assert b"connection: close" not in first and b"connection: close" in second and rest == b""


def test_a_connection_without_requests_holds_nothing_up():
    async def visit(listener):
        server = await started(PlainTextResponse("hello"), listener)
        reader, _, _ = await connect(listener)
        start = time.monotonic()
        await server.shutdown(sockets=[listener])
        return time.monotonic() - start, await reader.read()

    with reserve("127.0.0.1", 0) as listener:
        seconds, rest = asyncio.run(visit(listener))
    assert seconds < 60 and rest == b""


def test_what_hangs_is_cut_off_once_its_time_is_over():
    async def hang(scope, receive, send):
        await asyncio.sleep(2 * PATIENCE)

    async def visit(listener):
        server = await started(hang, listener, patience=0.3)
        _, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        while not server.server_state.tasks:
            await asyncio.sleep(0.001)
        await asyncio.wait_for(server.shutdown(sockets=[listener]), PATIENCE)

    with reserve("127.0.0.1", 0) as listener:
        asyncio.run(visit(listener))


def test_grpc_begins_before_the_line_and_ends_with_the_rest(capsys):
    rpc, told = Mock(), []
    rpc.start.side_effect = lambda: told.append(capsys.readouterr().out)

    async def visit(listener):
        server = await started(PlainTextResponse("hello"), listener, rpc, patience=7.0)
        told.append(capsys.readouterr().out)
        await server.shutdown(sockets=[listener])

    with reserve("127.0.0.1", 0) as listener:
        asyncio.run(visit(listener))
    assert told == ["", "ready\n"]
    rpc.stop.assert_called_once_with(7.0)


def test_an_idle_connection_stays_open_longer_than_proxies_and_clients_keep_theirs():
    """nginx keeps one for 60 s: a shorter time here cuts off requests that it sends meanwhile."""
    server = Server(Observer(PlainTextResponse("hello"), Engine(Registry({})), Log()), None, "ready", 1.0)
    assert server.config.timeout_keep_alive > 60
