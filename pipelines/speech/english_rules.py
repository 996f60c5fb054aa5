"""Rules that bring written English to words: regular expressions, and what takes the place of a match.

Each rule is (pattern, rewrite). It applies to the whole text, in the order of its list. The patterns mean the
same in RE2, in Python's `re` with `re.ASCII`, and in ICU. RE2 cannot look ahead, so a rule takes the
character that follows and puts it back. In a rewrite, `\\1` is the first group and `\\0` the match.

`pipelines.speech.cleaning` applies the lists in the order in which they stand here. `kerasapp_lite` applies
the same ones, from a file that this module writes:

    python -m pipelines.speech.english_rules > lite/kerasapp_lite/english.json
"""

import json

from pipelines.speech import english
from pipelines.speech.english import MONEY

SPELT, ROMAN = "\x1c", "\x1d"
"""The marks before digits that are read one by one, and before a Roman number. Both are white space, so a
squeezed text has none."""

Rules = tuple[tuple[str, str], ...]

# === The text as it was written, in the form NFC ===

GROUPED: Rules = 2 * ((r"(\d)[" + "\u00a0\u2007\u2009\u202f" + r"](\d{3})\b", r"\1\2"),)
"""1 000 000 with spaces that do not break, before white space is squeezed."""

_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_POWER_OF = r"([\d)]|\b[A-Za-z])"  # 10⁶, x⁴, (a+b)⁴; after a longer word it is the number of a note
_FRACTION_SIGNS = "⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅟↉"
_NUMBERED_SIGNS = "①-⒛⓪㉑-㉟㊱-㋋㍘-㍰㏠-㏾🄀-🄊"  # ① ⑴ ⒈ and days, hours and months of East Asia

SIGNS_OF_MEANING: Rules = (
    ("≠", " does not equal "),
    ("≤", " less than or equal to "),
    ("≥", " greater than or equal to "),
    ("≈", " approximately "),
    ("±", " plus or minus "),
    ("™", " trademark "),
    ("§ ?", " section "),
    ("㎡", " m² "),
    ("㎥", " m³ "),
    ("㎢", " km² "),
    ("㎤", " cm³ "),
    *2 * ((rf"(^|[^{_RAISED}⁻])²($|[^{_RAISED}])", r"\1 squared \2"),),  # twice, for "x²y²"
    *2 * ((rf"(^|[^{_RAISED}⁻])³($|[^{_RAISED}])", r"\1 cubed \2"),),
    (rf"{_POWER_OF}⁻([{_RAISED}]+)", r"\1 to the minus \2 "),
    (rf"{_POWER_OF}([{_RAISED}]{{2,}}|[⁰⁴-⁹])", r"\1 to the \2th "),
    (rf"{_POWER_OF}ⁿ", r"\1 to the n "),
    (rf"([{_RAISED}]+)($|[^{_RAISED}t])", r" \1 \2"),
    ("(\\d)º", r"\1°"),
    (r"(\d)([₀-₉])", r"\1 \2"),
    ("[⁻₋]", " minus "),
    *(
        (rf"(^|[^\d/.,]){over}[/⁄]{under}($|[^\d/])", rf"\1{sign}\2")
        for over, under, sign in ((1, 2, "½"), (1, 4, "¼"), (3, 4, "¾"))
    ),
    (rf"(\d) ?([{_FRACTION_SIGNS}])", r"\1 and \2"),
    (f"[{_FRACTION_SIGNS}{_NUMBERED_SIGNS}]", r" \0 "),
)
"""Signs that lose their meaning in NFKD, which makes "=" of "≠", "106" of "10⁶" and "11⁄3" of "1⅓"."""

PLAIN: Rules = (
    (rf"(\d) ?– ?({MONEY}?\d)", r"\1 to \2"),
    *english.PUNCTUATION,
    *(
        rule
        for sign, alone, added in english.FRACTIONS
        for rule in ((rf"(\d) ?{sign}", rf"\1 and {added} "), (sign, f" {alone} "))
    ),
)
"""Typography to plain signs."""

# === After NFKD, which splits ligatures and full-width characters too ===

_MARKS = "\u0300-\u0337\u0339-\u036f"  # accents; U+0338 negates a sign
_INVISIBLE = (  # format characters: joiners, soft hyphens, marks of direction
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)

MARKS: Rules = (
    (f"[{_INVISIBLE}]", ""),
    (f"(^|[^\u0370-\u052f{_MARKS}])[{_MARKS}]+", r"\1"),  # not of Greek and Cyrillic: й is no и
    ("[æÆ]", "ae"),
    ("[œŒ]", "oe"),
    ("[ßẞ]", "ss"),
    ("[‐‑‒–−]", "-"),  # those that NFKD has made
    ("[—―]", " -- "),
)
"""Accents and invisible characters away."""

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DAY = r"0?(3[01]|[12]\d|[1-9])"
_DAY_END = r"(?:st|nd|rd|th)?($|[^\w:,.%/-]|[,.](?:$|\D))"
_ROMAN = (  # of two letters or more; of three where two could be a word
    "(?:X{1,3}(?:IX|IV|VI{0,3}|I{1,3})|XX{1,2}|IX|IV|VI{1,3}|II{1,2}"
    "|XL(?:IX|IV|VI{0,3}|I{1,3})|LX{1,3}(?:IX|IV|VI{0,3}|I{0,3})|L(?:IX|IV|VI{1,3}|II{1,2})"
    "|C{1,3}(?:XC|XL|L?X{1,3})(?:IX|IV|VI{0,3}|I{1,3})|MCM[CXLVI]+|MD[CXLVI]{2,}|MM[XLVI]{2,})"
)
_FIRST_END = r"($|[^ \w']| (?:of|and|was|is|had|in|to|who)\b)"  # else the I is a person
_PARTS = "Chapter|Part|Act|Scene|Volume|Vol\\.|Book|Section|Article|Appendix|World War|Phase|Type|Class"
_PARTS = f"(?:{_PARTS}|CHAPTER|PART|ACT|SCENE|VOLUME|BOOK|SECTION)"
_RULERS = (
    "(?i:Alexander|Benedict|Catherine|Charles|Clement|Edward|Elizabeth|Ferdinand|Francis|Frederick|George"
    "|Gregory|Henry|Innocent|Ivan|James|John|Leo|Leopold|Louis|Ludwig|Mary|Napoleon|Nicholas|Otto|Paul|Peter"
    "|Philip|Pius|Ramesses|Richard|Urban|Wilhelm|William)"
)
_RANKS = "(?:King|Queen|Pope|Emperor|Empress|Kaiser|Tsar|Czar|Prince|Sultan)"
_UNITS_WITH_STOP = "ft|lbs?|oz|yd|mi|qt|gal|min|sec|hrs?|yrs?|cm|mm|km|kg|mg|ml"

CASED: Rules = (
    *((rf"\b{month[:3]}\.? ?(\d)", rf"{month} \1") for month in _MONTHS.split("|") if month != "May"),
    (r"\bSept\.? ?(\d)", r"September \1"),
    (rf"\b({_MONTHS}) {_DAY} ?- ?{_DAY}{_DAY_END}", r"\1 \2th to \3th\4"),
    (rf"\b({_MONTHS}) {_DAY}{_DAY_END}", r"\1 \2th\3"),
    (rf"(^|[ (\"']){_DAY} ({_MONTHS})\b", r"\1\2th \3"),
    (rf"(\d ?(?:{_UNITS_WITH_STOP}))\.( [a-z]|[,;])", r"\1\2"),
    (r"(\d) ?in\.( [a-z]|[,;])", r"\1 inches\2"),
    (rf"\b({_RANKS} [A-Z]\w+) ({_ROMAN}|[VX])\b", rf"\1 the {ROMAN}\2th"),
    (rf"\b({_RANKS} [A-Z]\w+) I{_FIRST_END}", rf"\1 the {ROMAN}Ith\2"),
    (rf"\b({_RULERS}) ({_ROMAN}|[VX])\b", rf"\1 the {ROMAN}\2th"),
    (rf"\b({_ROMAN}|[VX]) ([Cc]entur|[Dd]ynast)", rf"{ROMAN}\1th \2"),
    (rf"\b({_PARTS}) ([VX])\b", rf"\1 {ROMAN}\2"),
    (rf"\b({_PARTS}) I{_FIRST_END}", rf"\1 {ROMAN}I\2"),
    (rf"(^|[^\w{ROMAN}])({_ROMAN})\b", rf"\1{ROMAN}\2"),
)
"""What capitals tell: months, Roman numbers, and a full stop that ends no sentence."""

# === In small letters: numbers get the form that `numerals.read` takes ===

_SUM = rf"{MONEY} ?\d[\d,]*(?:\.\d+)?"
_OPENING = r"(^|[ (\"'])"
_HOUR = r"\b([01]?\d|2[0-3])"
_DENOMINATOR = "(3|5|6|7|8|9|10|12|16|32|64|100)"
_MONTH_NUMBER, _DAY_NUMBER = "(0?[1-9]|1[0-2])", r"(0?[1-9]|[12]\d|3[01])"

_SUMS: Rules = (
    (rf"{_OPENING}-({MONEY}?\.?\d)", r"\1minus \2"),
    (rf"({MONEY})-(\d)", r"minus \1\2"),
    (rf"{_OPENING}({MONEY}?)\.(\d)", r"\1\20.\3"),  # .5 and $.5
    (r"\b(\d{1,3})'(\d{3})\b", r"\1\2"),
    (rf"({MONEY} ?\d{{1,3}}) (\d{{3}})\b(?: (\d{{3}})\b)?", r"\1\2\3"),  # € 5 000
    (rf"\b(\d{{1,3}}) (\d{{3}})(?: (\d{{3}}))?( ?{MONEY})($|[^\d.])", r"\1\2\3\4\5"),  # 5 000 €
    (r"\b(\d{1,3}) 000\b(?: (000)\b)?", r"\1000\2"),
    (r"\b(\d{1,2}),(\d\d),(\d{3})\b", r"\1\2\3"),  # 1,00,000
    (rf"\b(\d(?:[\d,]*\d)?(?:\.\d+)?) ?({MONEY})($|[^\d. ]| (?:$|\D))", r"\2\1\3"),  # 5€
    *((rf"({_SUM}) ?{short}\b", rf"\1 {name}") for short, name in english.SHORT_SCALES),  # $5m
    (r"(\d)¢", r"\1 cents"),
)

_DATES: Rules = (  # to month/day/year, then to words
    (r"\b(1\d{3}|20\d\d)-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?:t|\b)", r"\2/\3/\1 "),
    (rf"\b{_DAY_NUMBER}\.{_MONTH_NUMBER}\.(\d{{4}})\b", r"\2/\1/\3"),
    (rf"\b{_MONTH_NUMBER}-{_DAY_NUMBER}-(\d{{4}})\b", r"\1/\2/\3"),
    (rf"\b(1[3-9]|2\d|3[01])/{_MONTH_NUMBER}/(\d{{4}}|\d\d)\b", r"\2/\1/\3"),
    *(
        (rf"\b0?{number}/{_DAY}/(\d{{4}}|\d\d)\b", rf"{month.lower()} \1th, \2")
        for number, month in enumerate(_MONTHS.split("|"), 1)
    ),
)

_TELEPHONES: Rules = (  # and other groups of digits that count nothing, such as an ISBN
    (r"\((\d{3})\)[ .-]?(\d{3})[ .-](\d{4})\b", rf"{SPELT}\1, {SPELT}\2, {SPELT}\3"),
    (r"\b(\d{3})[ .-](\d{3})[ .-](\d{4})\b", rf"{SPELT}\1, {SPELT}\2, {SPELT}\3"),
    (rf"\b1[ .-]({SPELT})", rf"{SPELT}1, \1"),
    (r"\b1-(8\d\d)-", rf"{SPELT}1, {SPELT}\1, "),
    (r"\b([2-9]\d\d)-(0\d{3}|\d{3}[1-9])\b", rf"{SPELT}\1, {SPELT}\2"),
    (r"\b(\d+)-(\d+)-(\d+)\b", rf"{SPELT}\1, {SPELT}\2, {SPELT}\3"),
    *3 * ((rf"({SPELT}\d+)-(\d+)", rf"\1, {SPELT}\2"),),
    (r"\+(\d{7,})\b", rf" plus {SPELT}\1"),
    (rf"\+(\d{{1,3}})[ .-]({SPELT})", rf" plus {SPELT}\1, \2"),
    (
        r"\+(\d{1,3}) (\d{1,4}) (\d{2,4}) (\d{2,4})(?: (\d{2,4}))?(?: (\d{2,4}))?\b",
        " plus " + ", ".join(rf"{SPELT}\{group}" for group in range(1, 7)),
    ),
    (rf"(?:, {SPELT})+($|[^\d{SPELT}])", r"\1"),
)

_TIMES: Rules = (
    (r"(\d ?[ap]\.?m\b\.?) ?- ?(\d)", r"\1 to \2"),
    (rf"{_HOUR}:([0-5]\d) ?- ?(\d\d?:\d\d)", r"\1:\2 to \3"),
    (rf"{_HOUR}:([0-5]\d)([ap]\.?m\b)", r"\1:\2 \3"),
    (rf"{_HOUR}:00( [ap]\.?m\b)", r"\1\2"),
    (rf"{_HOUR}:([0-5]\d):0?([1-5]?\d)\b", r"\1:\2 and \3 seconds"),
    (rf"{_HOUR}:00(?: o'clock)?\b", r"\1 o'clock"),
    (rf"{_HOUR}:0([1-9])\b", r"\1 oh \2"),
    (rf"{_HOUR}:([1-5]\d)\b", r"\1 \2"),
    (r"(\d):(\d)", r"\1 to \2"),
)

_RATIOS: Rules = (
    (r"\b24[/-]7\b", "24 7"),
    (r"\b50[/-]50\b", "50 50"),
    (rf"(\d) (1[0-5]|[1-9])[/⁄]{_DENOMINATOR}($|[^\d/])", r"\1 and \2/\3\4"),
    (rf"(^|[^\d/.,])1[/⁄]{_DENOMINATOR}($|[^\d/])", r"\1one \2th\3"),
    (rf"(^|[^\d/.,])(1[0-5]|[2-9])[/⁄]{_DENOMINATOR}($|[^\d/])", r"\1\2 \3ths\4"),
    (rf"(\d%?)-({MONEY}?(?:[1-9]|0\.))", r"\1 to \2"),
    (r"(\d)/(hour|day|week|month|year|person)\b", r"\1 per \2"),
)

_UNITS: Rules = (
    (r"(\d)'(\d{1,2})\"", r"\1 feet \2 inches"),
    (r"(\d) ?ft\.", r"\1 feet"),
    (r"(\d ?)((?:[kcm]?m|ft|in|mi|yd)) squared\b", r"\1square \2"),
    (r"(\d ?)((?:[kcm]?m|ft|in|mi|yd)) cubed\b", r"\1cubic \2"),
    (r"(\d) ?sq\.? ft\b", r"\1 square feet"),
    *((rf"(\d(?: square| cubic)?) ?(?:{short})\b", rf"\1 {name}") for short, name in english.UNITS),
    *((rf"(\d(?: square| cubic)?) {short}\b", rf"\1 {name}") for short, name in english.LETTER_UNITS),
    (r"\bkm/h\b", "kilometers per hour"),
    (rf"(^|[^\d.,])1 ((?:square |cubic )?(?:{english.SINGULAR_UNITS}))s\b", r"\11 \2"),
    (r"(^|[^\d.,])1 ((?:square |cubic )?)feet\b", r"\11 \2foot"),
    (r"(^|[^\d.,])1 ((?:square |cubic )?inch)es\b", r"\11 \2"),
    (r"° ?c\b", " degrees celsius"),
    (r"° ?f\b", " degrees fahrenheit"),
)

_COUNTED: Rules = (
    (r"#(\d)", r"number \1"),
    *((rf"\b{short}\. *([\d{ROMAN}])", rf"{word} \1") for short, word in english.BEFORE_NUMBERS),
)

_SEPARATORS: Rules = (
    (r"(\d\.\d+)\.(\d)", r"\1 point \2"),  # 192.168.0.1
    # A comma before more or fewer than three digits separates no thousands; twice, for "1,2,3"
    *2 * ((r"(\d),(\d{1,2}(?:\D|$))", r"\1, \2"),),
    (r"(\d),(\d{4})", r"\1, \2"),
    (r"(\d{4}),(\d)", r"\1, \2"),
)

ONE_BY_ONE: Rules = ((r"(\d)\.(\d)", r"\1 point \2"), (r"(\d)", r"\1 "))
"""In place of BEFORE_NUMBERS, for a voice that reads digits one by one."""

BEFORE_NUMBERS: Rules = (
    *_SUMS, *_DATES, *_TELEPHONES, *_TIMES, *_RATIOS, *_UNITS, *_COUNTED, *_SEPARATORS
)  # fmt: skip

# === After the numbers ===

SIGNS: Rules = ((r"\band/or\b", "and or"), (r"\bw/o\b", "without"), (r"\bw/ ", "with "), *english.SIGNS)


def _abbreviations() -> Rules:
    end = r"(\"?$)"
    shorts = "|".join((*english.TITLES, *english.OTHER_ABBREVIATIONS))
    rules = [
        (r" +([,.;:!?)])", r"\1"),
        (rf"\b({shorts})\.\b", r"\1. "),  # mr.smith
        (r"\bst\.(\"?$|,)", r"street\1"),
        (r"\be\.g\.", "for example"),
        (r"\bi\.e\.", "that is"),
        *((rf"\b{short}\.", words) for short, words in english.TITLES.items()),
    ]
    for short, words in english.OTHER_ABBREVIATIONS.items():
        rules += [(rf"\b{short}\.{end}", rf"{words}.\1"), (rf"\b{short}\.", words)]
    return tuple(rules)


ABBREVIATIONS: Rules = _abbreviations()


def as_json() -> str:
    """The rules, their marks, and the words of money, as `kerasapp_lite` reads them."""
    lists = {
        "grouped": GROUPED,
        "signs_of_meaning": SIGNS_OF_MEANING,
        "plain": PLAIN,
        "marks": MARKS,
        "cased": CASED,
        "one_by_one": ONE_BY_ONE,
        "before_numbers": BEFORE_NUMBERS,
        "signs": SIGNS,
        "abbreviations": ABBREVIATIONS,
    }
    others = {"currencies": english.CURRENCIES, "spelt_mark": SPELT, "roman_mark": ROMAN}
    return json.dumps({**lists, **others}, indent=1) + "\n"


if __name__ == "__main__":
    print(as_json(), end="")
