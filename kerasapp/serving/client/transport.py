"""What `Client` and its two transports share: what is asked, and what comes back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kerasapp.serving.protocol.signatures import Signature


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


class Transport(Protocol):
    """REST or gRPC. Each method takes the seconds that are left, and raises StatusError.

    `where` is host and port. It begins the message of every error that is not the server's.
    """

    where: str

    def predict(
        self, target: Target, name: str, inputs: Mapping[str, np.ndarray], signature: Signature, left: float
    ) -> dict[str, np.ndarray]: ...

    def status(self, target: Target, left: float) -> list[VersionStatus]: ...

    def metadata(self, target: Target, left: float) -> dict[str, Signature]: ...

    def models(self, left: float) -> list[dict]: ...

    def stream(self, target: Target, request: dict, left: float) -> Iterator[str]: ...

    def close(self) -> None: ...
