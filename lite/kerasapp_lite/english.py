"""Written English to spoken English, as voices trained with the cleaner "english" expect it.

A port of cleaning.py, english.py and numerals.py in kerasapp's pipelines/speech/. A runtime without it has to
ask its users for text in words. `\\d`, `\\b` and `\\w` match ASCII here, as in RE2.
"""

import re
import unicodedata

from kerasapp_lite.vocabulary import squeeze

_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth"}
_ORDINALS |= {"nine": "ninth", "twelve": "twelfth"}
_SCALES = ("trillion", "billion", "million", "thousand", "")
_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
}
_TITLES = {
    "mr": "mister", "mrs": "missis", "ms": "miz", "dr": "doctor", "drs": "doctors", "st": "saint",
    "maj": "major", "gen": "general", "rev": "reverend", "lt": "lieutenant", "hon": "honorable",
    "sgt": "sergeant", "capt": "captain", "col": "colonel", "prof": "professor", "messrs": "messieurs",
    "ft": "fort", "mt": "mount",
}  # fmt: skip
_OTHERS = {
    "co": "company", "jr": "junior", "sr": "senior", "esq": "esquire", "ltd": "limited",
    "inc": "incorporated", "vs": "versus", "etc": "et cetera",
}  # fmt: skip
_MONEY = "[$£€]"
_PLAIN = (
    (rf"(\d) ?– ?({_MONEY}?\d)", r"\1 to \2"), ("[“”„‟«»″]", '"'), ("[‘’‚‛‹›′´`]", "'"), ("[‐‑‒–−]", "-"),
    ("[—―]", " -- "), ("…", "..."), ("№", "no. "), ("²", " squared "), ("³", " cubed "),
    (r"(\d) ?½", r"\1 and a half "), ("½", " half "), (r"(\d) ?¼", r"\1 and a quarter "), ("¼", " quarter "),
    (r"(\d) ?¾", r"\1 and three quarters "), ("¾", " three quarters "),
)  # fmt: skip
_LETTERS = (("[æÆ]", "ae"), ("[œŒ]", "oe"), ("[ßẞ]", "ss"))
_SIGNS = (
    ("%", " percent "), ("&", " and "), ("@", " at "), (r"\+", " plus "), ("=", " equals "), ("×", " times "),
    ("÷", " divided by "), ("°", " degrees "), ("/", " slash "), ("_", " "),
)  # fmt: skip
_SUM, _HOUR = rf"{_MONEY} ?\d[\d,]*(?:\.\d+)?", r"\b([01]?\d|2[0-3])"
_SHORT = (("k", "thousand"), ("(?:m|mn)", "million"), ("(?:b|bn)", "billion"), ("tn", "trillion"))
_BEFORE_NUMBERS = (
    (rf"(^|[ (\"'])-({_MONEY}?\.?\d)", r"\1minus \2"),
    (rf"(^|[ (\"'])({_MONEY}?)\.(\d)", r"\1\g<2>0.\3"),  # .5 and $.5
    (rf"\b(\d[\d,]*(?:\.\d+)?)({_MONEY})($|[^\d.])", r"\2\1\3"),  # 5€
    *((rf"({_SUM}) ?{short}\b", rf"\1 {name}") for short, name in _SHORT),  # $5m
    (r"(\d)¢", r"\1 cents"), (r"(\d) ?ft\.", r"\1 feet"), (r"#(\d)", r"number \1"),
    (r"\bno\. ?(\d)", r"number \1"), (rf"{_HOUR}:00\b", r"\1 o'clock"), (rf"{_HOUR}:0([1-9])\b", r"\1 oh \2"),
    (rf"{_HOUR}:([1-5]\d)\b", r"\1 \2"), (r"(\d\.\d+)\.(\d)", r"\1 point \2"),
    (r"(\d),(\d{1,2}(?:\D|$))", r"\1, \2"), (r"(\d),(\d{1,2}(?:\D|$))", r"\1, \2"),
    (r"(\d),(\d{4})", r"\1, \2"), (r"(\d{4}),(\d)", r"\1, \2"),
)  # fmt: skip
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
_NUMBER = re.compile(
    rf"({_MONEY}) ?({_DIGITS})(\.\d+)?( (?:hundred|thousand|million|billion|trillion)\b)?"
    rf"|({_DIGITS})(\.\d+|(?:st|nd|rd|th|s)\b)?",
    re.ASCII,
)
_LONGEST = 3 * len(_SCALES)  # digits of a number that has words; a longer one is spelt


def spoken(text):
    """`text` in small letters without accents, with numbers, money, abbreviations and signs as words."""
    text = squeeze(unicodedata.normalize("NFC", text))
    text = unicodedata.normalize("NFKD", _replaced(text, _PLAIN))
    text = "".join(c for c in text if not "\u0300" <= c <= "\u036f" and unicodedata.category(c) != "Cf")
    text = _replaced(_replaced(text, _LETTERS).lower(), _BEFORE_NUMBERS)
    text = squeeze(_replaced(_with_numbers_read(text), _SIGNS))
    text = _abbreviations(_replaced(text, [(r" +([,.;:!?)])", r"\1")]))
    return unicodedata.normalize("NFC", text)


def _replaced(text, rules):
    for pattern, rewrite in rules:
        text = re.sub(pattern, rewrite, text, flags=re.ASCII)
    return text


def _abbreviations(text):
    shorts = "|".join((*_TITLES, *_OTHERS))
    rules = [(rf"\b({shorts})\.\b", r"\1. "), (r"\bst\.(\"?$|,)", r"street\1")]
    rules += [(rf"\b{short}\.", words) for short, words in _TITLES.items()]
    for short, words in _OTHERS.items():
        rules += [(rf"\b{short}\.(\"?$)", rf"{words}.\1"), (rf"\b{short}\.", words)]
    return _replaced(text, rules)


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
    sign, money, cents, scale, bare, suffix = (group or "" for group in found.groups())
    written, suffix = money or bare, suffix or cents
    digits = written.replace(",", "")
    value = int(digits[:_LONGEST])
    spelt = (len(digits) > 1 and digits[0] == "0") or len(digits) > _LONGEST
    cardinal = _spelt(digits) if spelt else cardinals(value)
    year = not sign and suffix[:1] != "." and len(written) == 4 and 1100 <= value <= 2099
    counted = years(value) if year else cardinal
    if suffix[:1] == ".":
        counted = f"{cardinal} point {_spelt(suffix)}"
    elif suffix == "s":
        return _plural(counted)
    elif suffix:
        return f"{_spelt(digits)}th" if spelt else ordinals(value)
    return _money(sign, value, suffix, scale, counted) if sign else counted


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
