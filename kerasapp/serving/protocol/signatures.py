"""The signatures of a SavedModel: their names, inputs and outputs."""

from collections.abc import Mapping
from dataclasses import dataclass

from kerasapp.serving.protocol.errors import StatusError, invalid

DEFAULT_SIGNATURE = "serving_default"  # a request with an empty name asks for this one
MAX_RANK = 64  # axes of an array; NumPy's limit


@dataclass(frozen=True)
class TensorSpec:
    """One input or output: TensorFlow's name of the type, and the shape (None: free size or rank)."""

    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a signature by name."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]


def read_specs(infos: Mapping) -> dict[str, TensorSpec]:
    """The specs of `TensorInfo` messages, sorted by name. Imports TensorFlow."""
    from tensorflow.core.framework.types_pb2 import DataType

    found = {}
    for name, info in sorted(infos.items()):
        sizes = tuple(dim.size if dim.size >= 0 else None for dim in info.tensor_shape.dim)
        dtype = DataType.Name(info.dtype).removeprefix("DT_").lower()
        found[name] = TensorSpec(dtype, None if info.tensor_shape.unknown_rank else sizes)
    return found


def signature_not_found(name: str) -> StatusError:
    """The error of a request for a signature that the model does not have."""
    return invalid(f'Serving signature name: "{name}" not found in signature def')
