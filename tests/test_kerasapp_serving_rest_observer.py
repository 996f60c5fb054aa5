"""What the observer does to every answer."""

import asyncio
import io
import json

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from waiting import PATIENCE

from kerasapp.serving.engine import Engine, Limits
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.rest import observer as observer_module
from kerasapp.serving.rest.observer import Observer


@pytest.mark.parametrize(("draining", "connection"), [(False, None), (True, "close")])
def test_a_server_that_is_ending_closes_each_connection_after_its_answer(draining, connection):
    observer = Observer(PlainTextResponse("hello"), Engine(Registry([])), Log())
    observer.draining = draining
    answer = TestClient(observer).get("/anything", headers={"x-request-id": "mine"})
    assert (answer.text, answer.headers.get("connection")) == ("hello", connection)
    assert "mine" in answer.headers.values()


def sent_to(app, chunks, limit, log=None):
    """The messages that an application sends while a client sends its body in chunks, and how many it took.

    The client never says that the body has ended.
    """
    taken, sent = [], []

    async def receive():
        if len(taken) == chunks:
            await asyncio.sleep(3600)
        taken.append(b"xxxx")
        return {"type": "http.request", "body": taken[-1], "more_body": True}

    async def send(message):
        sent.append(message)

    engine = Engine(Registry({}), limits=Limits(body=limit))
    scope = {"type": "http", "method": "POST", "path": "/v1/x", "raw_path": b"/v1/x", "headers": []}
    asked = Observer(app, engine, log or Log())(scope, receive, send)
    asyncio.run(asyncio.wait_for(asked, PATIENCE))
    return sent, len(taken)


@pytest.mark.parametrize(("limit", "taken"), [(100, 5), (9, 3)])
def test_an_answer_waits_a_little_for_a_body_that_nobody_reads(monkeypatch, limit, taken):
    """A client that is still sending would not read it. No more is read than a request may have."""
    monkeypatch.setattr(observer_module, "_DRAINING", 0.1)
    sent, found = sent_to(PlainTextResponse("no", 404), 5, limit)
    assert found == taken and sent[0]["status"] == 404


def test_a_request_is_logged_and_counted_even_if_its_answer_fails():
    async def fail(scope, receive, send):
        raise RuntimeError("odd")

    lines = io.StringIO()
    with pytest.raises(RuntimeError):
        sent_to(fail, 0, 100, Log("requests", lines))
    assert json.loads(lines.getvalue())["event"] == "request"


def test_what_is_no_request_goes_through():
    seen = []

    async def app(scope, receive, send):
        seen.append((scope, receive, send))

    asyncio.run(Observer(app, Engine(Registry({})), Log())({"type": "websocket"}, 1, 2))
    assert seen == [({"type": "websocket"}, 1, 2)]
