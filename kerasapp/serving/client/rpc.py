"""The transport of `Client` over TF Serving's gRPC interface. The stubs import TensorFlow."""

from collections.abc import Iterator, Mapping

import grpc
import numpy as np
from tensorflow.core.protobuf import error_codes_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from kerasapp.serving.client.transport import Target, VersionStatus
from kerasapp.serving.protocol.addresses import GRPC_PORT, is_loopback, parse_address
from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.serving.protocol.proto_tensors import array_from_proto, array_to_proto
from kerasapp.serving.protocol.signatures import Signature, read_specs

_LARGEST = 2**31 - 1  # bytes of an answer's tensor; a protobuf message has no more
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),  # the client has its own
]


class RpcTransport:
    """gRPC over one channel, to "grpc://host:8500"."""

    def __init__(self, address: str):
        _, self.where = parse_address(address, ("grpc",), GRPC_PORT)
        direct = [("grpc.enable_http_proxy", 0)] * is_loopback(self.where)  # whatever the environment says
        self._channel = grpc.insecure_channel(self.where, [*_OPTIONS, *direct])
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def close(self) -> None:
        self._channel.close()

    def predict(
        self, target: Target, name: str, inputs: Mapping[str, np.ndarray], signature: Signature, left: float
    ) -> dict[str, np.ndarray]:
        request = predict_pb2.PredictRequest()
        _fill(request.model_spec, target)
        request.model_spec.signature_name = name
        for key, array in inputs.items():
            try:
                array_to_proto(array, request.inputs[key])
            except ValueError as error:
                raise invalid(f"{key}: {error}") from None
        answer = self._call(self._prediction.Predict, request, left)
        return {key: array_from_proto(proto, _LARGEST) for key, proto in answer.outputs.items()}

    def status(self, target: Target, left: float) -> list[VersionStatus]:
        request = get_model_status_pb2.GetModelStatusRequest()
        _fill(request.model_spec, target)
        answer = self._call(self._models.GetModelStatus, request, left)
        return [
            VersionStatus(
                row.version,
                get_model_status_pb2.ModelVersionStatus.State.Name(row.state),
                error_codes_pb2.Code.Name(row.status.error_code),
                row.status.error_message,
            )
            for row in answer.model_version_status
        ]

    def metadata(self, target: Target, left: float) -> dict[str, Signature]:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        _fill(request.model_spec, target)
        answer = self._call(self._prediction.GetModelMetadata, request, left)
        found = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(found)
        return {
            name: Signature(read_specs(definition.inputs), read_specs(definition.outputs))
            for name, definition in found.signature_def.items()
        }

    def models(self, left: float) -> list[dict]:
        raise StatusError("UNIMPLEMENTED", f"{self.where}: models are listed over REST alone, not over gRPC")

    def stream(self, target: Target, request: dict, left: float) -> Iterator[str]:
        raise StatusError("UNIMPLEMENTED", f"{self.where}: text is streamed over REST alone, not over gRPC")

    def _call(self, method, request, left: float):
        try:
            return method(request, timeout=left)
        except grpc.RpcError as error:
            raise self._failure(error) from None

    def _failure(self, error: grpc.RpcError) -> StatusError:
        code, details = error.code().name, error.details() or ""
        if code == "DEADLINE_EXCEEDED":
            details = f"{self.where}: no answer in time"
        elif code == "UNAVAILABLE" and "onnect" in details:
            details = f"{self.where}: cannot connect: {details.rsplit(': ', 1)[-1]}"
        return StatusError(code, details)


def _fill(spec, target: Target) -> None:
    spec.name = target.model
    if target.version is not None:
        spec.version.value = target.version
    if target.label is not None:
        spec.version_label = target.label
