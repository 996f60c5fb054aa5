"""JSON text to Python values, by the rules and with the error messages of RapidJSON.

TF Serving parses requests with RapidJSON 1.1.0 (include/rapidjson/reader.h) and its kParseNanAndInfFlag, see
ParseJson in tensorflow_serving/util/json_tensor.cc. Python's parser does the work. A text that it refuses, or
might read in another way, is read again by `_Reader`, which follows RapidJSON step by step.
"""

import json
import math
import re
from collections.abc import Callable

from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.serving.protocol.json_tensors import nested_too_deeply, quote

_MAX_REREAD = 2**20  # bytes; the error of a larger text has no detail

# Python accepts a number that overflows, and the first half of a surrogate pair alone; RapidJSON does not.
# Each pattern begins with a fixed byte, which makes the search quick.
_LARGE = [re.compile(rb"e\+?[0-9]{3}"), re.compile(rb"E\+?[0-9]{3}")]
_HALF_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})")
_BOM = b"\xef\xbb\xbf"

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]*)?")
_HEX = "[0-9a-fA-F]"
_STRING = re.compile(
    rf'(?:[^"\\\x00-\x1f]+|\\["\\/bfnrt]|\\u(?![dD][89abAB]){_HEX}{{4}}'
    rf"|\\u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}})*"
)
# What follows `_STRING` if it is not the closing quotation mark: pattern -> error, in RapidJSON's order.
_BAD_STRINGS = {
    r"\0": "Missing a closing quotation mark in string.",
    r"[^\\]": "Invalid encoding in string.",
    r"\\[^u]": "Invalid escape character in string.",
    rf"(?:\\u{_HEX}{{4}})?\\u(?!{_HEX}{{4}})": "Incorrect hex digit after \\u escape in string.",
    "": "The surrogate pair in string is invalid.",
}


def parse_json(text: bytes):
    """The value of a JSON text in UTF-8.

    NaN, Infinity, Inf and their negatives count as numbers, a byte order mark is skipped, and the first of
    two members with the same name counts. Strings must be UTF-8, although RapidJSON copies any byte; binary
    strings have a form of their own, {"b64": "..."}.

    Raises:
        StatusError: INVALID_ARGUMENT with RapidJSON's message and the offset in bytes, or because the text is
            nested too deeply.

    Example:
        >>> parse_json(b'{"x": [1, 2.5, NaN]}')
        {'x': [1, 2.5, nan]}
    """
    if not text:
        raise invalid("JSON Parse error: The document is empty")
    try:
        return _parse(text)
    except RecursionError:
        raise nested_too_deeply() from None


def parse_object(text: bytes) -> dict:
    """The JSON object that a text is; StatusError INVALID_ARGUMENT where it is none."""
    document = parse_json(text)
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {quote(document)} Is not object")
    return document


def _parse(text: bytes):
    try:
        if not _HALF_PAIR.search(text):
            large = any(pattern.search(text) for pattern in _LARGE)
            return json.loads(
                text.removeprefix(_BOM).decode(),
                object_pairs_hook=_object,
                parse_float=_finite if large else None,
            )
    except ValueError as error:
        if len(text) > _MAX_REREAD:
            offset = error.start if isinstance(error, UnicodeDecodeError) else getattr(error, "pos", 0)
            raise _error("Invalid value.", offset) from None
    return _Reader(text).document()


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value


def _object(pairs: list[tuple]) -> dict:
    """An object's members. The first one of each name counts, as in RapidJSON's FindMember."""
    found = dict(pairs)
    if len(found) != len(pairs):
        found.update(reversed(pairs))
    return found


def _error(message: str, offset: int) -> StatusError:
    return invalid(f"JSON Parse error: {message} at offset: {offset}")


class _Reader:
    """RapidJSON's recursive parser, with its messages and offsets."""

    def __init__(self, text: bytes):
        self._text = text.decode("latin-1") + "\0"  # a character per byte; MemoryStream::Peek ends with NUL
        self._at = 0

    def document(self):  # ParseStream, EncodedInputStream
        for byte in _BOM:
            self._consume(chr(byte))
        self._skip(_SPACE)
        if self._peek() == "\0":
            raise self._fail("The document is empty.")
        value = self._value()
        self._skip(_SPACE)
        self._expect("\0", "The document root must not be followed by other values.")
        return value

    def _peek(self) -> str:
        return self._text[self._at]

    def _consume(self, character: str) -> bool:
        found = self._peek() == character
        self._at += found
        return found

    def _expect(self, character: str, message: str) -> None:
        if not self._consume(character):
            raise self._fail(message)

    def _skip(self, pattern: re.Pattern) -> str:
        match = pattern.match(self._text, self._at)
        self._at = match.end()
        return match[0]

    def _fail(self, message: str, offset: int | None = None) -> StatusError:
        return _error(message, self._at if offset is None else offset)

    def _value(self):
        first = self._peek()
        if first == "{":
            return _object(self._items("}", self._member, "Missing a comma or } after an object member."))
        if first == "[":
            return self._items("]", self._value, "Missing a comma or ] after an array element.")
        if first == '"':
            return self._string()
        for word, value in (("null", None), ("true", True), ("false", False)):
            if first == word[0]:
                return self._word(word, value)
        return self._number()

    def _word(self, word: str, value):  # ParseNull, ParseTrue, ParseFalse
        for character in word:
            self._expect(character, "Invalid value.")
        return value

    def _items(self, end: str, read: Callable, message: str) -> list:  # ParseObject, ParseArray
        self._at += 1
        self._skip(_SPACE)
        items = []
        while not self._consume(end):
            if items:
                self._expect(",", message)
                self._skip(_SPACE)
            items.append(read())
            self._skip(_SPACE)
        return items

    def _member(self) -> tuple:
        if self._peek() != '"':
            raise self._fail("Missing a name for object member.")
        name = self._string()
        self._skip(_SPACE)
        self._expect(":", "Missing a colon after a name of object member.")
        self._skip(_SPACE)
        return name, self._value()

    def _string(self) -> str:  # ParseStringToStream
        self._at += 1
        start, text = self._at, self._skip(_STRING)
        if self._consume('"'):
            try:
                return json.loads('"' + text.encode("latin-1").decode("utf-8", "surrogatepass") + '"')
            except UnicodeDecodeError:
                raise self._fail("Invalid encoding in string.", start) from None
        rest = self._text[self._at :]
        raise self._fail(
            next(message for pattern, message in _BAD_STRINGS.items() if re.match(pattern, rest))
        )

    def _number(self) -> int | float:
        start = self._at
        sign = -1 if self._consume("-") else 1
        if self._peek() == "N":
            return math.copysign(self._word("NaN", math.nan), sign)
        if self._peek() == "I":
            self._word("Inf", math.inf)
            return sign * (self._word("inity", math.inf) if self._peek() == "i" else math.inf)
        match = _NUMBER.match(self._text, self._at)
        if match is None:
            raise self._fail("Invalid value.")
        fraction, exponent = match.groups()
        if fraction == ".":
            raise self._fail("Miss fraction part in number.", match.end(1))
        if exponent and not exponent[-1].isdecimal():
            raise self._fail("Miss exponent in number.", match.end())
        self._at = match.end()
        text = self._text[start : self._at]
        if math.isinf(float(text)):
            raise self._fail("Number too big to be stored in double.", start)
        return float(text) if fraction or exponent else int(text)
