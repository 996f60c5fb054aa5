"""What TF Serving's REST interface answers: predict, status and metadata.

Follows http_rest_api_handler.cc, http_rest_api_util.cc and get_model_status_impl.cc in
tensorflow_serving/model_servers.
"""

import json
import re
from contextlib import ExitStack
from urllib.parse import unquote

from kerasapp.artefact import version_number
from kerasapp.serving.engine import Engine
from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.observing.request_record import RequestRecord, count_rows
from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.serving.protocol.json_tensors import quote
from kerasapp.serving.protocol.signatures import DEFAULT_SIGNATURE
from kerasapp.serving.rest.json_text import parse_object
from kerasapp.serving.rest.predict_messages import read_predict, signature_name, write_predict

_VERSION = r"(?:/versions/(\d+)|/labels/([^/:]+))?"  # http_rest_api_util.cc
_POST_PATH = re.compile(
    rf"/v1/models/([^/:]+){_VERSION}:(classify|regress|predict)", re.IGNORECASE | re.ASCII
)
_GET_PATH = re.compile(rf"/v1/models(?:/([^/:]+))?{_VERSION}(?:/(metadata))?", re.IGNORECASE | re.ASCII)
_APIS = ("classify", "regress", "predict")  # the path may be in any case, the API's name in this alone


def is_served(path: str) -> bool:  # Dispatch in http_server.cc:140
    """Whether a path is one of TF Serving's interface."""
    return path.lower().startswith("/v1/")


def note(engine: Engine, record: RequestRecord, method: str, path: str) -> None:
    """Writes into the record what a request asks for, before its body has come."""
    if method == "POST" and (match := _POST_PATH.fullmatch(path)) and match[4] in _APIS:
        record.api = match[4]
    elif method == "GET" and (match := _GET_PATH.fullmatch(path)):
        record.api = "metadata" if match[4] == "metadata" else "status"
    else:
        return
    record.model = engine.registry.known(unquote(match[1] or ""))


def answer(
    engine: Engine, record: RequestRecord, method: str, path: str, body: bytes, deadline: Deadline
) -> bytes:
    """The JSON text that answers a request: ProcessRequest in http_rest_api_handler.cc.

    Args:
        record: gets what is found out about the request; `note` has written what it asks for.
        path: as it was sent, with its query. A model's name may hold a quoted "/" or ":"; TF Serving knows no
            path with a query.
        deadline: where it is over, the run is stopped.

    Raises:
        StatusError: the request cannot be answered.
    """
    if not is_served(path):
        raise StatusError("NOT_FOUND", f"Not found: {path}")
    if method == "POST" and (match := _POST_PATH.fullmatch(path)) and match[4] in _APIS:
        target = _target(match)
        if match[4] == "predict":
            return _predict(engine, record, target, body, deadline)
        raise _not_served(engine, match[4], target, body, deadline)
    if method == "GET" and (match := _GET_PATH.fullmatch(path)):
        target = _target(match)
        if not target[0]:
            raise invalid("Missing model name in request.")
        return (_metadata if match[4] == "metadata" else _status)(engine, *target)
    raise invalid(f"Malformed request: {method} {path}")


def _target(match: re.Match) -> tuple[str, int | None, str | None]:  # ParseModelInfo
    """The model's name, the version and the label in a path; None for what is not there."""
    number = match[2] and version_number(match[2])
    if match[2] and number is None:
        raise invalid(f"Failed to convert version: {match[2]} to numeric.")
    return unquote(match[1] or ""), number, match[3] and unquote(match[3])


def _predict(engine: Engine, record: RequestRecord, target: tuple, body: bytes, deadline: Deadline) -> bytes:
    with ExitStack() as stack:
        held = None  # acquired only once the body has proved to be JSON, as in TF Serving

        def inputs_of(signature_name: str):
            nonlocal held
            held = stack.enter_context(engine.registry.acquire(*target))
            record.version = held.number
            inputs = held.bundle.inputs(signature_name)
            record.signature = signature_name or DEFAULT_SIGNATURE
            return inputs

        with engine.large_bodies.read(body, deadline):
            request = read_predict(body, inputs_of, deadline)
        record.rows = count_rows(request.inputs)
        outputs = engine.run(held, request.signature_name, request.inputs, deadline=deadline)
    return write_predict(outputs, request.row_format)


def _not_served(engine: Engine, api: str, target: tuple, body: bytes, deadline: Deadline) -> StatusError:
    """Why a model does not classify or regress: exports have signatures to predict only.

    The words are those of classifier.cc:176 and regressor.cc:170, which do not look at the method's name.
    """
    with engine.large_bodies.read(body, deadline):
        document = parse_object(body, deadline)  # FillClassifyRegressRequestFromJson, json_tensor.cc:819
    name, examples = signature_name(document) or DEFAULT_SIGNATURE, document.get("examples")
    if "examples" not in document:
        wrong = "When method is classify, key 'examples' is expected and was not found"
    elif not isinstance(examples, list):
        wrong = "Expecting 'examples' value to be an list/array"
    else:
        wrong = "" if examples else "'examples' value is an empty array"
    if wrong:
        return invalid(f"JSON Value: {quote(document)} {wrong}")
    with engine.registry.acquire(*target) as version:
        definition = version.bundle.signature_defs.get(name)
    if definition is None:
        return invalid(f"No signature was found with the name: {name}")
    kind, most = ("classification", 2) if api == "classify" else ("regression", 1)
    if len(definition.inputs) != 1:
        return invalid("Expected one input Tensor.")
    if not 1 <= (found := len(definition.outputs)) <= most:
        wanted = f"one or two output Tensors, found {found}" if most == 2 else "one output Tensor."
        return invalid(f"Expected {wanted}")
    if "inputs" not in definition.inputs:
        return invalid(f"No {kind} inputs found in SignatureDef: {definition}")
    return StatusError("UNIMPLEMENTED", f"The {api} API is not supported; use predict")


def _status(engine: Engine, model: str, number: int | None, label: str | None) -> bytes:
    statuses = [
        {
            "version": str(version.number),
            "state": version.state,
            "status": {"error_code": version.code, "error_message": version.message},
        }
        for version in engine.registry.versions(model, number, label)
    ]
    return json.dumps({"model_version_status": statuses}, indent=1).encode()


def _metadata(engine: Engine, model: str, number: int | None, label: str | None) -> bytes:
    from google.protobuf.json_format import MessageToDict
    from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

    with engine.registry.acquire(model, number, label) as version:
        signatures = MessageToDict(
            SignatureDefMap(signature_def=version.bundle.signature_defs),
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
    spec = {"name": model, "signature_name": "", "version": str(version.number)}
    return json.dumps({"model_spec": spec, "metadata": {"signature_def": signatures}}, indent=1).encode()
