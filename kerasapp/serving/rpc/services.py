"""What TF Serving's gRPC interface answers. The stubs import TensorFlow, so `rpc.server` imports this late.

The order of the checks and the words of the errors follow TF Serving: predict_util.cc and predict_impl.cc,
get_model_metadata_impl.cc (all in tensorflow_serving/servables/tensorflow), get_model_status_impl.cc,
model_service_impl.cc, server_core.cc and grpc_status_util.cc (in tensorflow_serving/model_servers).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import grpc
from tensorflow.core.protobuf import error_codes_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from kerasapp.serving.engine import Engine
from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.models.versions import Version
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.observing.request_record import RequestRecord, count_rows, request_id
from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.serving.protocol.http_names import REQUEST_ID
from kerasapp.serving.protocol.proto_tensors import array_from_proto, array_to_proto, kind_name
from kerasapp.serving.protocol.signatures import DEFAULT_SIGNATURE

_METADATA_FIELD = "signature_def"
_MOMENT = 0.05  # seconds; a call that ends so shortly before its deadline ends because of it
_MESSAGE_LIMIT = 1024  # characters; grpc_status_util.cc
_CODES = {code.name: code for code in grpc.StatusCode}


class _Service:
    """What both services share: each request gets an id, a deadline, a line in the log and its status."""

    def __init__(self, engine: Engine, log: Log):
        self._engine, self._log = engine, log

    def _serve(self, api: str, context: grpc.ServicerContext, answer: Callable, request):
        """What `answer` gives. An error becomes the status of the call."""
        record = RequestRecord(request_id(dict(context.invocation_metadata()).get(REQUEST_ID)), "GRPC", api)
        context.set_trailing_metadata(((REQUEST_ID, record.id),))
        try:
            return answer(self._engine, record, request, _deadline(context, self._engine.limits.timeout))
        except Exception as error:
            message = self._log.failure(record, error).message
        finally:
            self._engine.metrics.request(record)
            self._log.request(record)
        if len(message) > _MESSAGE_LIMIT:  # ToGRPCStatus
            message = message[:_MESSAGE_LIMIT] + "...TRUNCATED"
        context.abort(_CODES.get(record.status, grpc.StatusCode.UNKNOWN), message)


def _deadline(context: grpc.ServicerContext, timeout: float) -> Deadline:
    remaining = context.time_remaining()  # None: the client has set none
    deadline = Deadline.after(timeout if remaining is None else min(timeout, remaining))

    def ended() -> None:  # the call, whatever ends it
        if deadline.at - time.monotonic() > _MOMENT:
            deadline.leave()

    if not context.add_callback(ended):
        ended()
    return deadline


def _not_served(engine: Engine, record: RequestRecord, request, deadline: Deadline):
    raise StatusError("UNIMPLEMENTED", f"The {record.api} API is not supported; use Predict")


def _not_reloaded(engine: Engine, record: RequestRecord, request, deadline: Deadline):
    raise StatusError(
        "UNIMPLEMENTED",
        "HandleReloadConfigRequest is not supported; change the model config file or the folder of models, "
        "which are watched",
    )


@contextmanager
def _acquire(engine: Engine, record: RequestRecord, request) -> Iterator[Version]:
    target = _target(engine, record, request)
    if not target[0]:  # ServableRequestFromModelSpec
        raise invalid("ModelSpec has no name specified.")
    with engine.registry.acquire(*target) as version:
        record.version = version.number
        yield version


def _target(engine: Engine, record: RequestRecord, request) -> tuple[str, int | None, str | None]:
    """The model's name, the version and the label; None for what is not asked for."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec = request.model_spec
    record.model = engine.registry.known(spec.name)
    number = spec.version.value if spec.HasField("version") else None
    return spec.name, number, spec.version_label if spec.HasField("version_label") else None


def _predict(engine: Engine, record: RequestRecord, request, deadline: Deadline):  # RunPredict
    record.model = engine.registry.known(request.model_spec.name)
    with engine.admission.enter(), _acquire(engine, record, request) as version:
        name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        definition = version.bundle.signature_defs.get(name)
        # The signature that initialises the model has no method, and nobody may call it. TF Serving checks
        # methods' names only with --enable_signature_method_name_check.
        if definition is None or not definition.method_name:
            raise StatusError("FAILED_PRECONDITION", f'Serving signature key "{name}" not found.')
        record.signature = name
        inputs = _inputs(request, definition, engine.limits.body)
        record.rows = count_rows(inputs)
        _check_filter(request.output_filter, definition)
        _check_types(request, definition)
        outputs = engine.run(version, name, inputs, deadline=deadline)
    response = predict_pb2.PredictResponse()
    response.model_spec.name = request.model_spec.name  # MakeModelSpec
    response.model_spec.signature_name = name
    response.model_spec.version.value = version.number
    for alias in request.output_filter or outputs:
        array_to_proto(outputs[alias], response.outputs[alias])
    return response


def _inputs(request, definition, max_bytes: int) -> dict:  # VerifyRequestInputsSize, GetInputValues
    """The arrays of all inputs. One that is not sent has its default value, if the signature has one."""
    sent, wanted, defaults = set(request.inputs), set(definition.inputs), set(definition.defaults)
    if len(sent) > len(wanted) or (len(sent) < len(wanted) and not defaults):
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({_set(sent)}) != "
            f"len({_set(wanted)}). Sent extra: {_set(sent - wanted)}. "
            f"Missing but required: {_set(wanted - sent)}."
        )
    arrays = {}
    for alias in sorted(wanted):
        if alias not in sent | defaults:
            raise invalid(
                f"Signature input alias: {alias}(feed name: {definition.inputs[alias].name}) not found in "
                "request and no default value provided. Inputs expected to be in the request "
                f"{_set(sent)}, or default input alias set: {','.join(sorted(defaults))}"
            )
        proto = request.inputs[alias] if alias in sent else definition.defaults[alias]
        try:
            arrays[alias] = array_from_proto(proto, max_bytes)
        except ValueError as error:
            raise invalid(f"tensor parsing error: {alias}: {error}") from None
    if sent - wanted:
        used, found = ",".join(sorted(sent & wanted)), ",".join(sorted(sent))
        raise invalid(f"Inputs contains invalid name. Used request inputs: {used}, request input: {found}")
    return arrays


def _check_types(request, definition) -> None:
    """Raises the error of TensorFlow's executor for a fed tensor of another type (function.cc, SetArgs)."""
    for index, alias in enumerate(sorted(definition.inputs)):
        expected = definition.inputs[alias].dtype
        if alias in request.inputs and request.inputs[alias].dtype != expected:
            got = kind_name(request.inputs[alias].dtype)
            raise invalid(f"Expects arg[{index}] to be {kind_name(expected)} but {got} is provided")


def _check_filter(outputs: Sequence[str], definition) -> None:
    for index, alias in enumerate(outputs):
        if alias not in definition.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {_set(definition.outputs)}."
            )
        if alias in outputs[:index]:
            raise invalid(f"duplicate output tensor alias: {alias}")


def _set(names) -> str:
    return f"{{{','.join(sorted(names))}}}"


def _metadata(engine: Engine, record: RequestRecord, request, deadline: Deadline):  # GetModelMetadataImpl
    _target(engine, record, request)
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != _METADATA_FIELD:
            raise invalid(f"Metadata field {field} is not supported")
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    with _acquire(engine, record, request) as version:
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=version.bundle.signature_defs)
    response.model_spec.name = version.model
    response.model_spec.version.value = version.number
    response.metadata[_METADATA_FIELD].Pack(signatures)
    return response


def _status(engine: Engine, record: RequestRecord, request, deadline: Deadline):  # GetModelStatusImpl
    response = get_model_status_pb2.GetModelStatusResponse()
    for version in engine.registry.versions(*_target(engine, record, request)):
        status = response.model_version_status.add(version=version.number)
        status.state = get_model_status_pb2.ModelVersionStatus.State.Value(version.state)
        status.status.error_code = error_codes_pb2.Code.Value(version.code)
        status.status.error_message = version.message
    return response


def _method(api: str, answer: Callable) -> Callable:
    return lambda self, request, context: self._serve(api, context, answer, request)


class PredictionService(_Service, prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; the calls that take tf.train.Example are not served."""

    Predict = _method("Predict", _predict)
    GetModelMetadata = _method("GetModelMetadata", _metadata)
    Classify = _method("Classify", _not_served)
    Regress = _method("Regress", _not_served)
    MultiInference = _method("MultiInference", _not_served)


class ModelService(_Service, model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus; the configuration cannot be changed over the network."""

    GetModelStatus = _method("GetModelStatus", _status)
    HandleReloadConfigRequest = _method("HandleReloadConfigRequest", _not_reloaded)
