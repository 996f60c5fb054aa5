"""The exceptions for data that cannot be used, and what their messages share."""


class DataError(ValueError):
    """A user's data cannot be used as they are.

    The message is one line. It names the file, the byte or line where that is known, and what was expected.
    Commands print it without a traceback and exit with code 2.
    """


class UnreadableError(DataError):
    """The system cannot read a file: its content is unknown and may be valid."""


def shortened(text: str, most: int = 30) -> str:
    """A text as messages show it: `most` characters at most."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
