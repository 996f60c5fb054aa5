"""What the gRPC interface answers, call by call; `rpc` imports it late, as the stubs import TensorFlow.

The order of the checks and the words of the errors follow TF Serving: predict_util.cc and predict_impl.cc,
get_model_metadata_impl.cc (all in tensorflow_serving/servables/tensorflow), get_model_status_impl.cc,
model_service_impl.cc, server_core.cc and grpc_status_util.cc (in tensorflow_serving/model_servers).
"""

import time
from collections.abc import Callable, Iterator
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
from kerasapp.serving.models.versions import Version
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.observing.request_record import Call, request_id
from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.serving.protocol.proto_tensors import kind_name, to_array, write_array

_DEFAULT_SIGNATURE = "serving_default"
_METADATA_FIELD = "signature_def"
_MESSAGE_LIMIT = 1024  # characters; grpc_status_util.cc
_ID_KEY = "x-request-id"
_CODES = {code.name: code for code in grpc.StatusCode}


class _Service:
    """What both services share: each call gets an id, a deadline, a line in the log and its status."""

    def __init__(self, engine: Engine, log: Log):
        self._engine, self._log = engine, log

    def _serve(self, api: str, context: grpc.ServicerContext, answer: Callable, request):
        """What `answer` gives; an error becomes the status, never a traceback for the client."""
        call = Call(request_id(dict(context.invocation_metadata()).get(_ID_KEY)), "GRPC", api)
        context.set_trailing_metadata(((_ID_KEY, call.id),))
        try:
            return answer(self._engine, call, request, _deadline(context, self._engine.limits.timeout))
        except StatusError as error:
            call.status, message = error.code, error.message
        except Exception as error:
            call.status, message = "INTERNAL", f"Internal error: {type(error).__name__}"
            self._log.failure(call, error)
        finally:
            self._done(call)
        if len(message) > _MESSAGE_LIMIT:  # ToGRPCStatus
            message = message[:_MESSAGE_LIMIT] + "...TRUNCATED"
        context.abort(_CODES.get(call.status, grpc.StatusCode.UNKNOWN), message)

    def _done(self, call: Call) -> None:
        if call.api == "Predict":  # what TF Serving counts, in prediction_service_impl.cc
            self._engine.metrics.request(call.model, call.status)
            if call.status == "OK":
                self._engine.metrics.latency(call.model, call.api, call.entrypoint, call.seconds)
        self._log.call(call)


class PredictionService(_Service, prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; the calls that take tf.train.Example are not served."""

    def Predict(self, request, context):
        return self._serve("Predict", context, _predict, request)

    def GetModelMetadata(self, request, context):
        return self._serve("GetModelMetadata", context, _metadata, request)

    def Classify(self, request, context):
        return self._serve("Classify", context, _not_served, request)

    def Regress(self, request, context):
        return self._serve("Regress", context, _not_served, request)

    def MultiInference(self, request, context):
        return self._serve("MultiInference", context, _not_served, request)


class ModelService(_Service, model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus; the configuration is not changed over the network."""

    def GetModelStatus(self, request, context):
        return self._serve("GetModelStatus", context, _status, request)

    def HandleReloadConfigRequest(self, request, context):
        return self._serve("HandleReloadConfigRequest", context, _not_reloaded, request)


def _deadline(context: grpc.ServicerContext, timeout: float) -> float:
    remaining = context.time_remaining()  # None: the client has set none
    return time.monotonic() + (timeout if remaining is None else min(timeout, remaining))


def _not_served(engine: Engine, call: Call, request, deadline: float):
    raise StatusError("UNIMPLEMENTED", f"The {call.api} API is not supported; use Predict")


def _not_reloaded(engine: Engine, call: Call, request, deadline: float):
    raise StatusError(
        "UNIMPLEMENTED",
        "HandleReloadConfigRequest is not supported; change the model config file or the folder of models, "
        "which are watched",
    )


@contextmanager
def _acquire(engine: Engine, call: Call, request) -> Iterator[Version]:  # ServableRequestFromModelSpec
    spec = _model_spec(request)
    if not spec.name:
        raise invalid("ModelSpec has no name specified.")
    call.model = spec.name if engine.registry.knows(spec.name) else None
    choice = spec.WhichOneof("version_choice")
    label = spec.version_label if choice == "version_label" else None
    with engine.acquire(spec.name, spec.version.value if choice == "version" else None, label) as version:
        call.version = version.number
        yield version


def _model_spec(request):
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return request.model_spec


def _predict(engine: Engine, call: Call, request, deadline: float):  # RunPredict
    with _acquire(engine, call, request) as version:
        name = request.model_spec.signature_name or _DEFAULT_SIGNATURE
        definition = version.bundle.signature_defs.get(name)
        # The one that sets the model up has no method and is nobody's to call. TF Serving looks at methods'
        # names only where it is told to (--enable_signature_method_name_check).
        if definition is None or not definition.method_name:
            raise StatusError("FAILED_PRECONDITION", f'Serving signature key "{name}" not found.')
        call.signature = name
        inputs = _inputs(request, definition, engine.limits.body)
        call.rows = max((len(array) for array in inputs.values() if array.ndim), default=None)
        _check_types(request, definition)
        outputs = tuple(request.output_filter)
        _check_filter(outputs, definition)
        found = engine.run(version, name, inputs, outputs=outputs, deadline=deadline)
    response = predict_pb2.PredictResponse()
    response.model_spec.name = request.model_spec.name  # MakeModelSpec
    response.model_spec.signature_name = name
    response.model_spec.version.value = version.number
    for alias, array in found.items():
        write_array(array, response.outputs[alias])
    return response


def _inputs(request, definition, max_bytes: int) -> dict:  # VerifyRequestInputsSize, PreProcessPrediction
    """The arrays of all inputs; what is not sent takes its default value, where the signature has one."""
    sent, wanted = set(request.inputs), set(definition.inputs)
    missing = wanted - sent - set(definition.defaults)
    if len(sent) != len(wanted) and (missing or sent - wanted):
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({_set(sent)}) != "
            f"len({_set(wanted)}). Sent extra: {_set(sent - wanted)}. Missing but required: {_set(missing)}."
        )
    for alias in sorted(sent - wanted):
        raise invalid(
            f"input tensor alias not found in signature: {alias}. "
            f"Inputs expected to be in the set {_set(wanted)}."
        )
    arrays = {}
    for alias in sorted(wanted):
        proto = request.inputs[alias] if alias in sent else definition.defaults[alias]
        try:
            arrays[alias] = to_array(proto, max_bytes)
        except ValueError as error:
            raise invalid(f"tensor parsing error: {alias}: {error}") from None
    return arrays


def _check_types(request, definition) -> None:
    """The error that TensorFlow's executor has for a fed tensor of another type (function.cc, SetArgs)."""
    for index, alias in enumerate(sorted(definition.inputs)):
        expected = definition.inputs[alias].dtype
        if alias in request.inputs and request.inputs[alias].dtype != expected:
            got = kind_name(request.inputs[alias].dtype)
            raise invalid(f"Expects arg[{index}] to be {kind_name(expected)} but {got} is provided")


def _check_filter(outputs: tuple[str, ...], definition) -> None:
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


def _metadata(engine: Engine, call: Call, request, deadline: float):  # GetModelMetadataImpl
    _model_spec(request)
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != _METADATA_FIELD:
            raise invalid(f"Metadata field {field} is not supported")
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    with _acquire(engine, call, request) as version:
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=version.bundle.signature_defs)
    response.model_spec.name = version.model
    response.model_spec.version.value = version.number
    response.metadata[_METADATA_FIELD].Pack(signatures)
    return response


def _status(engine: Engine, call: Call, request, deadline: float):  # GetModelStatusImpl
    spec = _model_spec(request)
    call.model = spec.name if engine.registry.knows(spec.name) else None
    number = spec.version.value if spec.HasField("version") else None
    if spec.HasField("version_label"):  # as REST has it
        with _acquire(engine, call, request) as version:
            number = version.number
    response = get_model_status_pb2.GetModelStatusResponse()
    for version in engine.registry.versions(spec.name, number):
        status = response.model_version_status.add(version=version.number)
        status.state = get_model_status_pb2.ModelVersionStatus.State.Value(version.state)
        status.status.error_code = error_codes_pb2.Code.Value(version.code)
        status.status.error_message = version.message
    return response
