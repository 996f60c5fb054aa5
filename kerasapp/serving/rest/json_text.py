"""JSON text to Python values, by the rules and with the error messages of RapidJSON.

TF Serving parses requests with RapidJSON 1.1.0 (include/rapidjson/reader.h) and its kParseNanAndInfFlag, see
ParseJson in tensorflow_serving/util/json_tensor.cc. Python's parser does the work. A text that it refuses, or
might read in another way, is read again by `_Reader`, which follows RapidJSON step by step.
"""

import json
import math
import re

from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.serving.protocol.json_tensors import nested_too_deeply, quote

_MAX_REREAD = 2**20  # bytes; the error of a larger text has no detail

# Python accepts a number that overflows, and the first half of a surrogate pair alone; RapidJSON does not.
# Each pattern begins with a fixed byte, which makes the search quick.
_LARGE = [re.compile(rb"e\+?[0-9]{3}"), re.compile(rb"E\+?[0-9]{3}")]
_HALF_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})")
_BOM = b"\xef\xbb\xbf"


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
    """RapidJSON's recursive parser; the names of its functions are kept."""

    _SPACE = re.compile(rb"[ \t\n\r]*")
    _PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
    _HEX = re.compile(rb"[0-9a-fA-F]{4}")
    _DIGITS = re.compile(rb"[0-9]*")
    _ESCAPES = dict(zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True))

    def __init__(self, text: bytes):
        self._text = text + b"\0"  # MemoryStream::Peek gives NUL at the end
        self._at = 0

    def document(self):  # ParseStream, EncodedInputStream
        for byte in _BOM:
            self._consume(byte)
        self._skip(self._SPACE)
        if self._peek() == 0:
            raise self._fail("The document is empty.")
        value = self._value()
        self._skip(self._SPACE)
        if self._peek() != 0:
            raise self._fail("The document root must not be followed by other values.")
        return value

    def _peek(self) -> int:
        return self._text[self._at]

    def _consume(self, byte: int) -> bool:
        if self._text[self._at] != byte:
            return False
        self._at += 1
        return True

    def _skip(self, pattern: re.Pattern) -> bytes:
        match = pattern.match(self._text, self._at)
        self._at = match.end()
        return match[0]

    def _fail(self, message: str, offset: int | None = None) -> StatusError:
        return _error(message, self._at if offset is None else offset)

    def _value(self):
        byte = self._peek()
        if byte == ord("{"):
            return self._object()
        if byte == ord("["):
            return self._array()
        if byte == ord('"'):
            return self._string()
        for word, value in ((b"null", None), (b"true", True), (b"false", False)):
            if byte == word[0]:
                return self._word(word, value)
        return self._number()

    def _word(self, word: bytes, value):  # ParseNull, ParseTrue, ParseFalse
        if not all(map(self._consume, word)):
            raise self._fail("Invalid value.")
        return value

    def _object(self) -> dict:
        self._at += 1
        self._skip(self._SPACE)
        if self._consume(ord("}")):
            return {}
        pairs = []
        while True:
            if self._peek() != ord('"'):
                raise self._fail("Missing a name for object member.")
            name = self._string()
            self._skip(self._SPACE)
            if not self._consume(ord(":")):
                raise self._fail("Missing a colon after a name of object member.")
            self._skip(self._SPACE)
            pairs.append((name, self._value()))
            self._skip(self._SPACE)
            if self._consume(ord("}")):
                return _object(pairs)
            if not self._consume(ord(",")):
                raise self._fail("Missing a comma or } after an object member.")
            self._skip(self._SPACE)

    def _array(self) -> list:
        self._at += 1
        self._skip(self._SPACE)
        if self._consume(ord("]")):
            return []
        values = []
        while True:
            values.append(self._value())
            self._skip(self._SPACE)
            if self._consume(ord("]")):
                return values
            if not self._consume(ord(",")):
                raise self._fail("Missing a comma or ] after an array element.")
            self._skip(self._SPACE)

    def _string(self) -> str:  # ParseStringToStream
        self._at += 1
        start, parts = self._at, []
        while True:
            parts.append(self._skip(self._PLAIN))
            if self._consume(ord('"')):
                break
            if self._peek() != ord("\\"):
                end = self._peek() == 0
                raise self._fail(
                    "Missing a closing quotation mark in string." if end else "Invalid encoding in string."
                )
            parts.append(self._escape())
        try:
            # The second half of a surrogate pair is allowed alone, as in RapidJSON.
            return b"".join(parts).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise self._fail("Invalid encoding in string.", start) from None

    def _escape(self) -> bytes:
        start = self._at
        self._at += 2
        byte = self._text[self._at - 1]
        if byte in self._ESCAPES:
            return bytes([self._ESCAPES[byte]])
        if byte != ord("u"):
            raise self._fail("Invalid escape character in string.", start)
        code = self._hex4(start)
        if 0xD800 <= code <= 0xDBFF:
            low = self._hex4(start) if self._consume(ord("\\")) and self._consume(ord("u")) else 0
            if not 0xDC00 <= low <= 0xDFFF:
                raise self._fail("The surrogate pair in string is invalid.", start)
            code = 0x10000 + ((code - 0xD800) << 10) + low - 0xDC00
        return chr(code).encode("utf-8", "surrogatepass")

    def _hex4(self, start: int) -> int:  # ParseHex4
        match = self._HEX.match(self._text, self._at)
        if not match:
            raise self._fail("Incorrect hex digit after \\u escape in string.", start)
        self._at = match.end()
        return int(match[0], 16)

    def _number(self) -> int | float:
        start = self._at
        minus = self._consume(ord("-"))
        if self._peek() in b"NI":
            return self._not_finite(-1 if minus else 1)
        if not self._consume(ord("0")) and not self._skip(self._DIGITS):
            raise self._fail("Invalid value.")
        whole = True
        if self._consume(ord(".")):
            whole = False
            if not self._skip(self._DIGITS):
                raise self._fail("Miss fraction part in number.")
        if self._consume(ord("e")) or self._consume(ord("E")):
            whole = False
            self._consume(ord("+")) or self._consume(ord("-"))
            if not self._skip(self._DIGITS):
                raise self._fail("Miss exponent in number.")
        text = self._text[start : self._at]
        if math.isinf(float(text)):
            raise self._fail("Number too big to be stored in double.", start)
        return int(text) if whole else float(text)

    def _not_finite(self, sign: int) -> float:
        word, value = (b"NaN", math.nan) if self._peek() == ord("N") else (b"Inf", math.inf)
        self._word(word, value)
        if word == b"Inf" and self._peek() == ord("i"):
            self._word(b"inity", value)
        return math.copysign(value, sign)
