"""Answers as TF Serving writes them: T = json_tensor_test.cc, J = json_tensor.cc, tensorflow_serving/util."""

import json
import re

import numpy as np
import pytest

from kerasapp.serving.protocol.errors import StatusError
from kerasapp.serving.rest.responses import predict_body

STRINGS = np.array([[b"hello", b"world"], [b"tf", b"serving"]], object)
BASE64 = [[{"b64": "aGVsbG8="}, {"b64": "d29ybGQ="}], [{"b64": "dGY="}, {"b64": "c2VydmluZw=="}]]
NUMBERS = np.int32([[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 0], [1, 2]]])


def read(outputs, row_format):
    return json.loads(predict_body(outputs, row_format))


@pytest.mark.parametrize(
    ("outputs", "value"),
    [
        ({"i": NUMBERS}, NUMBERS.tolist()),  # T FromJsonSingleTensor
        ({"i": np.int64([1, -(2**63)])}, [1, -(2**63)]),  # T FromJsonSingleScalarTensor
        ({"s_bytes": STRINGS}, BASE64),  # T FromJsonSingleBytesTensor
        ({"b": np.array([True, False])}, [True, False]),
        ({"s": np.array(['"ä\n'.encode(), b"\x00"], object)}, ['"ä\n', "\x00"]),
        ({"i": np.zeros([0, 2], np.int32)}, []),  # T FromJsonSingleZeroBatchTensor
        ({"i": np.zeros([2, 0], np.int32)}, [[], []]),
        ({"s": np.array([b"\xff"], object)}, ["\ufffd"]),  # ours: TF Serving's JSON would not be UTF-8
    ],
)
def test_one_output(outputs, value):
    assert read(outputs, True) == {"predictions": value}
    assert read(outputs, False) == {"outputs": value}


def test_several_outputs():  # T FromJsonMultipleNamedTensors
    outputs = {"s_bytes": STRINGS, "i": NUMBERS, "d": np.float64([8, 9]), "f": np.float32([[1], [2]])}
    assert read(outputs, True) == {
        "predictions": [
            {"d": 8.0, "f": [1.0], "i": [[1, 2], [3, 4], [5, 6]], "s_bytes": BASE64[0]},
            {"d": 9.0, "f": [2.0], "i": [[7, 8], [9, 0], [1, 2]], "s_bytes": BASE64[1]},
        ]
    }
    columns = {"d": [8.0, 9.0], "f": [[1.0], [2.0]], "i": NUMBERS.tolist(), "s_bytes": BASE64}
    assert read(outputs, False) == {"outputs": columns}


def test_scalar_output_in_columns():
    assert read({"x": np.float32(2)}, False) == {"outputs": 2.0}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        # T FromJsonSingleFloatTensorSixDigitPrecision
        (np.float32([9000000, 999999, 0.5]), "[9e+06, 999999.0, 0.5]"),
        (np.float32([0.0003, 0.00003, 555557.5]), "[0.0003, 3e-05, 555557.5]"),
        (np.float32([np.nan, np.inf, 3, -np.inf]), "[NaN, Infinity, 3.0, -Infinity]"),  # T ...NonFinite
        (np.float32([0.2, 1 / 3, -0.0]), "[0.2, 0.333333343, -0.0]"),  # J WriteDecimal: %.9g
        (np.float64([0.2, 1 / 3, 1e300]), "[0.2, 0.33333333333333331, 1e+300]"),  # J WriteDecimal: %.17g
        (np.float32([3.4028235e38]), "[3.40282347e+38]"),
    ],
)
def test_floats(values, text):
    assert re.sub(r"\s+", " ", predict_body({"x": values}, True).decode()) == f'{{ "predictions": {text} }}'


def test_every_float_reads_back_as_itself():
    bits = np.random.default_rng(0).integers(0, 2**32, size=20_000, dtype=np.uint32)
    values = bits.view(np.float32)
    back = np.array(read({"x": values}, True)["predictions"], np.float64).astype(np.float32)
    np.testing.assert_array_equal(back, values)


@pytest.mark.parametrize(
    ("outputs", "row_format", "message"),
    [
        ({}, True, "Cannot convert empty tensor map to JSON"),
        ({"x": np.complex64([1])}, True, "Failed to write JSON value for tensor type: complex64"),
        ({"x": np.float16([1])}, False, "tensor type: half"),
        ({"x": np.int32(1)}, True, "Tensor name: x has no shape information"),
        # T FromJsonMultipleNamedTensorsErrors
        (
            {"i": np.zeros([2, 3]), "s": np.zeros([1, 3])},
            True,
            "s has inconsistent batch size: 1 expecting: 2",
        ),
        (
            {"i": np.zeros([0, 3]), "s": np.zeros([1, 3])},
            True,
            "s has inconsistent batch size: 1 expecting: 0",
        ),
    ],
)
def test_refused(outputs, row_format, message):
    with pytest.raises(StatusError, match=re.escape(message)) as caught:
        predict_body(outputs, row_format)
    assert caught.value.code == "INVALID_ARGUMENT"
