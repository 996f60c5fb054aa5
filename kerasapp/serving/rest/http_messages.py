"""What all REST endpoints share: deadlines, bodies, answers, errors.

The form of an error is that of tensorflow_serving/model_servers/http_rest_api_handler.cc.
"""

import asyncio
import json
import math
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import ExitStack, asynccontextmanager

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from kerasapp.serving.admission import Admission
from kerasapp.serving.engine import Engine
from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.observing.request_record import RequestRecord
from kerasapp.serving.protocol.errors import (
    BodyTooLargeError,
    QueueFullError,
    StatusError,
    deadline_exceeded,
    invalid,
)
from kerasapp.serving.protocol.http_names import HTTP_STATUS, REQUEST_TIMEOUT

RECORD_KEY = "kerasapp.record"  # of an ASGI scope
_RETRY_AFTER = "1"  # seconds
_DEFLATED = 1032  # bytes that a packed byte can become, at most

Answer = Callable[[Request, RequestRecord], Awaitable[Response]]


def make_endpoint(answer: Answer, log: Log) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that answers as `answer` does. An error becomes the answer that the client reads.

    `answer` gets the request and its record, to which it adds what it finds out.
    """

    async def endpoint(request: Request) -> Response:
        record = request.scope[RECORD_KEY]
        try:
            return await answer(request, record)
        except Exception as error:
            return error_answer(log.failure(record, error))

    return endpoint


@asynccontextmanager
async def within_deadline(request: Request, timeout: float) -> AsyncIterator[Deadline]:
    """Stops waiting at the request's deadline, and gives it.

    It is `timeout` seconds from now, or fewer, as the header X-Request-Timeout asks.

    Raises:
        StatusError: DEADLINE_EXCEEDED; CANCELLED if the client closed the connection; INVALID_ARGUMENT if
            the header is no positive number.
    """
    deadline = Deadline.after(_seconds(request, timeout))
    try:
        async with asyncio.timeout(deadline.at - time.monotonic()):
            yield deadline
    except TimeoutError:  # the work in a thread sees the same deadline
        raise deadline_exceeded() from None
    except ClientDisconnect:
        raise StatusError("CANCELLED", "The client closed the connection") from None


async def while_connected(request: Request, deadline: Deadline, work: Future):
    """The result of work in a thread, for a request whose body has been read; the deadline ends if the client
    leaves."""
    gone = asyncio.ensure_future(request.receive())  # nothing can come but the end of the connection
    gone.add_done_callback(lambda _: gone.cancelled() or deadline.leave())
    try:
        return await asyncio.wrap_future(work)
    finally:
        gone.cancel()


def _seconds(request: Request, most: float) -> float:
    text = request.headers.get(REQUEST_TIMEOUT)
    if text is None:
        return most
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise invalid(f"{REQUEST_TIMEOUT}: expected a positive number of seconds")
    return min(seconds, most)


async def admitted_body(request: Request, engine: Engine, held: ExitStack) -> bytes:
    """The body of a request to a model. The request is in flight from now on until `held` closes.

    A slow client takes no place while its body is not here; a server that is full refuses before that.

    Raises:
        StatusError: see `read_body`; QueueFullError if the request does not fit.
    """
    engine.admission.check()
    body = await read_body(request, engine.limits.body, engine.bodies, held)
    held.enter_context(engine.admission.enter())
    return body


async def read_body(request: Request, limit: int, room: Admission, held: ExitStack) -> bytes:
    """The body of a request, unpacked if it is packed with gzip.

    A body that is called gzip but is not counts as empty, as in TF Serving's evhttp_request.cc.

    Args:
        room: for the bytes of all bodies. This one is there until `held` closes.

    Raises:
        BodyTooLargeError: more than `limit` bytes were sent, or are unpacked.
        QueueFullError: there is no room.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise BodyTooLargeError(limit)
    body = bytearray()
    async for chunk in request.stream():
        held.enter_context(room.enter(len(chunk)))
        body += chunk
        if len(body) > limit:
            raise BodyTooLargeError(limit)
    if "gzip" in request.headers.get("content-encoding", ""):
        with room.enter(min(_DEFLATED * len(body), limit)):
            text = await run_in_threadpool(_gunzip, bytes(body), limit)
        held.enter_context(room.enter(len(text)))
        return text
    return bytes(body)


def _gunzip(body: bytes, limit: int) -> bytes:
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        text = reader.decompress(body, limit + 1)
    except zlib.error:
        return b""
    if len(text) > limit:
        raise BodyTooLargeError(limit)
    return text if reader.eof and not reader.unused_data else b""


def json_answer(body: bytes, status: int = 200) -> Response:
    """An answer of JSON text."""
    return Response(body, status, media_type="application/json")


def error_answer(error: StatusError) -> Response:
    """An error in TF Serving's form, {"error": message}."""
    status = error.http_status or HTTP_STATUS.get(error.code, 500)
    text = json.dumps({"error": error.message}, indent=4, ensure_ascii=False)
    answer = json_answer(text.encode(errors="replace"), status)
    if isinstance(error, QueueFullError):
        answer.headers["Retry-After"] = _RETRY_AFTER
    return answer
