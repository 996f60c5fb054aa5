"""Features of a text, per character, that a unit may keep track of."""

import unicodedata
from typing import NamedTuple

import numpy as np

OPENING, CLOSING = "“«「『", "”»」』"  # quotation marks; the straight one is both
BRACKETS, CLOSED = "([{（［【《〈〔", ")]}）］】》〉〕"
SENTENCE_ENDS = ".!?。！？…"
VOWELS = set("aeiouyAEIOUY")


class Feature(NamedTuple):
    """A feature: its name, its meaning in words, its values after each character, float32 [characters]."""

    name: str
    meaning: str
    values: np.ndarray


def of_text(text):
    """The features that vary in a text: list of `Feature`.

    Example:

    >>> [feature.name for feature in of_text("It was.")]
    ['position in the sentence', 'position in the word', ...
    """
    word = "clause" if _is_chinese(text) else "word"  # Chinese does not separate words
    features = [
        Feature("position in the line", "characters since the last line break", _since(text, "\n".__eq__)),
        Feature("position in the sentence", "characters since the last . ! or ?", _since(text, _ends)),
        Feature(f"position in the {word}", "letters since the last space or sign", _since(text, _parts)),
        Feature("inside quotation", "between “ and ”, or two straight marks", _inside_quotation(text)),
        Feature("inside brackets", "between ( and ), [ and ] and the like", _inside_brackets(text)),
        Feature(f"between {word}s", "a space, a line break or a sign", _each(text, _parts)),
        Feature("sign", "punctuation", _each(text, _is_sign)),
        Feature("line break", "the end of a line", _each(text, "\n".__eq__)),
        Feature("capital letter", "an upper-case letter", _each(text, str.isupper)),
        Feature("vowel", "one of a, e, i, o, u and y", _each(text, VOWELS.__contains__)),
        Feature("digit", "part of a number", _each(text, str.isdigit)),
    ]
    features = [feature._replace(values=np.asarray(feature.values, np.float32)) for feature in features]
    return [feature for feature in features if len(text) and np.ptp(feature.values) > 0]


def _is_chinese(text):
    letters = [character for character in text if character.isalpha()]
    return sum("\u2e80" <= letter <= "\u9fff" for letter in letters) * 2 > len(letters)


def _each(text, holds):
    return [holds(character) for character in text]


def _since(text, begins):
    """How many characters ago `begins` was last true, per character."""
    values, count = [], 0
    for character in text:
        count = 0 if begins(character) else count + 1
        values.append(count)
    return values


def _ends(character):
    return character in SENTENCE_ENDS


def _parts(character):
    # An apostrophe is part of its word, and so is a combining accent.
    return not (character.isalnum() or character in "'’" or unicodedata.category(character) == "Mn")


def _is_sign(character):
    return unicodedata.category(character).startswith("P")


def _inside_quotation(text):
    """An open quotation ends with its paragraph, because the text may be a part of a longer one."""
    values, inside, before = [], False, ""
    for character in text:
        if character == '"':
            inside = not inside
        elif character in OPENING:
            inside = True
        elif character in CLOSING or character == before == "\n":
            inside = False
        values.append(inside)
        before = before if character == "\r" else character
    return values


def _inside_brackets(text):
    values, depth, before = [], 0, ""
    for character in text:
        if character in BRACKETS:
            depth += 1
        elif character in CLOSED:
            depth = max(depth - 1, 0)
        elif character == before == "\n":
            depth = 0
        values.append(depth > 0)
        before = before if character == "\r" else character
    return values
