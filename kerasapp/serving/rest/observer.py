"""Watches every request over HTTP, whoever answers it: its id, its line in the log, its count."""

import asyncio
import contextlib

from kerasapp.serving.engine import Engine
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.observing.request_record import Call, request_id

_KEY = "kerasapp.call"
_DRAINING = 1.0  # seconds for the rest of a body that nobody reads
_PREDICT = "predict"  # what TF Serving counts; status and metadata it does not


def call_of(scope) -> Call:
    """What is known of the request of an ASGI scope; whoever answers it adds what it finds out."""
    return scope[_KEY]


class Observer:
    """An ASGI application around another.

    Args:
        app: what answers.
        engine: whose metrics count, and which models are known.
        log: gets each request once it is answered.

    `draining`: whether connections are closed after their next answer, so that none is cut off at the end.
    """

    def __init__(self, app, engine: Engine, log: Log):
        self._app, self._engine, self._log = app, engine, log
        self.draining = False

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for key, value in scope["headers"] if key == b"x-request-id"), b"")
        call = scope[_KEY] = Call(request_id(given.decode("latin-1")), "REST")
        body = _Body(receive)

        async def observed(message) -> None:
            if message["type"] == "http.response.start":
                await body.drain(self._engine.limits.body)
                call.http_status = message["status"]
                message.setdefault("headers", []).append((b"x-request-id", call.id.encode()))
                if self.draining:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self._app(scope, body.receive, observed)
        finally:
            self._done(call)

    def _done(self, call: Call) -> None:
        if call.api == _PREDICT:
            metrics = self._engine.metrics
            metrics.request(call.model, call.status)
            if call.status == "OK":
                metrics.latency(call.model, call.api, call.entrypoint, call.seconds)
        self._log.call(call)


class _Body:
    """The body of a request as it comes in.

    An answer before its end, such as that to a path which is not there, could be lost: a connection that is
    closed with bytes unread is reset, and the client, still sending, reads no more.
    """

    def __init__(self, receive):
        self._receive, self._open = receive, True

    async def receive(self):
        """The next message of the ASGI connection."""
        message = await self._receive()
        self._open = message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def drain(self, most: int) -> None:
        """Reads what is left, but no more than `most` bytes, and not for long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAINING):
                while self._open and most > 0:
                    most -= len((await self.receive()).get("body", b""))
