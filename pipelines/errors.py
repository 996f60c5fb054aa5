"""The exceptions for data that cannot be used."""


class DataError(ValueError):
    """A user's data cannot be used as it is.

    The message is one line that names the file, the byte or line where that is known, and what was expected.
    Commands print it without a traceback and exit with code 2.
    """


class UnreadableError(DataError):
    """The system does not give a file, or not all of it: what is in it is not known, and may be in order."""
