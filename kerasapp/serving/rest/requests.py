"""The body of a predict request: JSON to tensors, by the rules of TF Serving's REST interface.

The rules, and the words of the errors, are those of TF Serving's tensorflow_serving/util/json_tensor.cc; the
function that each of ours follows is named. Whole lists are checked at once; only a request that fails is
gone through element by element, to find what to say. Nothing here needs TensorFlow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.serving.protocol.tensors import TensorSpec, is_base64, quote, to_array
from kerasapp.serving.rest.json_text import parse_json

_SIGNATURE_KEY, _ROWS_KEY, _COLUMNS_KEY = "signature_name", "instances", "inputs"


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
    document = parse_json(body)
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {quote(document)} Is not object")
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
    return PredictRequest(name, inputs, _ROWS_KEY in document)


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
            if dict in set(map(type, instances)) and any(map(_is_object, instances)):
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


def _shape_text(shape) -> str:  # ShapeToString
    return f"[{','.join(map(str, shape))}]"
