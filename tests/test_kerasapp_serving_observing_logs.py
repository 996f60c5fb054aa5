"""What is written about requests, and about what libraries log."""

import errno
import io
import json
import logging
import sys

import pytest

from kerasapp.serving.observing.logs import JsonFormatter, Log
from kerasapp.serving.observing.request_record import RequestRecord


@pytest.mark.parametrize(
    ("status", "http_status", "levels"),
    [
        ("OK", 200, ["requests"]),
        ("NOT_FOUND", 404, ["requests"]),
        ("RESOURCE_EXHAUSTED", 503, ["errors", "requests"]),  # the server's fault, not the client's
        ("RESOURCE_EXHAUSTED", None, ["requests"]),  # of gRPC, which has no HTTP status
        ("INTERNAL", None, ["errors", "requests"]),
    ],
)
def test_which_requests_a_level_writes(status, http_status, levels):
    found = []
    for level in ("none", "errors", "requests"):
        stream = io.StringIO()
        Log(level, stream).request(RequestRecord("7", "REST", status=status, http_status=http_status))
        found += [level] * bool(stream.getvalue())
    assert found == levels


def test_a_line_has_what_is_known_of_a_request():
    stream = io.StringIO()
    Log("requests", stream).request(RequestRecord("7", "GRPC", "Predict", "m", 3, "s", 2))
    line = json.loads(stream.getvalue())
    assert line.pop("time") and line.pop("milliseconds") > 0
    said = {"id": "7", "entrypoint": "GRPC", "api": "Predict", "model": "m", "version": 3, "signature": "s"}
    assert line == {"event": "request", **said, "rows": 2, "status": "OK"}


def test_a_full_disk_costs_the_line_alone():
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    for level in ("errors", "requests"):
        log = Log(level, Full())
        log.event("loaded")
        log.request(RequestRecord("7", "REST", status="INTERNAL"))
        assert log.failure(RequestRecord("7", "REST"), ValueError("x")).code == "INTERNAL"


def test_what_a_library_logs_is_one_line_without_an_exceptions_text():
    try:
        raise ValueError("what the user wrote")
    except ValueError:
        exception = sys.exc_info()
    record = logging.LogRecord("lib", logging.ERROR, "lib.py", 3, "failed at %d\nsteps", (5,), exception)
    text = JsonFormatter().format(record)
    line = json.loads(text)
    assert "\n" not in text and line.pop("time")
    assert line == {"event": "error", "logger": "lib", "message": "failed at 5\nsteps", "error": "ValueError"}
