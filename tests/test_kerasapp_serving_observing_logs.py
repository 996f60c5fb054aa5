"""What is written about requests, and about what libraries log."""

import errno
import io
import json
import logging
import re
import sys
import time

import numpy as np
import pytest

from kerasapp.serving.observing.logs import JsonFormatter, Log
from kerasapp.serving.observing.request_record import RequestRecord, count_rows, request_id
from kerasapp.serving.protocol.errors import StatusError


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


def test_the_time_of_a_request_is_in_milliseconds():
    stream, record = io.StringIO(), RequestRecord("7", "REST", started=time.perf_counter() - 2)
    Log("requests", stream).request(record)
    assert 2000 <= json.loads(stream.getvalue())["milliseconds"] < 200_000  # on a busy machine
    assert 2 <= record.seconds < 200


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


@pytest.mark.parametrize("level", ["none", "errors", "requests"])
def test_what_the_server_does_is_plain_text_unless_all_else_is_json(level):
    stream = io.StringIO()
    Log(level, stream).event("m version 1: AVAILABLE")
    if level != "requests":
        assert stream.getvalue() == "m version 1: AVAILABLE\n"
        return
    line = json.loads(stream.getvalue())
    assert line.pop("time") and line == {"event": "server", "message": "m version 1: AVAILABLE"}


def test_an_error_that_nobody_expected_is_told_by_its_type_and_places():
    stream, record = io.StringIO(), RequestRecord("7", "REST")
    try:
        raise ValueError("what the user wrote")
    except ValueError as error:
        told = Log("none", stream).failure(record, error)
    assert (told.code, told.message, record.status) == ("INTERNAL", "Internal error: ValueError", "INTERNAL")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["id"], line["error"]) == ("failure", "7", "ValueError")
    assert len(line["places"]) == 1 and f"{__file__}:" in line["places"][0]
    assert "wrote" not in stream.getvalue()


def test_an_error_that_is_the_clients_is_no_failure():
    stream, record, error = io.StringIO(), RequestRecord("7", "REST"), StatusError("NOT_FOUND", "so it is")
    assert Log("requests", stream).failure(record, error) is error
    assert (record.status, stream.getvalue()) == ("NOT_FOUND", "")


@pytest.mark.parametrize(
    ("inputs", "rows"),
    [
        ({"a": np.zeros([2, 9]), "b": np.zeros(5), "c": np.float32(1)}, 5),
        ({"c": np.float32(1)}, None),
        ({}, None),
    ],
)
def test_the_rows_of_a_request_are_its_longest_first_axis(inputs, rows):
    assert count_rows(inputs) == rows


@pytest.mark.parametrize("sent", ["a", "A-z_0", "1.2:3/4+5=", "x" * 128])
def test_an_id_that_can_stand_in_a_log_is_kept(sent):
    assert request_id(sent) == sent


@pytest.mark.parametrize("sent", [None, "", "a b", "ä", "a\n", "x" * 129, '"'])
def test_any_other_id_is_made_anew(sent):
    assert request_id(sent) != sent and re.fullmatch("[0-9a-f]{32}", request_id(sent))
