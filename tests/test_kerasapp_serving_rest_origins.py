"""Which requests to a server of this machine alone come from pages of other sites."""

import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from kerasapp.serving.engine import Engine
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.rest.app import create_app
from kerasapp.serving.rest.origins import foreign, is_local


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("//localhost:8501", True), ("//LOCALHOST", True), ("http://127.0.0.1:3000", True),
        ("//[::1]:8501", True), ("//127.1.2.3", True), ("https://app.localhost", True),
        ("//example.org", False), ("null", False), ("//localhost.example.org", False), ("//", False),
        ("//127.0.0.1.nip.io", False), ("//10.0.0.1", False), ("//[::1", False), ("//notlocalhost", False),
    ],
)  # fmt: skip
def test_addresses_of_this_machine(address, local):
    assert is_local(address) == local


@pytest.mark.parametrize(
    ("headers", "cors", "reason"),
    [
        ({"host": "localhost:8501"}, False, None),
        ({}, False, None),  # HTTP/1.0
        ({"host": "127.0.0.1:8501", "origin": "http://localhost:3000"}, False, None),
        ({"host": "127.0.0.1:8501", "origin": "https://example.org"}, False, "Origin https://example.org"),
        ({"host": "127.0.0.1:8501", "origin": "null"}, False, "Origin null"),
        ({"host": "127.0.0.1:8501", "origin": "https://example.org"}, True, None),
        ({"host": "rebound.example.org:8501"}, True, "Host rebound.example.org:8501"),
    ],
)
def test_who_is_foreign(headers, cors, reason):
    found = foreign(headers, cors)
    assert found is None if reason is None else found.startswith(reason)


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/models/a:predict"), ("GET", "/v1/models/a"), ("GET", "/page"), ("OPTIONS", "/v1")],
)
def test_every_path_is_guarded_where_only_this_machine_can_ask(local, method, path):
    lines, page = io.StringIO(), Route("/page", lambda request: PlainTextResponse("page"))
    with ThreadPoolExecutor(1) as executor:
        app = create_app(
            Engine(Registry({})), executor, routes=[page], local=local, log=Log("requests", lines)
        )
        client = TestClient(app, base_url="http://127.0.0.1:8501")
        own = client.request(method, path, headers={"origin": "http://localhost:8501"})
        other = client.request(method, path, headers={"origin": "https://example.org"})
    assert own.status_code != 403
    refused = local and method != "OPTIONS"  # which runs nothing
    assert (other.status_code == 403) == refused
    if refused:
        assert "is not of this machine" in other.json()["error"]
        assert json.loads(lines.getvalue().splitlines()[1])["status"] == "PERMISSION_DENIED"
