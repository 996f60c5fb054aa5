"""Written English to spoken English, as voices trained with the cleaner "english" expect it.

A port of cleaning.py and numerals.py in kerasapp's pipelines/speech/, with the same rules: kerasapp writes
english.json. `\\d`, `\\b` and `\\w` match ASCII here, as in RE2.
"""

import json
import re
import unicodedata
from pathlib import Path

from kerasapp_lite.vocabulary import squeeze

_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth"}
_ORDINALS |= {"nine": "ninth", "twelve": "twelfth"}
_SCALES = ("trillion", "billion", "million", "thousand", "")
_LETTERS = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}

_FILE = json.loads((Path(__file__).parent / "english.json").read_text("utf-8"))
_CURRENCIES = _FILE.pop("currencies")
_SPELT, _ROMAN = map(_FILE.pop, ("spelt_mark", "roman_mark"))  # before digits to spell, and Roman numbers
_RULES = {
    name: [(re.compile(pattern, re.ASCII), re.sub(r"\\(\d)", r"\\g<\1>", new)) for pattern, new in rules]
    for name, rules in _FILE.items()
}
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
_NUMBER = re.compile(
    rf"{_SPELT}(\d+)|{_ROMAN}([ivxlcdm]+)(th)?"
    rf"|([{''.join(_CURRENCIES)}]) ?({_DIGITS})(\.\d+)?( (?:hundred|thousand|million|billion|trillion)\b)?"
    rf"|({_DIGITS})(\.\d+|(?:st|nd|rd|ths?|s)\b)?",
    re.ASCII,
)
_LONGEST = 3 * len(_SCALES)  # digits of a number that has words; a longer one is spelt


def spoken(text, one_by_one=False):
    """`text` in small letters without accents, with numbers, money, abbreviations and signs as words.

    Args:
        text: the text.
        one_by_one: read each digit by itself, as the cleaner "english_digits" does.
    """
    text = unicodedata.normalize("NFC", text.replace("\0", "\N{REPLACEMENT CHARACTER}"))
    text = _replaced(squeeze(_replaced(text, "grouped")), "signs_of_meaning", "plain")
    text = _replaced(unicodedata.normalize("NFKD", text), "marks", "cased").lower()
    text = _with_numbers_read(_replaced(text, "one_by_one" if one_by_one else "before_numbers"))
    text = _replaced(squeeze(_replaced(text, "signs")), "abbreviations")
    return unicodedata.normalize("NFC", text)


def _replaced(text, *lists):
    for pattern, rewrite in (rule for name in lists for rule in _RULES[name]):
        text = pattern.sub(rewrite, text)
    return text


def _with_numbers_read(text):
    """`text` with numbers as words, and a space where they touch a letter or each other."""
    parts, end = [], 0
    for found in _NUMBER.finditer(text):
        before, after = text[end : found.start()], text[found.end() : found.end() + 1]
        touches = before[-1:].isalpha() or (end and not before)
        parts += [before, " " if touches else "", _read(found), " " if after.isalpha() else ""]
        end = found.end()
    return "".join([*parts, text[end:]])


def _read(found):
    apart, roman, th, sign, money, cents, scale, bare, suffix = (group or "" for group in found.groups())
    written, suffix = apart or money or bare or str(_arabic(roman)), suffix or cents or th
    digits = written.replace(",", "")
    value = int(digits[:_LONGEST])
    spelt = apart or (len(digits) > 1 and digits[0] == "0") or len(digits) > _LONGEST
    cardinal = _spelt(digits) if spelt else cardinals(value)
    year = not sign and not apart and suffix[:1] != "." and len(written) == 4 and 1100 <= value <= 2099
    counted = years(value) if year else cardinal
    if suffix[:1] == ".":
        counted = f"{cardinal} point {_spelt(suffix)}"
    elif suffix == "s":
        return _plural(counted)
    elif suffix:
        ordinal = f"{_spelt(digits)}th" if spelt else ordinals(value)
        return _plural(ordinal) if suffix == "ths" else ordinal
    return _money(sign, value, suffix, scale, counted) if sign else counted


def _arabic(roman):
    """The value of a Roman number: the letters, less twice those before a greater one."""
    excess = {"i[vx]": 2, "x[lc]": 20, "c[dm]": 200}
    value = sum(_LETTERS[letter] for letter in roman)
    return value - sum(worth for pair, worth in excess.items() if re.search(pair, roman))


def _money(sign, value, decimals, scale, exact):
    one, many, hundredth, hundredths = _CURRENCIES[sign]
    in_two = not scale and len(decimals) == 3
    cents = int(decimals[1:]) if in_two else 0
    unit = one if value == 1 and not scale and (in_two or not decimals) else many
    whole = f"{cardinals(value) if in_two else exact}{scale} {unit}"
    rest = f"{cardinals(cents)} {hundredth if cents == 1 else hundredths}"
    return whole if not cents else f"{whole}, {rest}" if value else rest


def cardinals(value):
    """The words of a number below 10^15: 1863 gives "one thousand, eight hundred sixty-three"."""
    if not value:
        return "zero"
    words = ""
    for place, scale in enumerate(_SCALES):
        group = value // 1000 ** (len(_SCALES) - 1 - place) % 1000
        if group:
            comma = "" if not words else " " if not scale and group < 100 else ", "
            words += comma + _below_1000(group) + f" {scale}".rstrip()
    return words


def ordinals(value):
    """The words of an ordinal number: 21 gives "twenty-first"."""
    head, mark, last = re.match(r"(.*?)([ -]?)(\w+)$", cardinals(value)).groups()
    last = _ORDINALS.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")
    return f"{head}{mark}{last}"


def years(value):
    """The words of a year from 1100 to 2099: 1803 gives "eighteen oh three"."""
    high, low = divmod(value, 100)
    if high % 10 == 0 and low < 10:
        return cardinals(value)
    rest = "hundred" if not low else f"oh {_ONES[low]}" if low < 10 else _below_1000(low)
    return f"{_below_1000(high)} {rest}"


def _below_1000(value):
    hundreds, rest = divmod(value, 100)
    words = [f"{_ONES[hundreds]} hundred"] if hundreds else []
    if rest >= 20:
        words.append(_TENS[rest // 10] + (f"-{_ONES[rest % 10]}" if rest % 10 else ""))
    elif rest:
        words.append(_ONES[rest])
    return " ".join(words)


def _spelt(digits):
    return " ".join(_ONES[int(digit)] for digit in digits if digit.isdigit())


def _plural(words):
    if words.endswith("y"):
        return f"{words[:-1]}ies"
    return words if words.endswith("s") else f"{words}{'es' if words.endswith('x') else 's'}"
