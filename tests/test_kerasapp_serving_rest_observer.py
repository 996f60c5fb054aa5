"""What the observer does to every answer."""

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from kerasapp.serving.engine import Engine
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.rest.observer import Observer


@pytest.mark.parametrize(("draining", "connection"), [(False, None), (True, "close")])
def test_a_server_that_is_ending_closes_each_connection_after_its_answer(draining, connection):
    observer = Observer(PlainTextResponse("hello"), Engine(Registry([])), Log())
    observer.draining = draining
    answer = TestClient(observer).get("/anything", headers={"x-request-id": "mine"})
    assert (answer.text, answer.headers.get("connection")) == ("hello", connection)
    assert "mine" in answer.headers.values()
