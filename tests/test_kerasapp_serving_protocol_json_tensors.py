"""How much work JSON with many elements makes, and what is told of one that is wrong.

J = tensorflow_serving/util/json_tensor.cc of commit 9d981c5c
"""

import json
import random
import sys

import numpy as np
import pytest

from kerasapp.serving.protocol.errors import StatusError
from kerasapp.serving.protocol.signatures import TensorSpec
from kerasapp.serving.rest.predict_messages import read_predict


def parse(body, **dtypes):
    specs = {name: TensorSpec(dtype, None) for name, dtype in dtypes.items()}
    return read_predict(body.encode(), lambda name: specs)


def count_calls(work) -> int:
    """How many functions are called: the work in Python, whatever else the machine does."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize(
    ("body", "dtypes"),
    [
        ('{"instances": [%s"x"]}', {"x": "float"}),
        ('{"instances": [[%s"x"]]}', {"x": "int32"}),
        ('{"inputs": [[%s1], [%s1], [%s[1]]]}', {"x": "int32"}),
        ('{"inputs": {"x": [%s[]]}}', {"x": "float"}),
        ('{"instances": 0, "inputs": [%s1]}', {"x": "float"}),
        ('[%s1]', {"x": "float"}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_without_a_look_at_each_element(body, dtypes):
    text = body.replace("%s", "1," * 100_000)

    def refused():
        with pytest.raises(StatusError) as caught:
            parse(text, **dtypes)
        assert len(caught.value.message) < 1000

    assert count_calls(refused) < 5000


def fill(value, shape, level=0):
    """FillTensorProto of J for int32, step by step: the error of the first thing that is wrong, or None."""
    if not isinstance(value, list):
        if level != len(shape):
            return f"found at incorrect level: {level + 1} in the JSON DOM. Expected at level: {len(shape)}"
        return None if type(value) is int else "is not of expected type: int32"
    if level >= len(shape):
        return f"Encountered list at unexpected level: {level} expected < {len(shape)}"
    if len(value) != shape[level]:
        return f"unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
    return next(filter(None, (fill(element, shape, level + 1) for element in value)), None)


def shape_of(value):
    return [len(value), *(shape_of(value[0]) if value else [])] if isinstance(value, list) else []


def test_the_first_thing_that_is_wrong_is_told():
    rng, told = random.Random(0), 0
    for _ in range(1000):
        rows = [[[rng.randrange(9) for _ in range(2)] for _ in range(3)] for _ in range(rng.randrange(1, 6))]
        for _ in range(rng.randrange(1, 4)):
            row = rng.choice(rows)
            place = rng.choice([rows, row, *(item for item in row if isinstance(item, list) and item)])
            place[rng.randrange(len(place))] = rng.choice(["a", [], 5, [1, 2], [[1, 2]] * 3, 1.5])
            rows = [row if isinstance(row, list) and row else [[1, 2]] * 3 for row in rows]
        errors = [fill(row, shape_of(row)) for row in rows]
        shapes = [shape_of(row) for row in rows]
        wrong = next((i for i, error in enumerate(errors) if error or shapes[i] != shapes[0]), None)
        if wrong is None:
            parse(json.dumps({"instances": rows}), x="int32")
            continue
        with pytest.raises(StatusError) as caught:
            parse(json.dumps({"instances": rows}), x="int32")
        assert f"Failed to process element: {wrong} of" in caught.value.message
        assert (errors[wrong] or "Expecting ") in caught.value.message
        told += 1
    assert told > 500


def test_large_arrays_are_not_taken_apart_in_python():
    values = np.random.default_rng(0).normal(size=[100, 28, 28]).round(6)
    body = json.dumps({"instances": values.tolist()})
    array = None

    def read():
        nonlocal array
        array = parse(body, x="float").inputs["x"]

    assert count_calls(read) < values.size / 10  # calls are counted: a busy machine changes nothing
    np.testing.assert_array_equal(array, values.astype(np.float32))
