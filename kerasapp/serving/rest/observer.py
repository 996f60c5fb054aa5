"""Observes every HTTP request, whatever answers it: its id, its line in the log, its metrics."""

import asyncio
import contextlib
from collections.abc import Sequence

from kerasapp.serving.engine import Engine
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.observing.request_record import RequestRecord, request_id
from kerasapp.serving.protocol.http_names import REQUEST_ID
from kerasapp.serving.rest.handler import is_served
from kerasapp.serving.rest.http_messages import RECORD_KEY

_ID = REQUEST_ID.encode()
_DRAINING = 1.0  # seconds for the rest of a body that nobody reads


class Observer:
    """An ASGI application around another one.

    Each request gets a `RequestRecord` in its scope, under `RECORD_KEY`; whatever answers the request adds
    what it finds out.

    Once it is answered, metrics count it and the log gets it. Answers of TF Serving's paths get `headers`.
    """

    def __init__(self, app, engine: Engine, log: Log, headers: Sequence[tuple[bytes, bytes]] = ()):
        self._app, self._engine, self._log, self._headers = app, engine, log, headers
        self.draining = False  # True: close each connection after its next answer, so that none is cut off

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent_id = next((value for key, value in scope["headers"] if key == _ID), b"")
        record = scope[RECORD_KEY] = RequestRecord(request_id(sent_id.decode("latin-1")), "REST")
        body = _Body(receive)

        async def observed(message) -> None:
            if message["type"] == "http.response.start":
                await body.drain(self._engine.limits.body)
                record.http_status = message["status"]
                message.setdefault("headers", []).append((_ID, record.id.encode()))
                message["headers"] += self._headers if is_served(scope["path"]) else []
                if self.draining:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self._app(scope, body.receive, observed)
        finally:
            self._engine.metrics.request(record)
            self._log.request(record)


class _Body:
    """The body of a request as it comes in.

    An answer that is sent before the body has ended, such as a 404, could get lost: a connection that is
    closed with unread bytes is reset, and a client that is still sending does not read the answer.
    """

    def __init__(self, receive):
        self._receive, self._open = receive, True

    async def receive(self):
        """The next message of the ASGI connection."""
        message = await self._receive()
        self._open = message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def drain(self, most: int) -> None:
        """Reads the rest of the body: at most `most` bytes, for at most a second."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAINING):
                while self._open and most > 0:
                    most -= len((await self.receive()).get("body", b""))
