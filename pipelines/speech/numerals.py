"""Numbers, years, ordinals and sums of money to English words, as graph operations.

read(tf.constant(["1863", "1,863", "3rd", "1980s", "$1.50", "007", ROMAN + "xivth"]))
# eighteen sixty-three | one thousand, eight hundred sixty-three | third | nineteen eighties |
# one dollar, fifty cents | zero zero seven | fourteenth
"""

import numpy as np
import tensorflow as tf

from pipelines.speech import english
from pipelines.speech.english_rules import ROMAN, SPELT

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
_NAMES = "|".join(("hundred", *english.SCALES[1:]))

_SUM = rf"{english.MONEY} ?{_DIGITS}(?:\.\d+)?(?: (?:{_NAMES})\b)?"

_LETTERS = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_SUBTRACTED = {"i[vx]": 2, "x[lc]": 20, "c[dm]": 200}  # what the sum of the letters of IV has too much

PATTERN = (
    rf"(?:{SPELT}\d+|{ROMAN}[{''.join(_LETTERS)}]+(?:th)?"
    rf"|{_SUM}|{_DIGITS}(?:\.\d+|(?:st|nd|rd|ths?|s)\b)?)"
)
"""The numerals that `read` takes, in RE2's syntax and in lower case."""

_FIELDS = rf"^{SPELT}?({english.MONEY}?) ?([\d,]+)(\.\d+)?([a-z]+)?( [a-z]+)?$"
_LONGEST = 3 * len(english.SCALES)  # digits of a number that has words; a longer one is spelt


def read(numerals: tf.Tensor) -> tf.Tensor:
    """The words of `numerals`, string [n], each matched by `PATTERN`, as string [n].

    Digits are read one by one if they start with a needless 0 or the mark SPELT, follow the point, or are
    more than 15. Four digits alone from 1100 to 2099 are a year. A sum of money with two decimals is spoken
    in two units. Letters after the mark ROMAN are a Roman number.
    """
    numerals = _arabic(numerals)
    sign, written, decimals, suffix, scale = (_field(numerals, number) for number in range(1, 6))
    digits = tf.strings.regex_replace(written, ",", "")
    size = tf.strings.length(digits)
    spelt = (size > 1) & tf.strings.regex_full_match(digits, "0.*") | (size > _LONGEST)
    spelt |= tf.strings.regex_full_match(numerals, f"{SPELT}.*")
    # The number as int64, of as many digits as fit
    value = tf.strings.to_number(tf.strings.regex_replace(digits, rf"^(\d{{{_LONGEST}}}).*", r"\1"), tf.int64)
    spelling = _spelt(digits)
    cardinal = tf.where(spelt, spelling, _grouped(value, ordinal=False))
    ordinal = tf.where(spelt, tf.strings.join([spelling, "th"]), _grouped(value, ordinal=True))
    bare = (sign == "") & (decimals == "") & ~spelt & tf.strings.regex_full_match(written, r"\d{4}")
    year = bare & (value >= english.FIRST_YEAR) & (value <= english.LAST_YEAR)
    index = tf.clip_by_value(value - english.FIRST_YEAR, 0, english.LAST_YEAR - english.FIRST_YEAR)
    counted = tf.where(year, tf.gather(np.array(english.years()), index), cardinal)
    exact = tf.where(decimals == "", counted, tf.strings.join([cardinal, " point ", _spelt(decimals)]))
    ordinals = tf.where(suffix == "ths", _plural(ordinal), ordinal)
    words = tf.where(suffix == "", exact, tf.where(suffix == "s", _plural(counted), ordinals))
    return tf.where(sign == "", words, _money(sign, value, decimals, scale, exact))


def _arabic(numerals: tf.Tensor) -> tf.Tensor:
    """`numerals` with digits in place of the mark and the letters of Roman numbers."""
    value = tf.zeros_like(numerals, tf.int32)
    for letter, worth in _LETTERS.items():
        value += worth * tf.strings.length(tf.strings.regex_replace(numerals, f"[^{letter}]", ""))
    for pair, excess in _SUBTRACTED.items():
        value -= excess * tf.cast(tf.strings.regex_full_match(numerals, f".*{pair}.*"), tf.int32)
    suffix = tf.strings.regex_replace(numerals, "[^th]", "")
    arabic = tf.strings.join([tf.strings.as_string(value), suffix])
    return tf.where(tf.strings.regex_full_match(numerals, f"{ROMAN}.*"), arabic, numerals)


def _field(numerals: tf.Tensor, number: int) -> tf.Tensor:
    return tf.strings.regex_replace(numerals, _FIELDS, rf"\{number}")


def _spelt(digits: tf.Tensor) -> tf.Tensor:
    """The word of each digit in `digits`, string [n]; other characters vanish."""
    words = tf.strings.regex_replace(digits, r"\D", "")
    for digit, word in enumerate(english.cardinals()[:10]):
        words = tf.strings.regex_replace(words, str(digit), word + " ")
    return tf.strings.strip(words)


def _plural(words: tf.Tensor) -> tf.Tensor:
    """Plural words, such as "nineties", "sixes", "fives"."""
    for ending, plural in (("y$", "ies"), ("x$", "xes"), ("([^s])$", r"\1s")):  # the last skips the others
        words = tf.strings.regex_replace(words, ending, plural)
    return words


def _grouped(value: tf.Tensor, ordinal: bool) -> tf.Tensor:
    """The cardinals or ordinals, string [n], of `value`, int64 [n] below 10^15."""
    cardinals, ordinals = np.array(english.cardinals()), np.array(english.ordinals())
    scales = np.array([f" {scale}".rstrip() for scale in reversed(english.SCALES)])
    powers = 1000 ** np.arange(len(scales), dtype=np.int64)[::-1]
    groups = value[:, tf.newaxis] // powers % 1000  # [n, groups], the highest first
    said = tf.cast(groups > 0, tf.int32)
    last = scales == ""  # [groups]
    place = tf.zeros_like(groups) + np.arange(len(scales))  # [n, groups]
    words = tf.strings.join([tf.gather(cardinals, groups), tf.gather(scales, place)])
    if ordinal:
        ends = tf.where(last, tf.gather(ordinals, groups), tf.strings.join([words, "th"]))
        words = tf.where(tf.cumsum(said, axis=1, exclusive=True, reverse=True) == 0, ends, words)
    first = tf.cumsum(said, axis=1, exclusive=True) == 0
    small = last & (groups < 100)  # "one thousand, one hundred" and "one thousand one"
    words = tf.strings.join([tf.where(first, "", tf.where(small, " ", ", ")), words])
    joined = tf.strings.reduce_join(tf.where(said == 1, words, ""), axis=1)  # [n]
    return tf.where(value == 0, (ordinals if ordinal else cardinals)[0], joined)


def _money(sign, value, decimals, scale, exact) -> tf.Tensor:
    """Sums of money, string [n]; each argument [n]."""
    # [n]; the first where there is no sign
    currency = sum(tf.where(sign == other, index, 0) for index, other in enumerate(english.CURRENCIES))
    one, many, hundredth, hundredths = (
        tf.gather(np.array(forms), currency) for forms in zip(*english.CURRENCIES.values(), strict=True)
    )
    in_two = (scale == "") & tf.strings.regex_full_match(decimals, r"\.\d\d")
    cents = tf.where(in_two, tf.strings.regex_replace(decimals, r"\.", ""), "0")
    cents = tf.strings.to_number(cents, tf.int64)
    unit = tf.where((value == 1) & (scale == "") & (in_two | (decimals == "")), one, many)
    whole = tf.where(in_two, _grouped(value, ordinal=False), exact)
    whole = tf.strings.join([whole, scale, " ", unit])
    rest = tf.strings.join([_grouped(cents, ordinal=False), " ", tf.where(cents == 1, hundredth, hundredths)])
    both = tf.where(value == 0, rest, tf.strings.join([whole, ", ", rest]))
    return tf.where(cents == 0, whole, both)
