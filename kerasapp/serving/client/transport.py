"""What `Client` and its two transports share: what is asked, and what comes back."""

from dataclasses import dataclass


@dataclass(frozen=True)
class VersionStatus:
    """A version's state in TF Serving's words, with "OK" and "", or the code and message of an error."""

    version: int
    state: str
    code: str
    message: str


@dataclass(frozen=True)
class Target:
    """What is asked: a model, and a version by number or label; without both, the newest."""

    model: str
    version: int | None = None
    label: str | None = None
