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


def invalid(message: str) -> StatusError:
    """The error of a request that is itself wrong."""
    return StatusError("INVALID_ARGUMENT", message)
