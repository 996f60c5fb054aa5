"""JSON values to NumPy arrays and back.

Follows TF Serving's tensorflow_serving/util/json_tensor.cc. A comment at a function names the one that it
follows. Nothing here needs TensorFlow.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from itertools import chain, islice

import numpy as np

from kerasapp.serving.models.deadlines import Deadline
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
_FULL_PRECISION = {_FLOATS["float"]: "%.9g", _FLOATS["double"]: "%.17g"}
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}

NUMBER_TOO_BIG = "Number too big to be stored in double."
_PART = 2**16  # values that are checked at once
_MAX_QUOTED = 256  # characters of a request after which an error stops to quote (kMaxJsonDebugStringBytes)
_JSON_TYPES = {
    type(None): "Null",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}


def quote(value) -> str:  # JsonValueToDebugString
    """The beginning of a JSON value as text for an error message."""
    text, pieces = "", _pieces(value, "\n")
    while len(text) < _MAX_QUOTED and (piece := next(pieces, "")):
        text += piece
    return text[: 2 * _MAX_QUOTED]


def _pieces(value, line: str) -> Iterator[str]:
    """The text of a value bit by bit: a line per member of an object, lists in one line."""
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield ", " if index else "["
            yield from _pieces(element, line + "    ")
        yield "]" if value else "[]"
    elif isinstance(value, dict):
        for index, (key, member) in enumerate(value.items()):
            yield f"{',' if index else '{'}{line}    {_scalar(key)}: "
            yield from _pieces(member, line + "    ")
        yield line + "}" if value else "{}"
    else:
        yield _scalar(value)


def _scalar(value) -> str:
    if isinstance(value, float):
        return _NOT_FINITE.get(str(value)) or str(value).replace("e+", "e")
    if isinstance(value, str) and len(value) > _MAX_QUOTED:
        value = value[:_MAX_QUOTED] + "..."
    return json.dumps(value, ensure_ascii=False)


def is_base64(value) -> bool:  # IsValBase64Object
    """Whether a JSON value is the form of a binary string, {"b64": "..."}."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(BASE64_KEY), str)


def array_from_json(value, dtype: str, deadline: Deadline | None = None) -> np.ndarray:
    """A nested list, or one value, as an array.

    Args:
        value: parsed JSON.
        dtype: TensorFlow's name of the type ("float", "int32", "string" ...).
        deadline: once it is over, the work ends.

    Returns:
        An array of that type; strings are an object array of bytes.

    Raises:
        StatusError: INVALID_ARGUMENT for a ragged list or a value of another type, UNIMPLEMENTED for a type
            without a JSON form, the deadline's.
    """
    deadline = deadline or Deadline()
    shape, first = shape_of_json(value)
    if dtype not in _DTYPES:
        raise _leaf_error(first, dtype)
    array = stack_json([value], shape, dtype, deadline)
    if array is None:
        raise _first_error(value, shape, dtype, deadline)
    return array.reshape(shape)


def shape_of_json(value) -> tuple[list[int], object]:  # GetDenseTensorShape
    """The shape of nested lists, which their first elements set; and the first element, or []."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return shape, value


def stack_json(values: list, shape: list[int], dtype: str, deadline: Deadline) -> np.ndarray | None:
    """Values of one shape, one after another, in a flat array; None if one has another shape or type.

    Whole lists are checked at once, as a step of Python per element would take far too long. Long ones are
    checked in parts, so that the deadline ends the work, and other threads have their turn.
    """
    deadline.check()
    if len(shape) >= MAX_RANK:
        return None
    if len(values) > _PART:
        parts = []
        for start in range(0, len(values), _PART):
            parts.append(stack_json(values[start : start + _PART], shape, dtype, deadline))
            if parts[-1] is None:
                return None
        return np.concatenate(parts)
    if shape:
        if set(map(type, values)) != {list} or set(map(len, values)) != {shape[0]}:
            return None
        return stack_json(list(chain.from_iterable(values)), shape[1:], dtype, deadline)
    return _flat_array(values, dtype)


def _flat_array(level: list, dtype: str) -> np.ndarray | None:
    types = set(map(type, level))
    try:
        if dtype == "string" and types <= {str, dict}:
            return np.fromiter(map(_string, level), object, len(level))
        if dtype in _FLOATS and types <= {int, float}:
            with np.errstate(over="ignore"):  # what is too large for float becomes infinite (GetFloat)
                return np.array(level, np.float64).astype(_FLOATS[dtype])
        if (dtype == "bool" and types <= {bool}) or (dtype in _INTEGERS and types <= {int}):
            return np.array(level, _DTYPES[dtype])
    except (OverflowError, StatusError):
        pass
    return None


def first_wrong(items: list, fit: Callable[[list], bool]) -> int:
    """The index of the first item that does not fit, by bisection; the last one's if all before it fit."""
    low, high = 0, len(items)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fit(items[low:middle]) else (low, middle)
    return low


def _first_error(value, shape: list[int], dtype: str, deadline: Deadline) -> StatusError:  # FillTensorProto
    """The error of the first list or element that does not fit; there is one."""
    level, where, rank = 0, "", min(len(shape), MAX_RANK - 1)
    while isinstance(value, list) and level < rank and len(value) == shape[level]:
        level += 1
        rest = shape[level:]
        index = first_wrong(
            value, lambda part, rest=rest: stack_json(part, rest, dtype, deadline) is not None
        )
        value, where = value[index], f"{where}[{index}]"
    if isinstance(value, list) and level >= rank:
        wrong = f"Encountered list at unexpected level: {level} expected < {rank}"
    elif isinstance(value, list):
        wrong = f"Encountered list at unexpected size: {len(value)} at level: {level} "
        wrong += f"expected size: {shape[level]}"
    elif level < len(shape):
        wrong = f"JSON Value: {quote(value)} found at incorrect level: {level + 1} in the JSON DOM. "
        wrong += f"Expected at level: {len(shape)}"
    else:
        return _leaf_error(value, dtype)
    return invalid(f"{wrong}, position: {where}")


def _leaf_error(value, dtype: str) -> StatusError:  # AddValueToTensor, JsonDecodeBase64Object
    if dtype not in _DTYPES and not isinstance(value, dict):
        return StatusError("UNIMPLEMENTED", f"Conversion of JSON Value: {quote(value)} to type: {dtype}")
    if dtype == "string" and isinstance(value, dict):
        wrong = f"JSON Value: {quote(value)} not formatted correctly for base64 data"
        return invalid("Unable to base64 decode" if is_base64(value) else wrong)
    if dtype in _FLOATS and type(value) is int:
        return invalid(f"JSON Parse error: {NUMBER_TOO_BIG}")
    json_type = str(value) if isinstance(value, bool) else _JSON_TYPES[type(value)]
    return invalid(f"JSON Value: {quote(value)} Type: {json_type} is not of expected type: {dtype}")


def _string(value: str | dict) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")  # half of a pair, as RapidJSON writes it
    if not is_base64(value):
        raise invalid("no string")
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
