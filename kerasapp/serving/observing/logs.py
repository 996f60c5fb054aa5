"""Structured logs on standard error, one JSON object per line.

A log holds no text of a user. A line about a request has its id, model, signature and number of rows. A line
about an exception has its type and the places in the code; the message may repeat what was asked.
"""

import contextlib
import json
import logging
import sys
import traceback
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TextIO

from kerasapp.serving.observing.request_record import RequestRecord
from kerasapp.serving.protocol.errors import StatusError

LEVELS = {
    "none": "nothing about requests",
    "errors": "requests that fail because of the server",
    "requests": "every request",
}


class Log:
    """Writes the log of a server; safe to use from several threads.

    Args:
        level: one of `LEVELS`.
        stream: where to write; standard error by default.
    """

    def __init__(self, level: str = "errors", stream: TextIO | None = None):
        self._level, self._stream = level, stream

    def request(self, record: RequestRecord) -> None:
        """Writes a line about an answered request, if the level asks for it."""
        failed = record.status in ("INTERNAL", "UNKNOWN", "DATA_LOSS") or (record.http_status or 0) >= 500
        if self._level == "none" or (self._level == "errors" and not failed):
            return
        values = asdict(record) | {"milliseconds": round(1000 * record.seconds, 3)}
        del values["started"]
        if record.http_status is None:
            del values["http_status"]
        self._write("request", **values)

    def failure(self, record: RequestRecord, error: Exception) -> StatusError:
        """What the client reads of an error; its code becomes the record's status.

        An error that is no StatusError was not expected: the log gets its type and where it was raised, the
        client INTERNAL and the type.
        """
        if not isinstance(error, StatusError):
            frames = traceback.extract_tb(error.__traceback__)
            places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
            self._write("failure", id=record.id, error=type(error).__name__, places=places)
            error = StatusError("INTERNAL", f"Internal error: {type(error).__name__}")
        record.status = error.code
        return error

    def event(self, message: str) -> None:
        """Writes a line about the server itself, such as a version that was loaded.

        The line is plain text for people, or JSON if the level logs every request.
        """
        if self._level == "requests":
            self._write("server", message=message)
        else:
            self._put(message)

    def _write(self, event: str, **values) -> None:
        self._put(_json_line(datetime.now(UTC), event, **values))

    def _put(self, line: str) -> None:
        stream = self._stream or sys.stderr
        with contextlib.suppress(OSError):  # such as a full disk: an answer goes before its line
            stream.write(line + "\n")  # one call, so that lines of several threads do not mix
            stream.flush()


class JsonFormatter(logging.Formatter):
    """Formats what libraries log as the lines of `Log` do; of an exception it gives the type only."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        values = {"logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[0]:
            values["error"] = record.exc_info[0].__name__
        return _json_line(datetime.fromtimestamp(record.created, UTC), record.levelname.lower(), **values)


def _json_line(time: datetime, event: str, **values) -> str:
    line = {"time": time.isoformat(timespec="milliseconds"), "event": event, **values}
    return json.dumps(line, ensure_ascii=False)
