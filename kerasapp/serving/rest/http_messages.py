"""What the HTTP interfaces share: reading a request, answering with JSON, TF Serving's status codes.

The codes are those of tensorflow_serving/model_servers/http_server.cc, the form of an error that of
http_rest_api_handler.cc.
"""

import json
import math
import zlib

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from kerasapp.serving.protocol.errors import QueueFullError, StatusError, invalid

_TIMEOUT_HEADER = "x-request-timeout"

_CODES = {  # ToHTTPStatusCode
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}


async def read_body(request: Request, limit: int) -> bytes | None:
    """The body of a request, unpacked if it is packed with gzip, or None where it is larger than the limit.

    What calls itself gzip and is not counts as empty, as in TF Serving's evhttp_request.cc.

    Args:
        request: the request.
        limit: in bytes, of what was sent and of what comes out of it.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    if "gzip" in request.headers.get("content-encoding", ""):
        return await run_in_threadpool(_gunzip, bytes(body), limit)
    return bytes(body)


def _gunzip(body: bytes, limit: int) -> bytes | None:
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        text = reader.decompress(body, limit + 1)
    except zlib.error:
        return b""
    return None if len(text) > limit else text


def timeout_of(request: Request, most: float) -> float:
    """The seconds that a request may take: what its header X-Request-Timeout asks for, at most the limit.

    Raises:
        StatusError: INVALID_ARGUMENT where the header is no positive number.
    """
    text = request.headers.get(_TIMEOUT_HEADER)
    if text is None:
        return most
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise invalid("X-Request-Timeout: expected a positive number of seconds")
    return min(seconds, most)


def json_answer(body: bytes, status: int = 200) -> Response:
    """An answer of JSON text."""
    return Response(body, status, media_type="application/json")


def error_answer(status: int, message: str) -> Response:
    """An error in TF Serving's form, {"error": message}."""
    text = json.dumps({"error": message}, indent=4, ensure_ascii=False)
    return json_answer(text.encode(errors="replace"), status)


def status_answer(error: StatusError) -> Response:
    """The answer to a request that cannot be answered; 503 where too many wait."""
    status = 503 if isinstance(error, QueueFullError) else _CODES.get(error.code, 500)
    return error_answer(status, error.message)
