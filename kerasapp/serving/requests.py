"""The body of a predict request: JSON to tensors, by the rules of TF Serving's REST interface.

The rules, and the words of the errors, are those of TF Serving's tensorflow_serving/util/json_tensor.cc; the
function that each of ours follows is named. Whole lists are checked at once; only a request that fails is
gone through element by element, to find what to say. Nothing here needs TensorFlow.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kerasapp.serving.errors import StatusError, invalid
from kerasapp.serving.tensors import TensorSpec, is_base64, quote, to_array

_SIGNATURE_KEY, _ROWS_KEY, _COLUMNS_KEY = "signature_name", "instances", "inputs"

# RapidJSON's words for what Python's parser says.
_PARSE_ERRORS = {
    "Expecting value": "Invalid value.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Expecting ',' delimiter": "Missing a comma or closing bracket.",
    "Extra data": "The document root must not be followed by other values.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid control character at": "Invalid encoding in string.",
    "Invalid \\escape": "Invalid escape character in string.",
}


@dataclass(frozen=True)
class PredictRequest:
    """A request understood: strings are object arrays of bytes; `row_format` asks for an answer in rows."""

    signature_name: str
    inputs: dict[str, np.ndarray]
    row_format: bool


def parse_predict(body: bytes, inputs_of: Callable[[str], Mapping[str, TensorSpec]]) -> PredictRequest:
    """Reads a predict request.

    Args:
        body: the JSON text; NaN, Infinity and -Infinity count as numbers.
        inputs_of: gives the inputs of a signature ("" is the default one), and may raise StatusError.

    Raises:
        StatusError: INVALID_ARGUMENT, with what is wrong and where; UNIMPLEMENTED for a type that JSON lacks.

    Example:
        >>> spec = {"x": TensorSpec("float", (None,))}
        >>> parse_predict(b'{"instances": [1, 2.5]}', lambda signature: spec).inputs["x"]
        array([1. , 2.5], dtype=float32)
    """
    try:
        return _parse_predict(body, inputs_of)
    except RecursionError:
        raise invalid("JSON Parse error: The document is nested too deeply.") from None


def _parse_predict(body, inputs_of) -> PredictRequest:  # FillPredictRequestFromJson
    document = _parse_json(body)
    name = document.get(_SIGNATURE_KEY, "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {quote(document)} not formatted correctly. "
            f"'{_SIGNATURE_KEY}' key must be a string value."
        )
    specs = inputs_of(name)
    if not specs:
        raise invalid(f"Failed to get input map for signature: {name or 'DEFAULT'}")
    if _ROWS_KEY not in document and _COLUMNS_KEY not in document:
        raise invalid("Missing 'inputs' or 'instances' key")
    if _ROWS_KEY not in document:
        inputs = _columns(document[_COLUMNS_KEY], specs)
    elif _COLUMNS_KEY in document:
        raise invalid(
            f"JSON Value: {quote(document)} Not formatted correctly expecting only one of "
            f"'{_COLUMNS_KEY}' or '{_ROWS_KEY}' keys to exist "
        )
    elif not isinstance(document[_ROWS_KEY], list):
        raise invalid(f"JSON Value: {quote(document)} Excepting '{_ROWS_KEY}' to be an list/array")
    elif not document[_ROWS_KEY]:
        raise invalid(f"JSON Value: {quote(document)} No values in '{_ROWS_KEY}' array")
    else:
        inputs = _rows(document[_ROWS_KEY], specs)
    for key, array in inputs.items():
        _check_shape(key, array, specs[key])
    return PredictRequest(name, inputs, _ROWS_KEY in document)


def _parse_json(body: bytes) -> dict:  # ParseJson
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: Invalid encoding in string. at offset: {error.start}") from None
    except json.JSONDecodeError as error:
        message = _PARSE_ERRORS.get(error.msg, f"{error.msg}.")
        raise invalid(f"JSON Parse error: {message} at offset: {error.pos}") from None
    except ValueError:  # Python refuses whole numbers of more than 4300 digits
        raise invalid("JSON Parse error: Number too big to be stored in double.") from None
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {quote(document)} Is not object")
    return document


def _is_object(value) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _rows(instances: list, specs) -> dict[str, np.ndarray]:  # FillTensorMapFromInstancesList
    objects = _is_object(instances[0])
    if not objects and len(specs) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    try:
        if not objects:
            (name,) = specs
            if any(map(_is_object, instances)):
                raise invalid("an object among values")
            return {name: to_array(instances, specs[name].dtype)}
        if not all(_is_object(element) and element.keys() == specs.keys() for element in instances):
            raise invalid("not the signature's inputs")
        return {name: to_array([row[name] for row in instances], spec.dtype) for name, spec in specs.items()}
    except StatusError:
        _explain_rows(instances, specs, objects)
        raise


def _explain_rows(instances: list, specs, objects: bool) -> None:
    """Raises the error of the first row that is wrong."""
    shapes = {}
    for index, element in enumerate(instances):
        if _is_object(element) != objects:
            expected, got = ("object", "list") if objects else ("value/list", "object")
            raise invalid(f"Expecting {expected} but got {got} at item {index} of input list")
        for name, item in element.items() if objects else [(next(iter(specs)), element)]:
            try:
                _check_item(name, item, specs, shapes)
            except StatusError as error:
                key = f" key: {name}" if objects else ""
                raise invalid(
                    f"Failed to process element: {index}{key} of '{_ROWS_KEY}' list. Error: {error}"
                ) from None
        if objects and element.keys() != specs.keys():
            raise invalid(
                f"Failed to process element: {index} of '{_ROWS_KEY}' list. JSON object: {quote(element)} "
                f"keys must be equal to: {','.join(sorted(specs))}"
            )


def _check_item(name: str, item, specs, shapes: dict) -> None:  # AddInstanceItem
    if name not in specs:
        raise invalid(f"JSON object: does not have named input: {name}")
    array = to_array(item, specs[name].dtype)
    expected = shapes.setdefault(name, array.shape)
    if array.size != int(np.prod(expected)):
        raise invalid(f"Expecting tensor size: {int(np.prod(expected))} but got: {array.size}")
    if array.shape != expected:
        raise invalid(f"Expecting shape {_shape_text(expected)} but got: {_shape_text(array.shape)}")


def _columns(value, specs) -> dict[str, np.ndarray]:  # FillTensorMapFromInputsMap
    if not _is_object(value):
        if len(specs) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        (name,) = specs
        return {name: to_array(value, specs[name].dtype)}
    inputs = {}
    for name in sorted(specs):
        if name not in value:
            raise invalid(f"Missing named input: {name} in '{_COLUMNS_KEY}' object.")
        try:
            inputs[name] = to_array(value[name], specs[name].dtype)
        except StatusError as error:
            raise StatusError(error.code, f"{error.message} (input: {name})") from None
    return inputs


def _check_shape(name: str, array: np.ndarray, spec: TensorSpec) -> None:
    """TF Serving leaves this to the first operation that minds; here the input is named."""
    fits = spec.shape is None or (
        len(spec.shape) == array.ndim
        and all(want in (None, got) for want, got in zip(spec.shape, array.shape, strict=True))
    )
    if not fits:
        expected = _shape_text(-1 if size is None else size for size in spec.shape)
        raise invalid(f"Tensor name: {name} has shape: {_shape_text(array.shape)} expecting: {expected}")


def _shape_text(shape) -> str:  # ShapeToString
    return f"[{','.join(map(str, shape))}]"
