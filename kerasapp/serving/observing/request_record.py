"""One request from its arrival to its answer: what is known of it, for the log and the metrics."""

import re
import time
import uuid
from dataclasses import dataclass, field

_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def request_id(given: str | None) -> str:
    """The id that a client gave its request, or a new one where it gave none that can stand in a log."""
    return given if given and _ID.fullmatch(given) else uuid.uuid4().hex


@dataclass
class Call:
    """What is known of a request; nothing of what its author wrote, as it may be written to a log.

    id: see `request_id`. entrypoint: "REST" or "GRPC". api: TF Serving's name of what is asked, such as
    "predict"; empty until it is known. model, version, signature: those that answer, once they are found.
    rows: the rows of the request. status: the canonical name of the answer's status. http_status: that of an
    answer over HTTP.
    """

    id: str
    entrypoint: str
    api: str = ""
    model: str | None = None
    version: int | None = None
    signature: str | None = None
    rows: int | None = None
    status: str = "OK"
    http_status: int | None = None
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """How long the request has taken up to now."""
        return time.perf_counter() - self.started
