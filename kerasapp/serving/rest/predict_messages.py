"""The bodies of a predict request and of its answer: JSON to arrays, arrays to JSON.

Rules and error messages are those of TF Serving (9d981c5c, tensorflow_serving/util/json_tensor.cc). A comment
at a function names the one that it follows. Whole lists are checked at once; what is wrong in a request that
fails is found by bisection. Nothing here needs TensorFlow.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.serving.protocol.json_tensors import (
    array_from_json,
    first_wrong,
    is_base64,
    json_elements,
    quote,
    shape_of_json,
    stack_json,
)
from kerasapp.serving.protocol.signatures import TensorSpec
from kerasapp.serving.rest.json_text import parse_object

_SIGNATURE_KEY, _ROWS_KEY, _COLUMNS_KEY = "signature_name", "instances", "inputs"


@dataclass(frozen=True)
class PredictRequest:
    """A request. Strings are object arrays of bytes; `row_format` asks for an answer in rows."""

    signature_name: str
    inputs: dict[str, np.ndarray]
    row_format: bool


def read_predict(
    body: bytes, inputs_of: Callable[[str], Mapping[str, TensorSpec]], deadline: Deadline | None = None
) -> PredictRequest:
    """Reads a predict request.

    Args:
        body: the JSON text, see `parse_object`.
        inputs_of: gives the inputs of a signature ("" is the default one). It may raise StatusError.
        deadline: once it is over, the work ends.

    Raises:
        StatusError: INVALID_ARGUMENT with what is wrong and where, UNIMPLEMENTED for a type that JSON lacks,
            the deadline's.

    Example:
        >>> spec = {"x": TensorSpec("float", (None,))}
        >>> read_predict(b'{"instances": [1, 2.5]}', lambda signature: spec).inputs["x"]
        array([1. , 2.5], dtype=float32)
    """
    deadline = deadline or Deadline()
    document = parse_object(body, deadline)  # FillPredictRequestFromJson
    name = signature_name(document)
    specs = inputs_of(name)
    if not specs:
        raise invalid(f"Failed to get input map for signature: {name or 'DEFAULT'}")
    if _ROWS_KEY not in document and _COLUMNS_KEY not in document:
        raise invalid("Missing 'inputs' or 'instances' key")
    if _ROWS_KEY not in document:
        inputs = _read_columns(document[_COLUMNS_KEY], specs, deadline)
    elif _COLUMNS_KEY in document:
        raise invalid(
            f"JSON Value: {quote(document)} Not formatted correctly expecting only one of "
            f"'{_COLUMNS_KEY}' or '{_ROWS_KEY}' keys to exist "
        )
    elif not isinstance(document[_ROWS_KEY], list):
        raise invalid(f"JSON Value: {quote(document)} Expecting '{_ROWS_KEY}' to be an list/array")
    elif not document[_ROWS_KEY]:
        raise invalid(f"JSON Value: {quote(document)} No values in '{_ROWS_KEY}' array")
    else:
        inputs = _read_rows(document[_ROWS_KEY], specs, deadline)
    return PredictRequest(name, inputs, _ROWS_KEY in document)


def signature_name(document: dict) -> str:  # FillSignature
    """The signature that a request asks for, "" for the default one; StatusError if it is no string."""
    name = document.get(_SIGNATURE_KEY, "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {quote(document)} not formatted correctly. "
            f"'{_SIGNATURE_KEY}' key must be a string value."
        )
    return name


def _is_object(value) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _read_rows(
    instances: list, specs, deadline: Deadline
) -> dict[str, np.ndarray]:  # FillTensorMapFromInstancesList
    objects = _is_object(instances[0])
    if not objects and len(specs) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    only = next(iter(specs))
    first = instances[0] if objects else {only: instances[0]}
    shapes = {name: shape_of_json(item)[0] for name, item in first.items()}

    def read(rows: list) -> dict[str, np.ndarray] | None:
        if not objects:
            columns = {only: rows}
        elif all(_is_object(row) and row.keys() == specs.keys() for row in rows):
            columns = {name: [row[name] for row in rows] for name in specs}
        else:
            return None
        arrays = {
            name: stack_json(part, shapes[name], specs[name].dtype, deadline)
            for name, part in columns.items()
        }
        return None if any(array is None for array in arrays.values()) else arrays

    arrays = read(instances)
    if arrays is None:
        index = first_wrong(instances, lambda rows: read(rows) is not None)
        raise _row_error(index, instances[index], specs, shapes, objects)
    return {name: array.reshape(len(instances), *shapes[name]) for name, array in arrays.items()}


def _row_error(index: int, row, specs, shapes: Mapping[str, list[int]], objects: bool) -> StatusError:
    """The error of the first row that is wrong."""
    if _is_object(row) != objects:
        expected, got = ("object", "list") if objects else ("value/list", "object")
        return invalid(f"Expecting {expected} but got {got} at item {index} of input list")
    for name, item in (row if objects else {next(iter(specs)): row}).items():
        try:
            _check_item(name, item, specs, shapes)
        except StatusError as error:
            key = f" key: {name}" if objects else ""
            return invalid(f"Failed to process element: {index}{key} of '{_ROWS_KEY}' list. Error: {error}")
    return invalid(
        f"Failed to process element: {index} of '{_ROWS_KEY}' list. JSON object: {quote(row)} "
        f"keys must be equal to: {','.join(sorted(specs))}"
    )


def _check_item(name: str, item, specs, shapes: Mapping[str, list[int]]) -> None:  # AddInstanceItem
    if name not in specs:
        raise invalid(f"JSON object: does not have named input: {name}")
    array, expected = array_from_json(item, specs[name].dtype), shapes[name]
    if array.size != math.prod(expected):
        raise invalid(f"Expecting tensor size: {math.prod(expected)} but got: {array.size}")
    if list(array.shape) != expected:
        raise invalid(f"Expecting shape {_shape_text(expected)} but got: {_shape_text(array.shape)}")


def _read_columns(value, specs, deadline: Deadline) -> dict[str, np.ndarray]:  # FillTensorMapFromInputsMap
    if not _is_object(value):
        if len(specs) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        (name,) = specs
        return {name: array_from_json(value, specs[name].dtype, deadline)}
    inputs = {}
    for name in sorted(specs):
        if name not in value:
            raise invalid(f"Missing named input: {name} in '{_COLUMNS_KEY}' object.")
        try:
            inputs[name] = array_from_json(value[name], specs[name].dtype, deadline)
        except StatusError as error:
            raise StatusError(error.code, f"{error.message} (input: {name})") from None
    return inputs


def _shape_text(shape) -> str:  # ShapeToString
    return f"[{','.join(map(str, shape))}]"


def write_predict(outputs: Mapping[str, np.ndarray], row_format: bool) -> bytes:
    """The JSON text of an answer. Outputs named `..._bytes` are written as {"b64": "..."}.

    Raises:
        StatusError: INVALID_ARGUMENT where rows are asked for and the outputs do not share a batch, or where
            a type (half, bfloat16, complex) has no JSON form.

    Example:
        >>> write_predict({"y": np.float32([1, 0.1])}, row_format=True).decode()
        '{\\n    "predictions": [1.0, 0.1]\\n}'
    """
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    key, text = ("predictions", _write_rows(outputs)) if row_format else ("outputs", _write_columns(outputs))
    return f'{{\n    "{key}": {text}\n}}'.encode()


def _write_rows(outputs: Mapping[str, np.ndarray]) -> str:  # MakeRowFormatJsonFromTensors
    batch = None
    for name, array in sorted(outputs.items()):
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if batch is not None and len(array) != batch:
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {batch}")
        batch = len(array)
    columns = {json.dumps(name): json_elements(name, array) for name, array in sorted(outputs.items())}
    if len(columns) == 1:
        (rows,) = columns.values()
        return f"[{', '.join(rows)}]"
    objects = [
        "        {\n"
        + ",\n".join(f"            {key}: {item}" for key, item in zip(columns, items, strict=True))
        + "\n        }"
        for items in zip(*columns.values(), strict=True)
    ]
    return "[\n" + ",\n".join(objects) + "\n    ]" if objects else "[]"


def _write_columns(outputs: Mapping[str, np.ndarray]) -> str:  # MakeColumnarFormatJsonFromTensors
    columns = {
        json.dumps(name): json_elements(name, array[np.newaxis])[0] for name, array in sorted(outputs.items())
    }
    if len(columns) == 1:
        (column,) = columns.values()
        return column
    return "{\n" + ",\n".join(f"        {key}: {column}" for key, column in columns.items()) + "\n    }"
