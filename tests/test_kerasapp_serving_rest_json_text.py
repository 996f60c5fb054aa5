"""JSON as RapidJSON 1.1.0 reads it; Python's parser is the truth where the two agree.

R = include/rapidjson/reader.h at f54b0e47 (v1.1.0). More texts that are refused, each with its message and
offset, are in tests/conformance/cases/rest_json.yaml.
"""

import contextlib
import json
import math
import random
import re
import time

import pytest

from kerasapp.serving.protocol.errors import StatusError
from kerasapp.serving.rest.json_text import parse_object

# Texts that Python takes and RapidJSON does not, or the other way.
DIFFERENT = ("Inf", "-NaN", "e400", "\\ud8", "\\udc", '"k": 1, "k"', "\x00")


def parse_json(text: bytes):
    """The value of a text that follows the name "v" and a colon; offsets count from the text."""
    try:
        return parse_object(b'{"v":' + text + b"}")["v"]
    except StatusError as error:
        shifted = re.sub(r"\d+$", lambda offset: str(int(offset[0]) - 5), error.message)
        raise StatusError(error.code, shifted) from None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[Inf, -Inf, Infinity, -Infinity]", [math.inf, -math.inf, math.inf, -math.inf]),  # R ParseNumber
        ("[-0, -0.0, 1e-400]", [0, -0.0, 0.0]),
        ('{"a": 1, "b": 2, "a": 3}', {"a": 1, "b": 2}),  # FindMember
        ('["\\udc00"]', ["\udc00"]),  # R ParseStringToStream looks at first halves alone
        ('["\\ud83d\\ude00"]', ["😀"]),
        ('["\\\\ud800"]', ["\\ud800"]),  # a quoted backslash is no escape
        ('["Inf", Inf, "-NaN \\" Inf"]', ["Inf", math.inf, '-NaN " Inf']),
        ('["file123.jpg", "e123", 1e5]', ["file123.jpg", "e123", 1e5]),
        ("[" + "9" * 30 + "]", [int("9" * 30)]),
    ],
)
def test_accepted(text, value):
    got = parse_json(text.encode("utf-8", "surrogatepass"))
    assert repr(got) == repr(value)


@pytest.mark.parametrize("text", ["[NaN]", "[-NaN]"])
def test_not_a_number(text):
    assert math.isnan(parse_json(text.encode())[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('["\\ud800"]', "The surrogate pair in string is invalid. at offset: 2"),
        ('["\\ud800\\u0041"]', "The surrogate pair in string is invalid. at offset: 2"),
        ("[1, 1E+400]", "Number too big to be stored in double. at offset: 4"),
        ("[1e100, 1.5E+308, 1.5E+309]", "Number too big to be stored in double. at offset: 18"),
        ("[-" + "1" * 4301 + "]", "Number too big to be stored in double. at offset: 1"),
        ("[-1e400]", "Number too big to be stored in double. at offset: 1"),
        ("[" + "9" * 5000 + "]", "Number too big to be stored in double. at offset: 1"),
        ('["ä", nope]', "Invalid value. at offset: 8"),  # bytes, not characters
        ("[Infinite]", "Invalid value. at offset: 8"),
        ("[Na]", "Invalid value. at offset: 3"),
    ],
)
def test_refused(text, message):
    with pytest.raises(StatusError, match="JSON Parse error: ") as caught:
        parse_json(text.encode())
    assert caught.value.message == f"JSON Parse error: {message}"


def test_nested_too_deeply():
    for text in (b"[" * 200_000, b"[" * 200_000 + b"]" * 200_000, b"[Inf," * 200_000):
        with pytest.raises(StatusError, match="nested too deeply"):
            parse_json(text)


def test_a_large_text_that_is_wrong_is_refused_at_once():
    text = b"[" + b"1," * 2**20 + b"x]"
    with pytest.raises(StatusError, match=r"Invalid value\. at offset: 2097153"):
        parse_json(text)


@pytest.mark.parametrize(
    "text",
    [
        b'"\\"' * 100_000,  # a string without an end, full of quotation marks
        b"[Inf," * 900 + b'"\\' + b'\\"' * 300_000,
        b'{"a": "' + b"\\\\" * 300_000 + b'\\ud8"}',
        b"[" + b"1" * 600_000 + b".x]",
        b'{"a": [' + b"1e999," * 100_000,
        b'{"a": "' + b"\\\\ud800" * 100_000 + b'"}',
    ],
)
def test_the_work_grows_no_faster_than_the_text(text):
    def seconds(text):
        start = time.thread_time()
        with contextlib.suppress(StatusError):
            parse_object(text)
        return time.thread_time() - start

    assert seconds(text) < 1  # 0.02 in fact


def test_what_follows_the_document_is_not_looked_at():  # R IterativeParse, kParseStopWhenDoneFlag
    for rest in ("x", " {", "\x00", "]", ' "\\ud800"', " 1e999"):
        assert parse_object(b'\xef\xbb\xbf {"a": 1}' + rest.encode()) == {"a": 1}
    assert parse_object(b'{"a": 1} \xff') == {"a": 1}


def random_value(rng: random.Random, depth: int):
    kind = rng.randrange(8 if depth else 6)
    if kind == 6:
        return [random_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 7:
        return {f"k{index}": random_value(rng, depth - 1) for index in range(rng.randrange(4))}
    texts = ["", "a", "größe", "你好 😀", '"\\/\b\n\t', "e123"]
    return [None, True, rng.randrange(-(2**70), 2**70), rng.uniform(-1e9, 1e9), math.inf, rng.choice(texts)][
        kind
    ]


def outcome(parse, text: bytes) -> str:
    try:
        return repr(parse(text))
    except (StatusError, ValueError):
        return "refused"


def test_python_and_rapidjson_agree_on_almost_everything():
    rng = random.Random(0)
    refused = 0
    for _ in range(3000):
        text = json.dumps(random_value(rng, 3), ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 1]))
        for _ in range(rng.randrange(3)):  # at most two slips
            position = rng.randrange(len(text) + 1)
            text = text[:position] + rng.choice(["", *'{}[],:"\\ 01.eE-+nNI\n\x01']) + text[position + 1 :]
        if any(piece in text for piece in DIFFERENT):
            continue
        want = outcome(
            lambda text: json.JSONDecoder().raw_decode(f'{{"v":{text.decode()}}}')[0]["v"], text.encode()
        )
        if "inf" in want and "Infinity" not in text:  # a number that overflows
            continue
        assert outcome(parse_json, text.encode()) == want, text
        refused += want == "refused"
    assert refused > 500
