"""What `Client` and its two ways to ask share: what is asked, what comes back, addresses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kerasapp.serving.protocol.tensors import TensorSpec


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a signature by name."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]


@dataclass(frozen=True)
class VersionStatus:
    """A version's state in TF Serving's words, and why it is none: "OK" and "", or a code and a message."""

    version: int
    state: str
    code: str
    message: str


@dataclass(frozen=True)
class Target:
    """What is asked: a model, and a version by number or label; by neither, the newest."""

    model: str
    version: int | None = None
    label: str | None = None


class Transport(Protocol):
    """One way to ask; each method takes the seconds that are left and raises StatusError. `where`: host and
    port, with which the messages of errors begin that are not the server's."""

    where: str

    def predict(
        self, target: Target, name: str, inputs: Mapping[str, np.ndarray], signature: Signature, left: float
    ) -> dict[str, np.ndarray]: ...

    def status(self, target: Target, left: float) -> list[VersionStatus]: ...

    def metadata(self, target: Target, left: float) -> dict[str, Signature]: ...

    def models(self, left: float) -> list[dict]: ...

    def stream(self, target: Target, request: dict, left: float) -> Iterator[str]: ...

    def close(self) -> None: ...


def addresses(text: str, schemes: Sequence[str], port: int) -> tuple[str, str]:
    """Scheme, and host with port, of an address; ValueError for one that is none.

    Example:
        >>> addresses("localhost", ("http",), 8501)
        ('http', 'localhost:8501')
    """
    scheme, mark, rest = text.partition("://")
    scheme, rest = (scheme, rest) if mark else (schemes[0], text)
    host, _, given = rest.rpartition(":") if rest.count(":") == 1 or "]:" in rest else (rest, "", str(port))
    bare = host.removeprefix("[").removesuffix("]")
    odd = not bare or set(bare) & set("/?#@ []") or (":" in bare and bare == host)
    if scheme not in schemes or odd or not given.isdecimal() or not 0 < int(given) < 2**16:
        forms = " or ".join(["HOST:PORT", *(f"{name}://HOST:PORT" for name in schemes)])
        raise ValueError(f"{text!r} is not a server's address, {forms}")
    return scheme, f"{host}:{given}"
