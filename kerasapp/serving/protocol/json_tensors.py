"""JSON values to NumPy arrays and back.

Follows TF Serving's tensorflow_serving/util/json_tensor.cc. A comment at a function names the one that it
follows. Nothing here needs TensorFlow.
"""

import base64
import binascii
import json
import math
from itertools import chain, islice

import numpy as np

from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.serving.protocol.signatures import MAX_RANK

BASE64_KEY = "b64"

# TensorFlow's DataTypeString -> NumPy. A type that is missing here has no JSON form.
_INTEGERS = {
    name: np.dtype(name) for name in ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"]
}
_FLOATS = {"float": np.dtype(np.float32), "double": np.dtype(np.float64)}
_NAMES = {np.dtype(np.float16): "half"}  # where NumPy's name of a type without a JSON form differs
_DTYPES = _INTEGERS | _FLOATS | {"bool": np.dtype(np.bool_), "string": np.dtype(object)}
_MAX_WHOLE = {"float": 2**24 - 1, "double": 2**53 - 1}  # TF Serving's bound for an integer in a float
_FULL_PRECISION = {_FLOATS["float"]: "%.9g", _FLOATS["double"]: "%.17g"}
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}

_FLOAT_MAX = float(np.finfo(np.float32).max)
_MAX_QUOTED = 500  # characters of a request that an error repeats
_JSON_TYPES = {
    type(None): "Null",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}


def quote(value) -> str:  # JsonValueToString
    """A JSON value as text for an error message, cut if it is long; may raise `nested_too_deeply`."""
    if isinstance(value, float):
        dtype = np.float32 if abs(value) <= _FLOAT_MAX else np.float64  # RapidJSON's IsFloat
        return _decimals(np.array([value], dtype))[0]
    try:
        text = json.dumps(value, indent=4, ensure_ascii=False)
    except RecursionError:
        raise nested_too_deeply() from None
    return text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED] + "..."


def nested_too_deeply() -> StatusError:
    """The error of a JSON document that is nested too deeply to be read."""
    return invalid("JSON Parse error: The document is nested too deeply.")


def is_base64(value) -> bool:  # IsValBase64Object
    """Whether a JSON value is the form of a binary string, {"b64": "..."}."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(BASE64_KEY), str)


def array_from_json(value, dtype: str) -> np.ndarray:
    """A nested list, or one value, as an array.

    Args:
        value: parsed JSON.
        dtype: TensorFlow's name of the type ("float", "int32", "string" ...).

    Returns:
        An array of that type; strings are an object array of bytes.

    Raises:
        StatusError: INVALID_ARGUMENT for a ragged list or a value of another type, UNIMPLEMENTED for a type
            without a JSON form.
    """
    shape = []  # the first elements set the shape (GetDenseTensorShape)
    first = value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    if len(shape) > MAX_RANK:
        raise invalid(f"Encountered list at unexpected level: {MAX_RANK} expected < {MAX_RANK}")
    level = [value]
    for size in shape:
        if set(map(type, level)) != {list} or set(map(len, level)) != {size}:
            raise _ragged(value, shape)
        level = list(chain.from_iterable(level))
    if list in set(map(type, level)):
        raise _ragged(value, shape)
    return _leaves_to_array(level, dtype).reshape(shape)


def _ragged(value, shape: list[int], position: tuple[int, ...] = ()) -> StatusError | None:  # FillTensorProto
    """The error of the first list or value that does not fit the shape; None where all of them do."""
    level, where = len(position), "".join(f"[{index}]" for index in position)
    if not isinstance(value, list):
        if level == len(shape):
            return None
        return invalid(
            f"JSON Value: {quote(value)} found at incorrect level: {level + 1} in the JSON DOM. "
            f"Expected at level: {len(shape)}, position: {where}"
        )
    if level >= len(shape):
        return invalid(
            f"Encountered list at unexpected level: {level} expected < {len(shape)}, position: {where}"
        )
    if len(value) != shape[level]:
        return invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}, position: {where}"
        )
    errors = (_ragged(element, shape, (*position, index)) for index, element in enumerate(value))
    return next(filter(None, errors), None)


def _leaves_to_array(leaves: list, dtype: str) -> np.ndarray:
    """A flat list of values as an array, checked as a whole, and one by one only where that is not enough."""
    array = _numbers(leaves, dtype, set(map(type, leaves)))
    if array is not None:
        return array
    for leaf in leaves:
        _check_leaf(leaf, dtype)
    if dtype == "string":
        return np.fromiter(map(_string, leaves), object, len(leaves))
    if dtype not in _DTYPES:  # an empty list; anything in it was refused above
        raise StatusError("UNIMPLEMENTED", f"Conversion of JSON Value: [] to type: {dtype}")
    return np.array(leaves, np.float64 if dtype in _FLOATS else _DTYPES[dtype]).astype(_DTYPES[dtype])


def _numbers(leaves: list, dtype: str, types: set) -> np.ndarray | None:
    """The array; None if the values must be checked one by one."""
    try:
        if dtype in _INTEGERS and types <= {int}:
            return np.array(leaves, _DTYPES[dtype])
        if dtype in _FLOATS and types <= {int, float}:
            array = np.array(leaves, np.float64)
            limit = _MAX_WHOLE[dtype] if int in types else np.finfo(_DTYPES[dtype]).max
            fits = (np.abs(array[np.isfinite(array)]) <= limit).all()
            return array.astype(_DTYPES[dtype]) if fits else None
    except OverflowError:
        return None
    return np.array(leaves, np.bool_) if dtype == "bool" and types == {bool} else None


def _check_leaf(value, dtype: str) -> None:  # AddValueToTensor
    if isinstance(value, dict) and dtype == "string":
        if not is_base64(value):
            raise invalid(f"JSON Value: {quote(value)} not formatted correctly for base64 data")
        return
    if dtype not in _DTYPES and not isinstance(value, dict):
        raise StatusError("UNIMPLEMENTED", f"Conversion of JSON Value: {quote(value)} to type: {dtype}")
    kind = type(value)
    if dtype in _FLOATS:
        fits = kind in (int, float)
        if fits and not _is_lossless(value, dtype):
            raise invalid(f"Cannot convert JSON value: {quote(value)} to {dtype} without loss of precision.")
    elif dtype in _INTEGERS:
        bounds = np.iinfo(_DTYPES[dtype])
        fits = kind is int and bounds.min <= value <= bounds.max
    else:
        fits = kind is {"bool": bool, "string": str}.get(dtype)
    if not fits:
        json_type = str(value) if kind is bool else _JSON_TYPES[kind]
        raise invalid(f"JSON Value: {quote(value)} Type: {json_type} is not of expected type: {dtype}")


def _is_lossless(value: int | float, dtype: str) -> bool:  # IsLosslessDecimal
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return abs(value) <= _MAX_WHOLE[dtype]
    # A whole number beyond 64 bits is a double to RapidJSON. NaN and the infinities always pass.
    return not float(np.finfo(_DTYPES[dtype]).max) < abs(value) < math.inf


def _string(value: str | dict) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")  # half of a pair, as RapidJSON writes it
    text = "".join(value[BASE64_KEY].split())
    try:  # JsonDecodeBase64Object; padding may be left out, as absl::Base64Unescape allows
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid("Unable to base64 decode") from None


def json_elements(name: str, array: np.ndarray) -> list[str]:  # AddTensorValues
    """The JSON text of each element of an output along its first axis.

    Args:
        name: the output's name. Strings of an output `..._bytes` are written as {"b64": "..."}.
        array: at least one axis; strings are an object array of bytes.

    Raises:
        StatusError: INVALID_ARGUMENT for a type without a JSON form (half, bfloat16, complex).
    """
    texts = _json_scalars(name, array.reshape(-1))
    for axis in range(array.ndim - 1, 0, -1):
        items = iter(texts)
        count = int(np.prod(array.shape[:axis]))
        texts = [f"[{', '.join(islice(items, array.shape[axis]))}]" for _ in range(count)]
    return texts


def _json_scalars(name: str, values: np.ndarray) -> list[str]:  # AddSingleValueAndAdvance
    if values.dtype == object:
        if name.endswith("_bytes"):
            return [json.dumps({BASE64_KEY: base64.b64encode(value).decode()}) for value in values]
        return [json.dumps(value.decode(errors="replace"), ensure_ascii=False) for value in values]
    if values.dtype in _FULL_PRECISION:
        return _decimals(values)
    if values.dtype == np.bool_:
        return ["true" if value else "false" for value in values.tolist()]
    if values.dtype.kind in "iu":
        return list(map(str, values.tolist()))
    dtype = _NAMES.get(values.dtype, values.dtype.name)
    raise invalid(f"Failed to write JSON value for tensor type: {dtype}")


def _decimals(values: np.ndarray) -> list[str]:  # WriteDecimal
    """The JSON text of each number.

    Six digits, or else nine for float32 and 17 for float64, so that the text reads back as the same number.
    There is always a point or an exponent. NaN, Infinity and -Infinity are written without quotes.

    Args:
        values: float32 or float64 [count].
    """
    numbers = tuple(values.tolist())
    short = ("%g " * len(numbers) % numbers).split()
    full = (f"{_FULL_PRECISION[values.dtype]} " * len(numbers) % numbers).split()
    with np.errstate(over="ignore"):  # six digits of the largest float may round past it
        same = np.array(list(map(float, short)), np.float64).astype(values.dtype) == values
    texts = [six if equal else more for six, more, equal in zip(short, full, same.tolist(), strict=True)]
    return [text if "." in text or "e" in text else _NOT_FINITE.get(text) or f"{text}.0" for text in texts]
