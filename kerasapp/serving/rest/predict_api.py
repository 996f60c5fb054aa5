"""What the REST interface answers, call by call: predict, status and metadata.

Follows http_rest_api_handler.cc, http_rest_api_util.cc and get_model_status_impl.cc in
tensorflow_serving/model_servers.
"""

import json
import re
from contextlib import ExitStack
from urllib.parse import unquote

from kerasapp.serving.engine import Engine
from kerasapp.serving.observing.request_record import Call
from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.serving.rest.json_text import parse_json
from kerasapp.serving.rest.requests import parse_predict
from kerasapp.serving.rest.responses import predict_body

_VERSION = r"(?:/versions/(\d+)|/labels/([^/:]+))?"  # http_rest_api_util.cc
_POST_PATH = re.compile(
    rf"/v1/models/([^/:]+){_VERSION}:(classify|regress|predict)", re.IGNORECASE | re.ASCII
)
_GET_PATH = re.compile(rf"/v1/models(?:/([^/:]+))?{_VERSION}(?:/(metadata))?", re.IGNORECASE | re.ASCII)
_APIS = ("classify", "regress", "predict")  # the path may be in any case, the API's name in this alone
_DEFAULT_SIGNATURE = "serving_default"


def answer(engine: Engine, call: Call, method: str, path: str, body: bytes, deadline: float) -> bytes:
    """The JSON that answers a request: ProcessRequest in http_rest_api_handler.cc.

    Args:
        engine: what answers it.
        call: gets what is found out about the request.
        method: of HTTP, in capitals.
        path: as it was sent, with its query: a model's name may hold a quoted "/" or ":", and a query
            makes a path that TF Serving does not know.
        body: the request's.
        deadline: the value of `time.monotonic()` at which it is given up.

    Raises:
        StatusError: where it cannot be answered.
    """
    if not path.lower().startswith("/v1/"):  # http_server.cc, Dispatch
        raise StatusError("NOT_FOUND", f"Not found: {path}")
    if method == "POST" and (match := _POST_PATH.fullmatch(path)) and match[4] in _APIS:
        call.api = match[4]
        target = _target(match)
        _note_model(engine, call, target[0])
        if call.api == "predict":
            return _predict(engine, call, target, body, deadline)
        raise _not_served(engine, call.api, target, body)
    if method == "GET" and (match := _GET_PATH.fullmatch(path)):
        call.api = "metadata" if match[4] == "metadata" else "status"
        target = _target(match)
        if not target[0]:
            raise invalid("Missing model name in request.")
        _note_model(engine, call, target[0])
        return (_metadata if call.api == "metadata" else _status)(engine, *target)
    raise invalid(f"Malformed request: {method} {path}")


def _note_model(engine: Engine, call: Call, name: str) -> None:
    """A name that the server does not know may be anything, and stands neither in logs nor in metrics."""
    call.model = name if engine.registry.knows(name) else None


def _target(match: re.Match) -> tuple[str, int | None, str | None]:  # ParseModelInfo
    """The model's name, the version and the label that a path asks for; None where it does not."""
    digits = match[2] and (match[2].lstrip("0") or "0")
    if digits and (len(digits) > 19 or int(digits) >= 2**63):
        raise invalid(f"Failed to convert version: {match[2]} to numeric.")
    return unquote(match[1] or ""), int(digits) if digits else None, match[3] and unquote(match[3])


def _predict(engine: Engine, call: Call, target: tuple, body: bytes, deadline: float) -> bytes:
    with ExitStack() as stack:
        held = None  # acquired only once the body has proved to be JSON, as TF Serving does

        def inputs_of(signature_name: str):
            nonlocal held
            held = stack.enter_context(engine.acquire(*target))
            call.version = held.number
            inputs = held.bundle.inputs(signature_name)
            call.signature = signature_name or _DEFAULT_SIGNATURE
            return inputs

        request = parse_predict(body, inputs_of)
        call.rows = max((len(array) for array in request.inputs.values() if array.ndim), default=None)
        outputs = engine.run(held, request.signature_name, request.inputs, deadline=deadline)
    return predict_body(outputs, request.row_format)


def _not_served(engine: Engine, api: str, target: tuple, body: bytes) -> StatusError:
    """Why a model is not asked to classify or regress: exports have signatures to predict alone.

    The words are those of classifier.cc and regressor.cc (PreProcessClassification, PreProcessRegression).
    """
    try:
        document = parse_json(body)
    except RecursionError:
        document = None
    name = document.get("signature_name") if isinstance(document, dict) else None
    name = name if isinstance(name, str) and name else _DEFAULT_SIGNATURE
    with engine.acquire(*target) as version:
        definition = version.bundle.signature_defs.get(name)
    if definition is None:
        return invalid(f'Serving signature name: "{name}" not found in signature def')
    wanted = f"tensorflow/serving/{api}"
    if definition.method_name == wanted:
        return StatusError("UNIMPLEMENTED", f"The {api} API is not supported; use predict")
    kind = "classification" if api == "classify" else "regression"
    return invalid(
        f"Expected {kind} signature method_name to be {wanted}. Was: {definition.method_name}; use predict"
    )


def _status(engine: Engine, model: str, number: int | None, label: str | None) -> bytes:
    if label is not None:  # api_rest.md; get_model_status_impl.cc gives all versions where a label is given
        with engine.acquire(model, label=label) as version:
            number = version.number
    statuses = [
        {
            "version": str(version.number),
            "state": version.state,
            "status": {"error_code": version.code, "error_message": version.message},
        }
        for version in engine.registry.versions(model, number)
    ]
    return json.dumps({"model_version_status": statuses}, indent=1).encode()


def _metadata(engine: Engine, model: str, number: int | None, label: str | None) -> bytes:
    from google.protobuf.json_format import MessageToDict
    from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

    with engine.acquire(model, number, label) as version:
        signatures = MessageToDict(
            SignatureDefMap(signature_def=version.bundle.signature_defs),
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
    spec = {"name": model, "signature_name": "", "version": str(version.number)}
    return json.dumps({"model_spec": spec, "metadata": {"signature_def": signatures}}, indent=1).encode()
