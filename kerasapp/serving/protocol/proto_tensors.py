"""TensorProto messages to NumPy arrays and back.

The rules are those of Tensor::FromProto and Tensor::AsProtoField in tensorflow/core/framework/tensor.cc.
tf.make_ndarray and tf.make_tensor_proto differ (they refuse a value list of the wrong length, and write
packed bytes) and are slower. Nothing here needs TensorFlow.
"""

import math
from typing import NamedTuple

import ml_dtypes
import numpy as np

from kerasapp.serving.protocol.signatures import MAX_RANK
from kerasapp.serving.protocol.text_proto import Field, message_class


class Kind(NamedTuple):
    """A type that a TensorProto can carry: TensorFlow's name, NumPy's type, and the field of the values."""

    name: str
    dtype: np.dtype
    field: str


# The numbers of the DataType enum in tensorflow/core/framework/types.proto.
_KINDS = {
    number: Kind(name, np.dtype(dtype), field)
    for number, name, dtype, field in [
        (1, "float", np.float32, "float_val"),
        (2, "double", np.float64, "double_val"),
        (3, "int32", np.int32, "int_val"),
        (4, "uint8", np.uint8, "int_val"),
        (5, "int16", np.int16, "int_val"),
        (6, "int8", np.int8, "int_val"),
        (7, "string", object, "string_val"),
        (8, "complex64", np.complex64, "scomplex_val"),
        (9, "int64", np.int64, "int64_val"),
        (10, "bool", np.bool_, "bool_val"),
        (14, "bfloat16", ml_dtypes.bfloat16, "half_val"),
        (17, "uint16", np.uint16, "int_val"),
        (18, "complex128", np.complex128, "dcomplex_val"),
        (19, "half", np.float16, "half_val"),
        (22, "uint32", np.uint32, "uint32_val"),
        (23, "uint64", np.uint64, "uint64_val"),
    ]
}
_NUMBERS = {kind.dtype: number for number, kind in _KINDS.items()}

# A TensorProto, with the fields as bytes whose packed form in the wire format is the array's own bytes. They
# are copied at once; otherwise each number would become a Python object.
_PACKED = {
    "float_val": (5, Field.TYPE_BYTES),
    "double_val": (6, Field.TYPE_BYTES),
    "bool_val": (11, Field.TYPE_BYTES),
}
_Packed = message_class({"PackedTensor": _PACKED})
_MANY = 256  # values; for fewer, Python objects are quicker


def kind_name(number: int) -> str:
    """TensorFlow's name of a type ("float", "int64"), or the number of a type that is not known here."""
    return _KINDS[number].name if number in _KINDS else str(number)


def array_from_proto(proto, max_bytes: int) -> np.ndarray:
    """A TensorProto as an array; strings are an object array of bytes.

    As in TensorFlow, the last value fills up a list that is too short, a list that is too long is cut, and an
    empty list means zeros. So a few bytes can stand for any number of values, and `max_bytes` of the array is
    the limit.

    Raises:
        ValueError: an unknown type, an impossible shape, content of another size, or too large an array.
    """
    kind = _KINDS.get(proto.dtype)
    if kind is None:
        raise ValueError(f"type {proto.dtype}")
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if len(shape) > MAX_RANK or any(size < 0 for size in shape):
        raise ValueError(f"shape {shape}")
    count = math.prod(shape)
    if count * kind.dtype.itemsize > max_bytes:
        raise ValueError(f"{count} values are more than {max_bytes} bytes")
    if proto.tensor_content and count:
        return _content(proto.tensor_content, kind, count).reshape(shape)
    values = _values(proto, kind)[:count]
    if not len(values):
        values = np.full(count, b"", object) if kind.dtype == object else np.zeros(count, kind.dtype)
    elif len(values) < count:
        values = np.pad(values, (0, count - len(values)), mode="edge")
    return values.reshape(shape)


def _content(content: bytes, kind: Kind, count: int) -> np.ndarray:
    if kind.dtype == object:
        return _strings(content, count)
    array = np.frombuffer(content, kind.dtype)
    if len(array) != count:
        raise ValueError(f"{len(content)} bytes for {count} values")
    return array


def _strings(content: bytes, count: int) -> np.ndarray:  # port::DecodeStringList
    """The lengths of all strings as varints, then their bytes."""
    position, lengths = 0, []
    for _ in range(count):
        length, position = _read_varint(content, position)
        lengths.append(length)
    if len(content) - position != sum(lengths):
        raise ValueError(f"{len(content)} bytes for strings of {sum(lengths)}")
    array = np.empty(count, object)
    for index, length in enumerate(lengths):
        array[index] = content[position : position + length]
        position += length
    return array


def _values(proto, kind: Kind) -> np.ndarray:
    values = getattr(proto, kind.field)
    if len(values) > _MANY and kind.field in _PACKED:
        packed = _Packed.FromString(proto.SerializeToString())
        return np.frombuffer(getattr(packed, kind.field), kind.dtype)
    if kind.field == "half_val":  # the bits of each number
        return np.fromiter(values, np.int64, len(values)).astype(np.uint16).view(kind.dtype)
    if kind.dtype.kind == "c":  # real and imaginary parts in turn
        part = np.empty(0, kind.dtype).real.dtype
        return np.fromiter(values, part, len(values) // 2 * 2).view(kind.dtype)
    if kind.field == "int_val":  # values that do not fit wrap around, as in a C++ cast
        return np.fromiter(values, np.int64, len(values)).astype(kind.dtype)
    return np.fromiter(values, kind.dtype, len(values))


def array_to_proto(array: np.ndarray, proto) -> None:
    """Fills an empty TensorProto with an array; strings are an object array of bytes.

    The values go into the typed field, as in TF Serving by default.

    Raises:
        ValueError: the array's type has no place in a TensorProto.
    """
    if array.dtype not in _NUMBERS:
        raise ValueError(f"type {array.dtype}")
    proto.dtype = _NUMBERS[array.dtype]
    for size in array.shape:
        proto.tensor_shape.dim.add().size = size
    proto.tensor_shape.SetInParent()
    field, flat = _KINDS[proto.dtype].field, array.reshape(-1)
    if field in _PACKED:
        proto.MergeFromString(_Packed(**{field: flat.tobytes()}).SerializeToString())
        return
    if field == "half_val":
        flat = flat.view(np.uint16)
    elif array.dtype.kind == "c":
        flat = flat.view(flat.real.dtype)
    getattr(proto, field).extend(flat.tolist())


def _read_varint(content: bytes, position: int) -> tuple[int, int]:
    """The number at a position, and the position after it; ValueError if it has more than 32 bits."""
    number = shift = 0
    while True:
        if position >= len(content) or shift > 28:
            raise ValueError("a length is missing")
        byte = content[position]
        number |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return number, position
