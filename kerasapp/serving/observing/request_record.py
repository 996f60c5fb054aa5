"""What is known of one request, from its arrival to its answer, for the log and the metrics."""

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def request_id(sent: str | None) -> str:
    """The id that a client sent with its request, or a new one if there is none or it is unfit for a log."""
    return sent if sent and _ID.fullmatch(sent) else uuid.uuid4().hex


def count_rows(inputs: Mapping) -> int | None:
    """The rows of a request: the longest first axis of its arrays by name, None if they are all scalars."""
    return max((len(array) for array in inputs.values() if array.ndim), default=None)


@dataclass
class RequestRecord:
    """What is known of a request. It holds no text of a user, as it may be written to a log."""

    id: str  # see `request_id`
    entrypoint: str  # "REST" or "GRPC"
    api: str = ""  # TF Serving's name of what is asked, such as "predict"
    model: str | None = None  # None for a name that the server does not know, as it may be any text
    version: int | None = None
    signature: str | None = None
    rows: int | None = None
    status: str = "OK"  # the canonical name of the answer's status
    http_status: int | None = None
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """How long the request has taken up to now."""
        return time.perf_counter() - self.started
