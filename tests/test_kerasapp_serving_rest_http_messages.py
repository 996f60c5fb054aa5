"""Bodies, deadlines and errors of REST; tests/test_kerasapp_serving_rest_app.py asks the whole interface."""

import asyncio
import gzip
from contextlib import ExitStack

import pytest
from starlette.requests import ClientDisconnect, Request

from kerasapp.serving.admission import Admission
from kerasapp.serving.protocol.errors import BodyTooLargeError, QueueFullError, StatusError, invalid
from kerasapp.serving.rest.http_messages import error_answer, read_body, within_deadline


def received(*chunks, limit=10, room=1000, **headers):
    """What `read_body` gives for a body in chunks, and how many of them it has taken."""
    taken, room = [], Admission(room, "bytes")

    async def receive():
        taken.append(chunks[len(taken)])
        return {"type": "http.request", "body": taken[-1], "more_body": len(taken) < len(chunks)}

    scope = {"type": "http", "headers": [(k.replace("_", "-").encode(), v) for k, v in headers.items()]}
    try:
        with ExitStack() as held:
            body = asyncio.run(read_body(Request(scope, receive), limit, room, held))
            assert room.in_flight >= len(body)
    except (BodyTooLargeError, QueueFullError) as error:
        body = error.http_status
    assert room.in_flight == 0
    return body, len(taken)


def test_a_body_that_finds_no_room_beside_the_others_is_refused():
    assert received(b"x" * 9, b"y", room=9) == (503, 2)
    assert received(b"x" * 9, room=9) == (b"x" * 9, 1)


def test_a_body_that_says_it_is_too_large_is_not_read():
    """A client that waits for "100 Continue" need not send it."""
    assert received(b"x" * 11, content_length=b"11") == (413, 0)
    assert received(b"x" * 10, content_length=b"10") == (b"x" * 10, 1)
    assert received(b"x", content_length=b"many") == (b"x", 1)


def test_a_body_that_does_not_say_how_large_it_is_is_read_up_to_the_limit():
    assert received(*[b"xxx"] * 9) == (413, 4)
    assert received(b"xxx", b"", b"yyy") == (b"xxxyyy", 3)


def test_the_limit_holds_for_a_packed_body_too():
    packed = gzip.compress(b"x" * 1000)
    assert received(packed, limit=len(packed), content_encoding=b"gzip") == (413, 1)
    assert received(packed, limit=1000, room=3000, content_encoding=b"gzip") == (b"x" * 1000, 1)


STATUSES = {  # tensorflow_serving/model_servers/http_server.cc (9d981c5c), ToHTTPStatusCode
    "CANCELLED": 499, "UNKNOWN": 500, "INVALID_ARGUMENT": 400, "DEADLINE_EXCEEDED": 504, "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409, "PERMISSION_DENIED": 403, "RESOURCE_EXHAUSTED": 429, "FAILED_PRECONDITION": 400,
    "ABORTED": 409, "OUT_OF_RANGE": 400, "UNIMPLEMENTED": 501, "INTERNAL": 500, "UNAVAILABLE": 503,
    "DATA_LOSS": 500, "UNAUTHENTICATED": 401, "NO_SUCH_CODE": 500,
}  # fmt: skip


@pytest.mark.parametrize(("code", "status"), STATUSES.items())
def test_an_error_has_the_status_of_its_code(code, status):
    answer = error_answer(StatusError(code, "so it is"))
    assert (answer.status_code, answer.body) == (status, b'{\n    "error": "so it is"\n}')
    assert "retry-after" not in answer.headers


def test_an_error_may_quote_anything_that_a_client_can_send():
    body = error_answer(invalid("人 \udcff")).body
    assert body.decode() == '{\n    "error": "人 ?"\n}'


def test_a_client_that_leaves_while_it_sends_is_told_in_the_log_as_gone():
    async def leave():
        async with within_deadline(Request({"type": "http", "headers": []}), 60.0):
            raise ClientDisconnect

    with pytest.raises(StatusError, match="CANCELLED: The client closed the connection"):
        asyncio.run(leave())


def test_the_wait_ends_at_the_deadline():
    async def wait():
        async with within_deadline(Request({"type": "http", "headers": []}), 0.05):
            await asyncio.sleep(3600)

    with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"):
        asyncio.run(wait())
