"""Errors of the server: `ServingError` for whoever starts it, `StatusError` for whoever asks it."""


class ServingError(ValueError):
    """The server cannot start; the message is one line that says why and what to do."""


class StatusError(Exception):
    """A request cannot be answered.

    Args:
        code: the canonical name of the status, such as "NOT_FOUND". REST and gRPC have a number for each.
        message: what the client reads, in TF Serving's words where TF Serving has this error.

    `http_status` is REST's status, if it is not that of the code. `retry_after` are the seconds in which a
    server asked to be left alone.
    """

    http_status: int | None = None
    retry_after = 0.0

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class QueueFullError(StatusError):
    """The queue is full."""

    http_status = 503

    def __init__(self, message: str):
        super().__init__("RESOURCE_EXHAUSTED", message)


class BodyTooLargeError(StatusError):
    """The body of a request has more than `limit` bytes."""

    http_status = 413

    def __init__(self, limit: int):
        super().__init__("INVALID_ARGUMENT", f"Request body is larger than {limit} bytes")


def invalid(message: str) -> StatusError:
    """The error of a request that is wrong."""
    return StatusError("INVALID_ARGUMENT", message)


def deadline_exceeded() -> StatusError:
    """The error of a request whose deadline has passed."""
    return StatusError("DEADLINE_EXCEEDED", "Deadline exceeded before the answer was there")
