"""Long text to sentences that can be read aloud one by one. No TensorFlow."""

import re
import unicodedata

from pipelines.speech.english import OTHER_ABBREVIATIONS, TITLES

LONGEST = 600  # characters of a text that is read aloud in one piece, at most

# The end of a sentence: its sign, closing quotes and brackets, then white space, which Chinese does not need.
# Or an empty line, which `_sentences` writes as a line break.
_CLOSING = r"[\"'”’»)\]」』）]*"
_BOUNDARY = re.compile(rf"(?<=[.!?…])({_CLOSING})\s+|(?<=[。！？]){_CLOSING}(?![。！？])\s*|\n")
# Words that do not end a sentence: never, not before a small letter, or not before a number
_START = r"(?:^|[\s(\"'“‘])"
_NEVER = re.compile(rf"{_START}(?:(?i:{'|'.join(TITLES)})|[A-Z])\.$")
_BEFORE_SMALL = re.compile(rf"(?:{_START}(?i:{'|'.join(OTHER_ABBREVIATIONS)})|\.[a-z]|\.\.|…)\.?$")
_BEFORE_NUMBER = re.compile(rf"{_START}[Nn]o\.$")
# Where a sentence that is too long is cut, the best place first
_PAUSES = (r"(?<=[.!?…;:])\s", r"(?<=[,–—-])\s|(?<=[，；：、—])", r"\s")


def split_sentences(text: str, longest: int = 160) -> list[str]:
    """The sentences of `text`, in order, none longer than `longest` characters.

    The full stop of a title ("Dr."), of an initial ("J. Smith") or inside a number does not end a sentence;
    an empty line does. A longer sentence is cut after a semicolon or colon, else after a comma or a dash,
    else at a space, else anywhere but before a combining mark; always as late as possible. Only white space
    is lost: it is squeezed in each piece. A text of white space alone has no sentences.

    Raises:
        ValueError: `longest` is below 1.
    """
    if longest < 1:
        raise ValueError(f"longest is {longest}: expected at least 1")
    return [piece for sentence in _sentences(text) for piece in _cut(" ".join(sentence.split()), longest)]


def _sentences(text: str) -> list[str]:
    # One character per run of white space: on long runs the pattern would take quadratic time
    text = re.sub(r"\s+", lambda run: "\n" if run[0].count("\n") > 1 else " ", text)
    sentences, start = [], 0
    for boundary in _BOUNDARY.finditer(text):
        end = boundary.end()
        if boundary[1] is not None and _continues(text[start : boundary.start()], text[end : end + 1]):
            continue
        sentences.append(text[start:end])
        start = end
    return [*sentences, text[start:]]


def _continues(sentence: str, following: str) -> bool:
    """Whether a sentence continues after its full stop, with the character `following`."""
    return bool(
        _NEVER.search(sentence)
        or (following.islower() and _BEFORE_SMALL.search(sentence))
        or (following.isdigit() and _BEFORE_NUMBER.search(sentence))
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
    end = longest
    while end > 1 and unicodedata.combining(sentence[end]):
        end -= 1
    return end
