"""A client for servers of TF Serving's protocol, over REST or gRPC, with retries and deadlines.

REST needs no TensorFlow; the stubs of gRPC import it.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from kerasapp.serving.client.transport import Target, VersionStatus
from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.serving.protocol.signatures import DEFAULT_SIGNATURE, Signature, signature_not_found

RETRIED = ("UNAVAILABLE", "RESOURCE_EXHAUSTED")  # no connection or 503; 429
LONGEST_WISH = 10.0  # seconds of Retry-After that are kept to; a longer wish is shortened
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # the most seconds before a retry; they double each time

_NUMPY = {"float": np.float32, "double": np.float64, "half": np.float16, "string": object}


class Client:
    """Asks a server; safe to use from several threads.

    A request that finds no connection, or an overloaded server, is tried again after a pause (exponential
    backoff with full jitter, after the time that the server asks for in Retry-After). Requests have no side
    effects, so this is safe.

    Args:
        address: "host:8501", "http://…" or "https://…" for REST, "grpc://host:8500" for gRPC.
        timeout: seconds that a call may take, with all its retries.
        retries: the most times that a request is tried again.

    Raises:
        ValueError: the address is none.

    Example:
        >>> client = Client("127.0.0.1:8501")  # doctest: +SKIP
        >>> client.predict("tinyshakespeare", {"prompt": ["ROMEO:"]})["text"]  # doctest: +SKIP
        array([b'\\nPlace, me not to my wide, make me here away. ...'], dtype=object)
    """

    def __init__(self, address: str, *, timeout: float = 60.0, retries: int = 4):
        self.timeout, self.retries = timeout, retries
        self._transport = _transport(address)
        self.where = self._transport.where  # host and port
        self._signatures: dict[Target, dict[str, Signature]] = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def predict(
        self,
        model: str,
        inputs: Mapping[str, object],
        *,
        signature_name: str = "",
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature of a model.

        Args:
            inputs: an array or nested lists per input; strings are str or bytes.
            signature_name: "" is the default one.
            version, label: the number or the label of a version; without both, the newest answers.
            timeout: seconds; by default the client's.

        Returns:
            The outputs by name; strings as object arrays of bytes.

        Raises:
            StatusError: the server's code and message, or UNAVAILABLE, DEADLINE_EXCEEDED.
        """
        target, deadline = _target(model, version, label), self._deadline(timeout)
        try:
            signature = self._signature(target, signature_name, deadline)
            arrays = {name: _input(name, value, signature) for name, value in inputs.items()}
            return self._retried(
                lambda left: self._transport.predict(target, signature_name, arrays, signature, left),
                deadline,
            )
        except StatusError as error:
            if error.code not in RETRIED:
                self._signatures.pop(target, None)  # a new version may have other signatures
            raise

    def stream(
        self,
        model: str,
        text: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
        **knobs: object,
    ) -> Iterator[str]:
        """Yields the text that a model writes, piece by piece. Only kerasapp's server does it, over REST.

        Args:
            text: the prompt, or the source.
            version, label, timeout: see `predict`.
            **knobs: such as length and temperature.

        Raises:
            StatusError: as of `predict`; also between two pieces.
        """
        target, deadline = _target(model, version, label), self._deadline(timeout)
        request = {"text": text, **knobs}
        return self._retried(lambda left: self._transport.stream(target, request, left), deadline)

    def status(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> list[VersionStatus]:
        """The versions of a model, or the one with that number or label; StatusError NOT_FOUND if none."""
        target = _target(model, version, label)
        return self._retried(lambda left: self._transport.status(target, left), self._deadline(timeout))

    def metadata(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> dict[str, Signature]:
        """The signatures of a model by name; StatusError NOT_FOUND if there is no version."""
        target = _target(model, version, label)
        return self._retried(lambda left: self._transport.metadata(target, left), self._deadline(timeout))

    def models(self, *, timeout: float | None = None) -> list[dict]:
        """All models with their versions; see `kerasapp.serving.page.routes.list_models`.

        Only kerasapp's server has this list, over REST; another one gives a StatusError.
        """
        return self._retried(self._transport.models, self._deadline(timeout))

    def _deadline(self, timeout: float | None) -> float:
        return time.monotonic() + (self.timeout if timeout is None else timeout)

    def _signature(self, target: Target, name: str, deadline: float) -> Signature:
        if target not in self._signatures:
            self._signatures[target] = self._retried(
                lambda left: self._transport.metadata(target, left), deadline
            )
        name = name or DEFAULT_SIGNATURE
        if name not in self._signatures[target]:
            raise signature_not_found(name)
        return self._signatures[target][name]

    def _retried(self, call: Callable, deadline: float):
        pause = FIRST_PAUSE
        for attempt in range(self.retries + 1):
            left = deadline - time.monotonic()
            if left <= 0:
                raise StatusError("DEADLINE_EXCEEDED", f"{self.where}: no answer in time")
            try:
                return call(left)
            except StatusError as error:
                wait = min(error.retry_after, LONGEST_WISH) + random.uniform(0, pause)
                late = time.monotonic() + wait >= deadline
                if error.code not in RETRIED or attempt == self.retries or late:
                    raise
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)


def _input(name: str, value: object, signature: Signature) -> np.ndarray:
    """An input as an array of the signature's type; StatusError INVALID_ARGUMENT for other values."""
    dtype = signature.inputs[name].dtype if name in signature.inputs else None  # the server will refuse it
    try:
        if dtype == "string" or (dtype is None and np.asarray(value).dtype.kind in "OSU"):
            return np.vectorize(_string, otypes=[object])(np.array(value, dtype=object))
        return np.asarray(value, None if dtype is None else _NUMPY.get(dtype, dtype))
    except (ValueError, TypeError, OverflowError) as error:
        raise invalid(f"{name}: expected {dtype or 'an array'}: {error}") from None


def _string(item: object) -> bytes:
    if isinstance(item, str):
        return item.encode("utf-8", "surrogateescape")
    if isinstance(item, bytes):
        return item
    raise TypeError(f"{type(item).__name__} among strings")


def _target(model: str, version: int | None, label: str | None) -> Target:
    if version is not None and label is not None:
        raise invalid("give a version or a label, not both")
    return Target(model, version, label)


def _transport(address: str):
    """REST or gRPC: `RestTransport` and `RpcTransport` have the same methods.

    Each method takes the seconds that are left, and raises StatusError. `where` is host and port; it begins
    the message of every error that is not the server's.
    """
    if address.startswith("grpc://"):
        from kerasapp.serving.client.rpc import RpcTransport  # imports TensorFlow

        return RpcTransport(address)
    from kerasapp.serving.client.rest import RestTransport

    return RestTransport(address)
