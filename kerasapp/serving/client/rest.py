"""The transport of `Client` over TF Serving's REST interface (tensorflow_serving/g3doc/api_rest.md)."""

import base64
import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote

import numpy as np
import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError, SSLError

from kerasapp.serving.client.transport import Target, VersionStatus
from kerasapp.serving.protocol.addresses import REST_PORT, parse_address
from kerasapp.serving.protocol.errors import StatusError
from kerasapp.serving.protocol.http_names import HTTP_STATUS, MODELS_PATH, REQUEST_TIMEOUT, STREAM
from kerasapp.serving.protocol.json_tensors import BASE64_KEY, array_from_json
from kerasapp.serving.protocol.signatures import Signature, TensorSpec

_CODES = {status: code for code, status in reversed(HTTP_STATUS.items())}
_CODES |= {408: "DEADLINE_EXCEEDED", 413: "INVALID_ARGUMENT", 502: "UNAVAILABLE"}  # also from proxies
_CONNECTIONS = 16  # kept open
_CONNECT = 10.0  # seconds to connect, at most


class RestTransport:
    """REST over a pool of connections, to "host:8501", "http://host:8501" or "https://host:443"."""

    def __init__(self, address: str):
        scheme, self.where = parse_address(address, ("http", "https"), REST_PORT)
        self._pool = urllib3.connection_from_url(
            f"{scheme}://{self.where}", maxsize=_CONNECTIONS, retries=False
        )

    def close(self) -> None:
        self._pool.close()

    def predict(
        self, target: Target, name: str, inputs: Mapping[str, np.ndarray], signature: Signature, left: float
    ) -> dict[str, np.ndarray]:
        request = {"inputs": {key: _plain(array) for key, array in inputs.items()}}
        if name:
            request["signature_name"] = name
        answer = self._ask("POST", f"{_path(target)}:predict", left, request)
        if "outputs" not in answer:
            raise self._strange(answer)
        outputs, specs = answer["outputs"], signature.outputs
        if len(specs) == 1:  # then the answer lacks the name
            outputs = dict.fromkeys(specs, outputs)
        if not isinstance(outputs, dict) or outputs.keys() != specs.keys():
            raise self._strange(answer)
        return {key: _array(outputs[key], spec) for key, spec in specs.items()}

    def status(self, target: Target, left: float) -> list[VersionStatus]:
        answer = self._ask("GET", _path(target), left)
        try:
            rows = [(row, row["status"]) for row in answer["model_version_status"]]
            return [
                VersionStatus(int(row["version"]), row["state"], error["error_code"], error["error_message"])
                for row, error in rows
            ]
        except (KeyError, TypeError, ValueError):
            raise self._strange(answer) from None

    def metadata(self, target: Target, left: float) -> dict[str, Signature]:
        answer = self._ask("GET", f"{_path(target)}/metadata", left)
        try:
            found = answer["metadata"]["signature_def"]["signature_def"]
            return {
                name: Signature(*(_read_specs(definition.get(side, {})) for side in ("inputs", "outputs")))
                for name, definition in found.items()
            }
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._strange(answer) from None

    def stream(self, target: Target, request: dict, left: float) -> Iterator[str]:
        path = f"{_path(target)}:{STREAM}"
        request = {
            key: _text(value.encode("utf-8", "surrogateescape")) if isinstance(value, str) else value
            for key, value in request.items()
        }
        answer = self._request("POST", path, left, request, preload_content=False)
        if answer.status != 200:
            error = self._error(answer, answer.read())
            if error.message.startswith("Malformed request"):  # TF Serving's words for a path without meaning
                raise StatusError("UNIMPLEMENTED", f"{self.where}: the server has no streams")
            raise error
        return self._pieces(answer)

    def models(self, left: float) -> list[dict]:
        answer = self._ask("GET", MODELS_PATH, left)
        if "models" not in answer:
            raise self._strange(answer)
        return answer["models"]

    def _pieces(self, answer: urllib3.BaseHTTPResponse) -> Iterator[str]:
        """The texts of the server-sent events, up to the event `end`."""
        try:
            for name, data in _events(answer):
                if name == "end":
                    return
                if name == "error":
                    raise StatusError(str(data.get("code", "UNKNOWN")), data["error"])
                yield data["text"]
            raise StatusError("UNAVAILABLE", f"{self.where}: the stream was cut off")
        except HTTPError as error:
            raise self._failure(error) from None
        except (KeyError, TypeError, ValueError):
            raise StatusError("UNKNOWN", f"{self.where}: not a stream of kerasapp's server") from None
        finally:
            answer.close()

    def _ask(self, method: str, path: str, left: float, request: dict | None = None) -> dict:
        """The JSON object of the server's answer; StatusError with the server's error."""
        answer = self._request(method, path, left, request)
        if answer.status != 200:
            raise self._error(answer, answer.data)
        try:
            found = json.loads(answer.data)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self._strange(answer.data)
        return found

    def _request(self, method, path, left, request, **options) -> urllib3.BaseHTTPResponse:
        body = None if request is None else json.dumps(request).encode()
        timeout = urllib3.Timeout(connect=min(left, _CONNECT), read=left)
        headers = {REQUEST_TIMEOUT: f"{max(left, 0.001):.3f}"}  # kerasapp's server then stops the work
        if body:
            headers["Content-Type"] = "application/json"
        try:
            return self._pool.urlopen(method, path, body, headers, timeout=timeout, **options)
        except HTTPError as error:
            raise self._failure(error) from None

    def _failure(self, error: HTTPError) -> StatusError:
        if isinstance(error, ReadTimeoutError):
            return StatusError("DEADLINE_EXCEEDED", f"{self.where}: no answer in time")
        if isinstance(error, SSLError):
            return StatusError("UNAUTHENTICATED", f"{self.where}: {error}")
        cause = error.__cause__ or error.__context__
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error)
        if isinstance(error, NewConnectionError):
            return StatusError("UNAVAILABLE", f"{self.where}: cannot connect: {reason}")
        return StatusError("UNAVAILABLE", f"{self.where}: the connection failed: {reason}")

    def _error(self, answer: urllib3.BaseHTTPResponse, body: bytes) -> StatusError:
        status, retry_after = answer.status, answer.headers.get("Retry-After", "")
        try:
            message = json.loads(body)["error"]
        except (ValueError, KeyError, TypeError):
            message = f"{self.where}: status {status}: {body[:200].decode(errors='replace').strip()}"
        error = StatusError(_CODES.get(status, "UNKNOWN"), str(message))
        if retry_after.isdecimal():  # it may be a date, too
            error.retry_after = float(retry_after)
        return error

    def _strange(self, answer: object) -> StatusError:
        shown = repr(answer)
        shown = shown if len(shown) <= 200 else f"{shown[:200]}..."
        return StatusError("UNKNOWN", f"{self.where}: not an answer of TF Serving's protocol: {shown}")


def _path(target: Target) -> str:
    path = f"/v1/models/{quote(target.model, safe='')}"
    if target.version is not None:
        return f"{path}/versions/{target.version}"
    return path if target.label is None else f"{path}/labels/{quote(target.label, safe='')}"


def _plain(array: np.ndarray):
    """An array as JSON values. Strings that are no UTF-8 become {"b64": ...}."""
    return (np.vectorize(_text, otypes=[object])(array) if array.dtype == object else array).tolist()


def _text(item: bytes):
    try:
        return item.decode()
    except UnicodeDecodeError:
        return {BASE64_KEY: base64.b64encode(item).decode()}


def _array(value, spec: TensorSpec) -> np.ndarray:
    array = array_from_json(value, spec.dtype)
    if array.size == 0 and spec.shape is not None and array.ndim < len(spec.shape):
        return np.empty(array.shape + (0,) * (len(spec.shape) - array.ndim), array.dtype)  # [] has no more
    return array


def _read_specs(infos: Mapping[str, dict]) -> dict[str, TensorSpec]:
    """The specs of TensorInfo messages in JSON form."""
    found = {}
    for name, info in infos.items():
        shape = info.get("tensor_shape", {})
        sizes = tuple(int(dim.get("size", 0)) for dim in shape.get("dim", []))
        sizes = None if shape.get("unknown_rank") else tuple(None if n < 0 else n for n in sizes)
        found[name] = TensorSpec(info["dtype"].removeprefix("DT_").lower(), sizes)
    return found


def _events(answer: urllib3.BaseHTTPResponse) -> Iterator[tuple[str, dict]]:
    """Name and data of each server-sent event."""
    rest = b""
    for chunk in answer.stream(2**16):
        *events, rest = (rest + chunk).split(b"\n\n")
        for event in events:
            fields = dict(line.split(": ", 1) for line in event.decode().split("\n") if ": " in line)
            yield fields.get("event", ""), json.loads(fields["data"])
