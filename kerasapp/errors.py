"""The errors that the command line prints as one line."""


class ConfigError(ValueError):
    """A configuration or a flag cannot be used; the message is one line: key, value and what is expected."""


class TrainingError(RuntimeError):
    """Training cannot go on, such as after a loss that is no number; the message says what to change."""


class CheckError(RuntimeError):
    """A check did not hold, such as a runtime that gives other answers; the message says which."""


class Interrupted(Exception):
    """The user stopped a run, which is saved and can be resumed."""
