"""Long text to sentences that can be read aloud one by one. No TensorFlow."""

import re
import unicodedata
from collections.abc import Callable, Sequence

from pipelines.speech.english import BEFORE_NUMBERS, OTHER_ABBREVIATIONS, TITLES

LONGEST = 600  # characters of a text that is read aloud in one piece, at most

# The end of a sentence: its sign, closing quotes and brackets, then white space, which Chinese does not need.
# Or an empty line, which `_sentences` writes as a line break.
_CLOSING = r"[\"'”’»)\]」』）]*"
_BOUNDARY = re.compile(rf"(?<=[.!?…])({_CLOSING})\s+|(?<=[。！？]){_CLOSING}(?![。！？])\s*|\n")
# Words that do not end a sentence: never, not before a small letter, or not before a number
_START = r"(?:^|[\s(\"'“‘])"
_NEVER = re.compile(rf"{_START}(?:(?i:{'|'.join(TITLES)})|[A-Z]|(?i:e\.g|i\.e|viz|cf|approx))\.$")
_BEFORE_SMALL = re.compile(rf"(?:{_START}(?i:{'|'.join(OTHER_ABBREVIATIONS)})|\.[a-z]|\.\.|…)\.?$")
_MONTHS = "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
_COUNTED = "|".join(short for short, _ in BEFORE_NUMBERS)
_BEFORE_NUMBER = re.compile(rf"{_START}(?:{_MONTHS}|(?i:{_COUNTED}))\.$")
_BEFORE_NAME = re.compile(rf"{_START}(?:(?:[A-Za-z]\.)+[A-Za-z]|Ph\.D)\.$")  # U.S. Senate, Ph.D. Smith
_ITEM = re.compile(r"^\d{1,3}\.$")  # "1. First item"
_NUMBER = re.compile(r"\d|[IVXLC]{2,}\b")
_NEAR = 40  # characters before and after a full stop that tell whether a sentence ends there
# Words that begin a sentence far more often than they follow "U.S." in one
_BEGINS = re.compile(
    r"(?:A|After|All|And|As|At|But|For|He|Her|Here|His|How|I|If|In|It|Its|My|No|Now|On|Or|Our|She|So|That|The"
    r"|Their|Then|There|These|They|This|Those|To|We|What|When|Where|Who|Why|You|Your)\b"
)
# Where a sentence that is too long is cut, the best place first
_PAUSES = (r"(?<=[.!?…;:])\s", r"(?<=[,–—-])\s|(?<=[，；：、—])", r"\s")

_IN_NUMBER = re.compile(r"\d[\d.,:/-]|[.,:/-]\d", re.ASCII)
_WRITTEN_NUMBER = re.compile(r"\d[\d.,:/-]*", re.ASCII)
_LONGEST_NUMBER = 40  # characters; a longer one is read digit by digit and can be cut


def split_sentences(text: str, longest: int = 160) -> list[str]:
    """The sentences of `text`, in order, none longer than `longest` characters.

    The full stop of a title ("Dr."), of an initial ("J. Smith") or inside a number does not end a sentence;
    an empty line does. A longer sentence is cut after a semicolon or colon, else after a comma or a dash,
    else at a space, else anywhere but in a number or before a combining mark; always as late as possible. A
    number that is longer itself stays whole. Only white space is lost: it is squeezed in each piece. A text
    of white space alone has no sentences.

    Raises:
        ValueError: `longest` is below 1.
    """
    if longest < 1:
        raise ValueError(f"longest is {longest}: expected at least 1")
    return [piece for sentence in _sentences(text) for piece in _cut(" ".join(sentence.split()), longest)]


def split_spoken(text: str, longest: int, measure: Callable[[list[str]], Sequence[int]]) -> list[str]:
    """`split_sentences`, cut again until each piece has at most `longest` characters as it is spoken.

    Numbers grow by far: "1234567" has 78 characters in words. A single number that has more stays whole.

    Args:
        text: the text.
        longest: characters, as written and as spoken.
        measure: pieces -> the number of characters of each as it is spoken.
    """
    pieces = [(piece, False) for piece in split_sentences(text, longest)]  # and whether it is done
    while pending := [piece for piece, done in pieces if not done]:
        lengths = iter(measure(pending))
        pieces = [
            part
            for piece, done in pieces
            for part in ([(piece, True)] if done else _fitting(piece, int(next(lengths)), longest))
        ]
    return [piece for piece, _ in pieces]


def _fitting(piece: str, spoken: int, longest: int) -> list[tuple[str, bool]]:
    """The piece, or its two parts if so many characters are too many; and whether each is done."""
    if spoken <= longest:
        return [(piece, True)]
    count = -(-spoken // longest)  # pieces to come, at least
    end = _last_pause(piece, max(1, len(piece) * -(-count // 2) // count)) if len(piece) > 1 else 1
    parts = [part for part in (piece[:end].strip(), piece[end:].strip()) if part]
    return [(part, len(parts) == 1) for part in parts]


def _sentences(text: str) -> list[str]:
    # One character per run of white space: on long runs the pattern would take quadratic time
    text = re.sub(r"\s+", lambda run: "\n" if run[0].count("\n") > 1 else " ", text)
    sentences, start = [], 0
    for boundary in _BOUNDARY.finditer(text):
        end = boundary.end()
        if boundary[1] is not None and _continues(
            text[max(start, boundary.start() - _NEAR) : boundary.start()], text[end : end + _NEAR]
        ):
            continue
        sentences.append(text[start:end])
        start = end
    return [*sentences, text[start:]]


def _continues(sentence: str, following: str) -> bool:
    """Whether a sentence with this end continues after its full stop, with the text `following`."""
    return bool(
        _NEVER.search(sentence)
        or _ITEM.search(sentence)
        or (following[:1].islower() and _BEFORE_SMALL.search(sentence))
        or (_NUMBER.match(following) and _BEFORE_NUMBER.search(sentence))
        or (_BEFORE_NAME.search(sentence) and not _BEGINS.match(following))
    )


def _cut(sentence: str, longest: int) -> list[str]:
    pieces = []
    while len(sentence) > longest:
        end = _last_pause(sentence, longest)
        pieces.append(sentence[:end].strip())
        sentence = sentence[end:].strip()
    return [*pieces, sentence] if sentence else pieces


def _last_pause(sentence: str, longest: int) -> int:
    """Where to cut, from 1 to `longest`."""
    for pause in _PAUSES:
        ends = [found.start() for found in re.finditer(pause, sentence[: longest + 1])]
        ends = [end for end in ends if longest // 4 < end <= longest]  # no stumps
        if ends:
            return ends[-1]
    if _IN_NUMBER.fullmatch(sentence[longest - 1 : longest + 1]):
        number = next(found for found in _WRITTEN_NUMBER.finditer(sentence) if found.end() > longest)
        if number.end() - number.start() <= _LONGEST_NUMBER:
            return number.start() or number.end()
    end = longest
    while end > 1 and unicodedata.combining(sentence[end]):
        end -= 1
    return end
