"""The exceptions for data that cannot be used, and what their messages share."""


class DataError(ValueError):
    """A user's data cannot be used as they are.

    The message is one line. It names the file, the byte or line where that is known, and what was expected.
    Commands print it without a traceback and exit with code 2.
    """


class UnreadableError(DataError):
    """The system cannot read a file: its content is unknown and may be valid."""


def shortened(text: str) -> str:
    """A text as messages show it: 30 characters at most."""
    return text if len(text) <= 30 else f"{text[:29]}…"
