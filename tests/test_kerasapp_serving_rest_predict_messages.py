"""Predict bodies as TF Serving reads and writes them; a case names the place in its sources that it is from.

T = json_tensor_test.cc, J = json_tensor.cc (both in tensorflow_serving/util), D = g3doc/api_rest.md, all of
commit 9d981c5c
"""

import json
import re

import numpy as np
import pytest

from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.protocol.errors import StatusError
from kerasapp.serving.protocol.signatures import TensorSpec
from kerasapp.serving.rest.predict_messages import read_predict, write_predict


def parse(body, **dtypes):
    specs = {name: TensorSpec(dtype, None) for name, dtype in dtypes.items()}
    text = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    return read_predict(text, lambda name: specs)


ACCEPTED = [
    # T SingleUnnamedTensor
    ('{"instances": [[1,2],[3,4],[5,6]]}', {"x": "int32"}, {"x": np.int32([[1, 2], [3, 4], [5, 6]])}),
    # T MixedInputForFloatTensor, MixedInputForDoubleTensor
    ('{"instances": [1, 2.0, 5.003, 0.0]}', {"x": "float"}, {"x": np.float32([1, 2, 5.003, 0])}),
    ('{"instances": [1.0, 2, 0.662, 0]}', {"x": "double"}, {"x": np.float64([1, 2, 0.662, 0])}),
    # T MultipleNamedTensor: NaN and Infinity; D "JSON conformance"
    (
        '{"instances": [NaN, -Infinity, Infinity]}',
        {"x": "float"},
        {"x": np.float32([np.nan, -np.inf, np.inf])},
    ),
    # J AddValueToTensor (GetFloat), T FloatTensorWithPrecisionLoss, FloatTensorThatExceedsMaxReturnsInf
    ('{"instances": [17999996, 1e30]}', {"x": "float"}, {"x": np.float32([17999996, 1e30])}),
    ('{"instances": [16777217, 16777217.0]}', {"x": "float"}, {"x": np.float32([16777216, 16777216])}),
    ('{"instances": [1e39, -1.79769e+308]}', {"x": "float"}, {"x": np.float32([np.inf, -np.inf])}),
    ('{"instances": [2.22507e-308]}', {"x": "float"}, {"x": np.float32([0])}),
    ('{"instances": [9007199254740993]}', {"x": "double"}, {"x": np.float64([2**53])}),
    ('{"inputs": [18446744073709551616]}', {"x": "double"}, {"x": np.float64([2.0**64])}),
    # J ParseJson: what follows the document is not looked at
    ('{"inputs": 7} {"inputs": 8', {"x": "uint8"}, {"x": np.uint8(7)}),
    # T SingleUnnamedTensorBase64Scalars, ...Base64Lists, SingleNamedTensorBase64
    (
        '{"instances": [{"b64": "aGVsbG8="}, {"b64": "AP8="}]}',
        {"x": "string"},
        {"x": [b"hello", b"\x00\xff"]},
    ),
    ('{"instances": [[{"b64": "aGVsbG8="}], ["a"]]}', {"x": "string"}, {"x": [[b"hello"], [b"a"]]}),
    ('{"instances": [{"x": [[{"b64": "aGVsbG8="}]]}]}', {"x": "string"}, {"x": [[[b"hello"]]]}),
    # J JsonDecodeBase64Object: absl::Base64Unescape does without the padding
    ('{"instances": [{"b64": "aGVsbG8"}]}', {"x": "string"}, {"x": [b"hello"]}),
    # T MultipleNamedTensor
    (
        '{"instances": [{"i": [1,2], "s": "foo"}, {"s": "b\\u00e4r", "i": [3,4]}]}',
        {"i": "int64", "s": "string"},
        {"i": np.int64([[1, 2], [3, 4]]), "s": [b"foo", b"b\xc3\xa4r"]},
    ),
    # T SingleUnnamedTensorColumnarFormat, with and without the name
    ('{"inputs": {"x": [[[1,2],[3,4]]]}}', {"x": "int32"}, {"x": np.int32([[[1, 2], [3, 4]]])}),
    ('{"inputs": [[[1,2],[3,4]]]}', {"x": "int32"}, {"x": np.int32([[[1, 2], [3, 4]]])}),
    # T MultipleNamedTensorColumnarFormat: batches of different sizes, and a scalar
    (
        '{"inputs": {"s": ["foo", "bar"], "b": {"b64": "aGVsbG8="}, "t": [true]}}',
        {"s": "string", "b": "string", "t": "bool"},
        {"s": [b"foo", b"bar"], "b": b"hello", "t": np.array([True])},
    ),
    ('{"inputs": 7}', {"x": "uint8"}, {"x": np.uint8(7)}),
    # J FillTensorMapFromInputsMap goes through the signature's inputs: others are not looked at
    ('{"inputs": {"x": [1], "other": [2]}}', {"x": "int32"}, {"x": np.int32([1])}),
    # J GetDenseTensorShape: empty lists
    ('{"inputs": []}', {"x": "float"}, {"x": np.zeros([0], np.float32)}),
    ('{"instances": [[], []]}', {"x": "int32"}, {"x": np.zeros([2, 0], np.int32)}),
    ('{"inputs": [18446744073709551615]}', {"x": "uint64"}, {"x": np.uint64([2**64 - 1])}),
    # J ParseJson: a byte order mark is skipped; NUL is a character like any other
    (b'\xef\xbb\xbf{"inputs": ["a\\u0000b"]}', {"x": "string"}, {"x": [b"a\x00b"]}),
]


@pytest.mark.parametrize(("body", "dtypes", "expected"), ACCEPTED)
def test_accepted(body, dtypes, expected):
    request = parse(body, **dtypes)
    assert request.row_format == (b"instances" in (body if isinstance(body, bytes) else body.encode()))
    assert request.inputs.keys() == expected.keys()
    for name, want in expected.items():
        got = request.inputs[name]
        want = want if isinstance(want, np.ndarray | np.generic) else np.array(want, object)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want, strict=True) if want.shape else np.testing.assert_equal(
            got, want
        )


REFUSED = [
    # T SingleUnnamedTensorErrors
    ("", {"x": "int32"}, "The document is empty"),
    (
        '{"signature_name": 5, "instances": [1]}',
        {"x": "int32"},
        "'signature_name' key must be a string value",
    ),
    ('{"instances": [1], "inputs": [1]}', {"x": "int32"}, "Not formatted correctly expecting only one of"),
    (
        '{"instances": [[1,2],[5,6,7]]}',
        {"x": "int32"},
        "element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got: 3",
    ),
    ('{"instances": [[1,2],[[5,6]]]}', {"x": "int32"}, "Expecting shape [2] but got: [1,2]"),
    ('{"instances": [1, [1]]}', {"x": "int32"}, "Expecting shape [] but got: [1]"),
    (
        '{"instances": [[1,2],["a", "b"]]}',
        {"x": "int32"},
        'JSON Value: "a" Type: String is not of expected type: int32',
    ),
    # T MultipleNamedTensorErrors
    (
        '{"instances": [{"i": [1], "s": "a"}, {"i": [[1]], "s": "b"}]}',
        {"i": "int32", "s": "string"},
        "element: 1 key: i of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [1]",
    ),
    (
        '{"instances": [{"i": 1, "s": "a"}, [1]]}',
        {"i": "int32", "s": "string"},
        "Expecting object but got list at item 1 of input list",
    ),
    (
        '{"instances": [["a"], {"s": ["a"]}]}',
        {"s": "string"},
        "Expecting value/list but got object at item 1",
    ),
    # J FillTensorMapFromInstancesList: a missing and an extra input
    ('{"instances": [{"i": 1}]}', {"i": "int32", "s": "string"}, "keys must be equal to: i,s"),
    (
        '{"instances": [{"i": 1, "j": 2}]}',
        {"i": "int32"},
        "key: j of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: j",
    ),
    (
        '{"instances": [1]}',
        {"i": "int32", "s": "string"},
        "instances is a plain list, but expecting list of objects",
    ),
    # J FillTensorMapFromInputsMap
    ('{"inputs": {"i": [1]}}', {"i": "int32", "s": "string"}, "Missing named input: s in 'inputs' object."),
    (
        '{"inputs": [1]}',
        {"i": "int32", "s": "string"},
        "inputs is a plain value/list, but expecting an object",
    ),
    # J FillTensorProto: ragged lists, with our position
    (
        '{"inputs": [[1,2],[3]]}',
        {"x": "int32"},
        "Encountered list at unexpected size: 1 at level: 1 expected size: 2, position: [1]",
    ),
    (
        '{"inputs": [[1],[[2]]]}',
        {"x": "int32"},
        "Encountered list at unexpected level: 2 expected < 2, position: [1][0]",
    ),
    (
        '{"inputs": [[1], 2]}',
        {"x": "int32"},
        "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2, position: [1]",
    ),
    (
        '{"instances": [[[1,2],[3]]]}',
        {"x": "int32"},
        "Failed to process element: 0 of 'instances' list. Error: "
        "INVALID_ARGUMENT: Encountered list at unexpected size: 1 at level: 1",
    ),
    # J AddValueToTensor: types
    ('{"instances": [1.0]}', {"x": "int32"}, "JSON Value: 1.0 Type: Number is not of expected type: int32"),
    (
        '{"instances": [2147483648]}',
        {"x": "int32"},
        "JSON Value: 2147483648 Type: Number is not of expected type",
    ),
    ('{"instances": [-1]}', {"x": "uint32"}, "is not of expected type: uint32"),
    (
        '{"instances": [1, true]}',
        {"x": "int64"},
        "JSON Value: true Type: True is not of expected type: int64",
    ),
    (
        '{"instances": [1.5, false]}',
        {"x": "float"},
        "JSON Value: false Type: False is not of expected type: float",
    ),
    ('{"instances": [null]}', {"x": "float"}, "JSON Value: null Type: Null is not of expected type: float"),
    ('{"instances": [1]}', {"x": "bool"}, "JSON Value: 1 Type: Number is not of expected type: bool"),
    ('{"instances": [1]}', {"x": "string"}, "JSON Value: 1 Type: Number is not of expected type: string"),
    ('{"instances": [{"b64": "AA=="}]}', {"x": "float"}, "Type: Object is not of expected type: float"),
    # J JsonDecodeBase64Object
    ('{"instances": [{"b64": "?"}]}', {"x": "string"}, "Unable to base64 decode"),
    ('{"inputs": ["a", {"b64": 1}]}', {"x": "string"}, "not formatted correctly for base64 data"),
    # J FillPredictRequestFromJson
    ('{"instances": 1}', {"x": "float"}, "Expecting 'instances' to be an list/array"),
    ('{"instances": []}', {"x": "float"}, "No values in 'instances' array"),
    ("{}", {"x": "float"}, "Missing 'inputs' or 'instances' key"),
    ('{"instances": [1]}', {}, "Failed to get input map for signature: DEFAULT"),
    # J ParseJson
    ("[1]", {"x": "float"}, "Is not object"),
    (
        '{"instances": [1}',
        {"x": "float"},
        "JSON Parse error: Missing a comma or ']' after an array element. at offset: 16",
    ),
    ('{"instances": nope}', {"x": "float"}, "JSON Parse error: Invalid value. at offset: 15"),
    (b'{"instances": ["\xff"]}', {"x": "string"}, "Invalid encoding in string. at offset: 16"),
    ('{"instances": ["\\ud800"]}', {"x": "string"}, "The surrogate pair in string is invalid"),
    ('{"instances": [' + "9" * 5000 + "]}", {"x": "float"}, "Number too big"),
    ('{"instances": [' + "9" * 400 + "]}", {"x": "float"}, "Number too big"),
    ('{"inputs": ' + "[" * 100_000 + "]" * 100_000 + "}", {"x": "float"}, "nested too deeply"),
    ('{"inputs": ' + "[" * 100 + "]" * 100 + "}", {"x": "float"}, "Encountered list at unexpected level"),
]


@pytest.mark.parametrize(("body", "dtypes", "message"), REFUSED)
def test_refused(body, dtypes, message):
    with pytest.raises(StatusError) as caught:
        parse(body, **dtypes)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert message in caught.value.message
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize("body", ['{"inputs": [1]}', '{"inputs": []}'])
def test_types_that_json_cannot_carry(body):
    with pytest.raises(StatusError) as caught:
        parse(body, x="half")
    assert caught.value.code == "UNIMPLEMENTED"  # J AddValueToTensor, default
    assert "to type: half" in caught.value.message
    with pytest.raises(StatusError, match=r"'instances' list\. Error: UNIMPLEMENTED: Conversion of"):
        parse(body.replace("inputs", "instances").replace("[]", "[[], [[]]]"), x="half")
    with pytest.raises(StatusError, match="JSON Value: null to type: half"):
        parse('{"inputs": null}', x="half")


@pytest.mark.parametrize("body", ["[[1,2],[3,4]]", "[]", "[[1,2,3]]", "[1,2]", "5"])
def test_the_shape_is_left_to_the_model(body):
    # http_rest_api_handler_test.cc, Predict: a model for [-1, 1] answers two rows of two, and two scalars
    specs = {"x": TensorSpec("float", (None, 2))}
    array = read_predict(f'{{"inputs": {body}}}'.encode(), lambda name: specs).inputs["x"]
    np.testing.assert_array_equal(array, np.float32(json.loads(body)), strict=True)


def test_signature_name_reaches_the_lookup():
    seen = []

    def inputs_of(name):
        seen.append(name)
        return {"x": TensorSpec("float", None)}

    assert (
        read_predict(b'{"signature_name": "tokenize", "inputs": 1}', inputs_of).signature_name == "tokenize"
    )
    read_predict(b'{"inputs": 1}', inputs_of)
    assert seen == ["tokenize", ""]


STRINGS = np.array([[b"hello", b"world"], [b"tf", b"serving"]], object)
BASE64 = [[{"b64": "aGVsbG8="}, {"b64": "d29ybGQ="}], [{"b64": "dGY="}, {"b64": "c2VydmluZw=="}]]
NUMBERS = np.int32([[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 0], [1, 2]]])


def written(outputs, row_format):
    return json.loads(write_predict(outputs, row_format))


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
    assert written(outputs, True) == {"predictions": value}
    assert written(outputs, False) == {"outputs": value}


def test_several_outputs():  # T FromJsonMultipleNamedTensors
    outputs = {"s_bytes": STRINGS, "i": NUMBERS, "d": np.float64([8, 9]), "f": np.float32([[1], [2]])}
    assert written(outputs, True) == {
        "predictions": [
            {"d": 8.0, "f": [1.0], "i": [[1, 2], [3, 4], [5, 6]], "s_bytes": BASE64[0]},
            {"d": 9.0, "f": [2.0], "i": [[7, 8], [9, 0], [1, 2]], "s_bytes": BASE64[1]},
        ]
    }
    columns = {"d": [8.0, 9.0], "f": [[1.0], [2.0]], "i": NUMBERS.tolist(), "s_bytes": BASE64}
    assert written(outputs, False) == {"outputs": columns}


def test_scalar_output_in_columns():
    assert written({"x": np.float32(2)}, False) == {"outputs": 2.0}


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
    assert re.sub(r"\s+", " ", write_predict({"x": values}, True).decode()) == f'{{ "predictions": {text} }}'


def test_every_float_reads_back_as_itself():
    bits = np.random.default_rng(0).integers(0, 2**32, size=20_000, dtype=np.uint32)
    values = bits.view(np.float32)
    back = np.array(written({"x": values}, True)["predictions"], np.float64).astype(np.float32)
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
def test_outputs_without_a_json_form(outputs, row_format, message):
    with pytest.raises(StatusError, match=re.escape(message)) as caught:
        write_predict(outputs, row_format)
    assert caught.value.code == "INVALID_ARGUMENT"


class Patient(Deadline):
    """Is over after a number of checks."""

    def __init__(self, checks):
        super().__init__()
        self.checks = checks

    def is_over(self):
        self.checks -= 1
        return self.checks < 0


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [%b1]}' % (b"1," * 500_000),
        b'{"instances": [%b"x"]}' % (b"1," * 500_000),
        b'{"inputs": [[%b1]]}' % (b"1," * 500_000),
        b'{"inputs": [%b1]}' % (b"[]," * 500_000),
        b'{"inputs": [%b1]}' % (b"Inf," * 10),
    ],
    ids=["rows", "wrong rows", "one list", "empty lists", "other numbers"],
)
def test_the_deadline_ends_the_work_on_a_body(body):
    deadline = Patient(5)
    with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"):
        read_predict(body, lambda name: {"x": TensorSpec("float", (None,))}, deadline)
    assert deadline.checks == -1
