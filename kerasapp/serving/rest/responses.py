"""The body of an answer: tensors to JSON, as tensorflow_serving/util/json_tensor.cc writes them."""

import base64
import json
from collections.abc import Mapping
from itertools import islice

import numpy as np

from kerasapp.serving.protocol.decimals import decimals
from kerasapp.serving.protocol.errors import invalid
from kerasapp.serving.protocol.tensors import BASE64_KEY

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_DTYPE_NAMES = {"float16": "half"}


def predict_body(outputs: Mapping[str, np.ndarray], row_format: bool) -> bytes:
    """An answer's JSON; outputs named `..._bytes` are written as {"b64": "..."}.

    Raises:
        StatusError: INVALID_ARGUMENT where rows are asked for and the outputs do not share a batch, or where
            a type (half, bfloat16, complex) has no JSON form.

    Example:
        >>> predict_body({"y": np.float32([1, 0.1])}, row_format=True).decode()
        '{\\n    "predictions": [1.0, 0.1]\\n}'
    """
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    key, text = ("predictions", _rows(outputs)) if row_format else ("outputs", _columns(outputs))
    return f'{{\n    "{key}": {text}\n}}'.encode()


def _rows(outputs: Mapping[str, np.ndarray]) -> str:  # MakeRowFormatJsonFromTensors
    batch = None
    for name, array in sorted(outputs.items()):
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if batch is not None and len(array) != batch:
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {batch}")
        batch = len(array)
    columns = {json.dumps(name): _elements(name, array) for name, array in sorted(outputs.items())}
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


def _columns(outputs: Mapping[str, np.ndarray]) -> str:  # MakeColumnarFormatJsonFromTensors
    columns = {
        json.dumps(name): _elements(name, array[np.newaxis])[0] for name, array in sorted(outputs.items())
    }
    if len(columns) == 1:
        (column,) = columns.values()
        return column
    return "{\n" + ",\n".join(f"        {key}: {column}" for key, column in columns.items()) + "\n    }"


def _elements(name: str, array: np.ndarray) -> list[str]:  # AddTensorValues
    """The JSON text of each element along the first axis."""
    texts = _scalars(name, array.reshape(-1))
    for axis in range(array.ndim - 1, 0, -1):
        items = iter(texts)
        count = int(np.prod(array.shape[:axis]))
        texts = [f"[{', '.join(islice(items, array.shape[axis]))}]" for _ in range(count)]
    return texts


def _scalars(name: str, values: np.ndarray) -> list[str]:  # AddSingleValueAndAdvance
    if values.dtype == object:
        if name.endswith("_bytes"):
            return [json.dumps({BASE64_KEY: base64.b64encode(value).decode()}) for value in values]
        return [json.dumps(value.decode(errors="replace"), ensure_ascii=False) for value in values]
    if values.dtype in _FLOATS:
        return decimals(values)
    if values.dtype == np.bool_:
        return ["true" if value else "false" for value in values.tolist()]
    if values.dtype.kind in "iu":
        return list(map(str, values.tolist()))
    dtype = _DTYPE_NAMES.get(values.dtype.name, values.dtype.name)
    raise invalid(f"Failed to write JSON value for tensor type: {dtype}")
