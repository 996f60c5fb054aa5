"""JSON text to Python values. Python's parser reads; what it refuses is told in RapidJSON's words.

TF Serving (9d981c5c, util/json_tensor.cc:473, ParseJson) reads requests with RapidJSON 1.1.0 (f54b0e47,
include/rapidjson/reader.h) and the flags kParseIterativeFlag, kParseNanAndInfFlag and kParseStopWhenDoneFlag.
"""

import json
import math
import re

from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.protocol.errors import invalid
from kerasapp.serving.protocol.json_tensors import NUMBER_TOO_BIG, quote

_SPACE = re.compile(r"\ufeff?[ \t\n\r]*")
_WORDS = ("null", "true", "false", "NaN", "Infinity")
_MORE_NUMBERS = ("Inf", "-Inf", "-NaN")  # numbers to RapidJSON that Python does not know
_STRING_OR_NAME = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|-?(?:NaN|Inf(?:inity|(?!i)))', re.DOTALL)
_PLAIN_NUMBER = re.compile(r"(?<![0-9.eE+-])-?[0-9]+(\.[0-9]+)?\Z")

# Python takes numbers that overflow, and the first half of a surrogate pair alone; RapidJSON does not. The
# first three begin with fixed characters, which makes the search quick; the others find the exact place.
_LARGE = re.compile(r"e\+?[0-9]{3}"), re.compile(r"E\+?[0-9]{3}")
_HALF_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})")
_LONG = re.compile(r"(?<![0-9-])-?[0-9]{309}")
_ESCAPED_HALF_PAIR = re.compile(r"(?<!\\)(?:\\\\)*(" + _HALF_PAIR.pattern + ")")

_REASONS = {  # the beginning of Python's message -> RapidJSON's (error/en.h)
    "Expecting value": "Invalid value.",
    "Expecting property name": "Missing a name for object member.",
    "Expecting ':'": "Missing a colon after a name of object member.",
    "Unterminated string": "Missing a closing quotation mark in string.",
    "Invalid control character": "Invalid escape character in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX": "Incorrect hex digit after \\u escape in string.",
}


def parse_object(body: bytes, deadline: Deadline | None = None) -> dict:
    """The JSON object at the beginning of a request's body; what follows it is not looked at.

    NaN, Infinity, Inf and their negatives count as numbers, a byte order mark is skipped, and the first of
    two members with the same name counts. Strings must be UTF-8, although RapidJSON copies any byte; binary
    strings have a form of their own, {"b64": "..."}.

    Raises:
        StatusError: INVALID_ARGUMENT with RapidJSON's message and the offset in bytes, or because the text is
            nested too deeply, or is no object. The deadline's, if that is over.

    Example:
        >>> parse_object(b'{"x": [1, 2.5, NaN]} and more')
        {'x': [1, 2.5, nan]}
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = _read(*_decode(body), deadline or Deadline())
    except RecursionError:
        raise invalid("JSON Parse error: The document is nested too deeply.") from None
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {quote(document)} Is not object")
    return document


def _decode(body: bytes) -> tuple[str, bool]:
    """The text up to the first byte that is not UTF-8, and whether there is such a byte."""
    try:
        return body.decode(), False
    except UnicodeDecodeError as error:
        return body[: error.start].decode(), True


def _read(text: str, bad: bool, deadline: Deadline):
    value = reason = None
    try:
        value, end = _parse(text, deadline)
    except json.JSONDecodeError as error:
        reason, end = _reason(error.doc, error.pos, error.msg)
        reason = "Invalid encoding in string." if bad and end >= len(text) else reason
    except ValueError as error:  # of `_finite`, or a whole number of more digits than Python reads
        found = text.find(str(error))
        reason, end = NUMBER_TOO_BIG, found if found >= 0 else _LONG.search(text).start()
    if _HALF_PAIR.search(text) and (half := _ESCAPED_HALF_PAIR.search(text, 0, end)):
        reason, end = "The surrogate pair in string is invalid.", half.start(1)
    if reason is not None:
        raise invalid(f"JSON Parse error: {reason} at offset: {len(text[:end].encode())}")
    return value


def _parse(text: str, deadline: Deadline) -> tuple:
    """The value, and where it ends."""
    hooks = {"object_pairs_hook": _object}
    if any(pattern.search(text) for pattern in _LARGE):
        hooks["parse_float"] = _finite
    begin = _SPACE.match(text).end()
    try:
        return json.JSONDecoder(**hooks).raw_decode(text, begin)
    except json.JSONDecodeError as error:
        if not text.startswith(_MORE_NUMBERS, error.pos):
            raise
    names = []

    def name(match: re.Match) -> str:  # of the same length, so that offsets stay right
        deadline.check()
        if match[0].startswith('"'):
            return match[0]
        names.append(float(match[0]))
        return "NaN".ljust(len(match[0]))

    text = _STRING_OR_NAME.sub(name, text)
    found = iter(names)
    return json.JSONDecoder(**hooks, parse_constant=lambda _: next(found)).raw_decode(text, begin)


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


def _reason(text: str, at: int, message: str) -> tuple[str, int]:
    """What RapidJSON says of a text that Python's parser refuses, and at which character."""
    if message.startswith("Expecting ','"):
        return _missing_comma(text, at)
    reason = next(words for start, words in _REASONS.items() if message.startswith(start))
    rest = text[at : at + 10]
    if message.startswith("Expecting value"):
        if at == _SPACE.match(text).end() and (not rest or rest[0] in "]},:\0"):
            return "The document is empty.", at
        sign = rest.startswith("-")
        words = [word[:length] for word in _WORDS[3 * sign :] for length in range(len(word))]
        return reason, at + sign + max(len(word) for word in words if rest.startswith(word, sign))
    if message.startswith("Invalid control") and rest[0] == "\0":  # the end of the text to RapidJSON
        return _REASONS["Unterminated string"], at
    if message.startswith("Unterminated"):
        return reason, len(text)
    return reason, at - message.startswith("Invalid \\u")


def _missing_comma(text: str, at: int) -> tuple[str, int]:
    number, mark = _PLAIN_NUMBER.search(text[max(at - 400, 0) : at]), text[at : at + 1]
    if number and mark == "." and not number[1]:
        return "Miss fraction part in number.", at + 1
    if number and mark in ("e", "E"):
        return "Miss exponent in number.", at + 1 + text.startswith(("+", "-"), at + 1)
    try:  # whether a bracket may stand here
        json.JSONDecoder().raw_decode(text[:at] + "]", _SPACE.match(text).end())
    except ValueError as error:
        if getattr(error, "pos", None) == at:
            return "Missing a comma or '}' after an object member.", at
    return "Missing a comma or ']' after an array element.", at
