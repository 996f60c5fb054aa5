"""The two errors of the server: one for whoever starts it, one for whoever asks it."""


class ServingError(ValueError):
    """The server cannot start; the message is one line that says why and what to do."""


class StatusError(Exception):
    """A request cannot be answered.

    Args:
        code: the canonical name of the status, such as "NOT_FOUND"; each transport maps it to its own number.
        message: what the client is told, in TF Serving's words where it has some.
    """

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class QueueFullError(StatusError):
    """More requests wait than the server is to hold; REST answers with 503 and gRPC with the code."""

    def __init__(self, message: str):
        super().__init__("RESOURCE_EXHAUSTED", message)


def invalid(message: str) -> StatusError:
    """The error of a request that is itself wrong."""
    return StatusError("INVALID_ARGUMENT", message)


def deadline_exceeded() -> StatusError:
    """The error of a request that nobody waits for any more."""
    return StatusError("DEADLINE_EXCEEDED", "Deadline exceeded before the answer was there")
