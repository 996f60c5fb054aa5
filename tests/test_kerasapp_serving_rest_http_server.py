"""The HTTP server's beginning and end; tests/test_kerasapp_serving_server.py has the rest."""

import asyncio
import socket

import pytest
from starlette.responses import PlainTextResponse
from waiting import PATIENCE

from kerasapp.serving.engine import Engine
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.observing.logs import Log
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


def test_a_connection_that_nobody_has_taken_yet_is_answered_at_the_end():
    observer = Observer(PlainTextResponse("hello"), Engine(Registry({})), Log())
    server = Server(observer, None, "ready", patience=PATIENCE)

    async def visit(listener):
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup(sockets=[listener])
        client = socket.create_connection(listener.getsockname())  # the loop has no time to take it
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        await server.shutdown(sockets=[listener])
        return client

    with reserve("127.0.0.1", 0) as listener, asyncio.run(visit(listener)) as client:
        client.settimeout(PATIENCE)
        answer = b"".join(iter(lambda: client.recv(2**16), b""))
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"hello")
