"""Structured logs: a JSON object a line, on standard error.

No text of a user stands in them: a request is told by its id, the model, the signature and the rows; and of
an exception, whose message may repeat what was asked, only its type and the places in the code.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import TextIO

from kerasapp.serving.observing.request_record import Call

LEVELS = {
    "none": "nothing about requests",
    "errors": "requests that fail through the server's fault",
    "requests": "every request",
}


class Log:
    """Writes the log of a server; safe to use from several threads.

    Args:
        level: one of `LEVELS`.
        stream: where to; standard error by default.

    Example:
        >>> Log("requests", sys.stdout).call(Call("7", "REST", "predict", "adder"))  # doctest: +SKIP
        {"time": "2026-01-31T12:00:00.000+00:00", "event": "request", "id": "7", "entrypoint": "REST", ...}
    """

    def __init__(self, level: str = "errors", stream: TextIO | None = None):
        self._level, self._stream = level, stream

    def call(self, call: Call) -> None:
        """Writes a line about an answered request, where the level asks for it."""
        failed = call.status in ("INTERNAL", "UNKNOWN", "DATA_LOSS") or (call.http_status or 0) >= 500
        if self._level == "none" or (self._level == "errors" and not failed):
            return
        self._write(
            "request",
            id=call.id,
            entrypoint=call.entrypoint,
            api=call.api,
            model=call.model,
            version=call.version,
            signature=call.signature,
            rows=call.rows,
            milliseconds=round(1000 * call.seconds, 3),
            status=call.status,
            **({"http_status": call.http_status} if call.http_status else {}),
        )

    def failure(self, call: Call, error: Exception) -> None:
        """Writes a line about an exception that nobody expected: its type and where it was raised."""
        frames = traceback.extract_tb(error.__traceback__)
        places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        self._write("failure", id=call.id, error=type(error).__name__, places=places)

    def event(self, message: str) -> None:
        """Writes a line about the server itself, such as a version that was loaded.

        Plain, for whoever reads along, unless every request is logged: then every line is JSON.
        """
        if self._level == "requests":
            self._write("server", message=message)
        else:
            print(message, file=self._stream or sys.stderr, flush=True)

    def _write(self, event: str, **values) -> None:
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": time, "event": event, **values}, ensure_ascii=False)
        stream = self._stream or sys.stderr
        stream.write(f"{line}\n")  # in one piece, so that lines of several threads do not mix
        stream.flush()


class JsonFormatter(logging.Formatter):
    """Formats what libraries log as the lines of `Log`, without the values of what they raise."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object; an exception as its type."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "event": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line, ensure_ascii=False)
