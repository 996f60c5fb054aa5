"""How `Client` asks over TF Serving's gRPC interface; its stubs import TensorFlow."""

from collections.abc import Iterator, Mapping

import grpc
import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import error_codes_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from kerasapp.serving.client.transport import Signature, Target, VersionStatus, addresses
from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.serving.protocol.proto_tensors import to_array, write_array
from kerasapp.serving.protocol.tensors import TensorSpec

_LARGEST = 2**31 - 1  # bytes of an answer's tensor; a message of protobuf has no more
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),  # the client has its own
]


class RpcTransport:
    """gRPC over one channel.

    Args:
        address: "grpc://host:8500".
    """

    def __init__(self, address: str):
        _, self.where = addresses(address, ("grpc",), 8500)
        self._channel = grpc.insecure_channel(self.where, _OPTIONS)
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
                write_array(array, request.inputs[key])
            except ValueError as error:
                raise invalid(f"{key}: {error}") from None
        answer = self._call(self._prediction.Predict, request, left)
        return {key: to_array(proto, _LARGEST) for key, proto in answer.outputs.items()}

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
            name: Signature(_specs(definition.inputs), _specs(definition.outputs))
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


def _specs(infos) -> dict[str, TensorSpec]:
    found = {}
    for name, info in infos.items():
        dtype = types_pb2.DataType.Name(info.dtype).removeprefix("DT_").lower()
        sizes = tuple(dim.size if dim.size >= 0 else None for dim in info.tensor_shape.dim)
        found[name] = TensorSpec(dtype, None if info.tensor_shape.unknown_rank else sizes)
    return found
