"""English words for figures and signs: the tables of `pipelines.speech.cleaning`. No TensorFlow.

The library num2words gives the numbers; "and" is removed, as Americans (and LJSpeech's speaker) read them:
"one hundred one", "eighteen oh three". Patterns are for RE2. All but PUNCTUATION are for small letters.
"""

import functools

import num2words

FIRST_YEAR, LAST_YEAR = 1100, 2099
"""Four digits alone in this range are read as a year."""

SCALES = ("", "thousand", "million", "billion", "trillion")
"""The names of groups of three digits, from the right."""

SHORT_SCALES = (("k", "thousand"), ("(?:m|mn)", "million"), ("(?:b|bn)", "billion"), ("tn", "trillion"))
"""Abbreviations of scales in sums of money."""

CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₺": ("lira", "lira", "kurush", "kurush"),
    "₪": ("shekel", "shekels", "agora", "agorot"),
}
"""The words of a sign: one, several, one hundredth, several hundredths."""

MONEY = "[" + "".join(CURRENCIES) + "]"
"""The pattern of one of the signs."""

TITLES = {
    "mr": "mister",
    "mrs": "missis",
    "ms": "miz",
    "dr": "doctor",
    "drs": "doctors",
    "st": "saint",
    "maj": "major",
    "gen": "general",
    "rev": "reverend",
    "lt": "lieutenant",
    "hon": "honorable",
    "sgt": "sergeant",
    "capt": "captain",
    "col": "colonel",
    "prof": "professor",
    "messrs": "messieurs",
    "ft": "fort",
    "mt": "mount",
}
"""Abbreviations with a full stop that stand before a name: no sentence ends at one.

These and OTHER_ABBREVIATIONS began as those of keithito/tacotron's cleaners.
"""

OTHER_ABBREVIATIONS = {
    "co": "company",
    "jr": "junior",
    "sr": "senior",
    "esq": "esquire",
    "ltd": "limited",
    "inc": "incorporated",
    "vs": "versus",
    "etc": "et cetera",
}
"""Abbreviations with a full stop that may end a sentence."""

BEFORE_NUMBERS = (
    ("no", "number"),
    ("nos", "numbers"),
    ("p", "page"),
    ("pp", "pages"),
    ("vol", "volume"),
    ("fig", "figure"),
    ("ch", "chapter"),
    ("sec", "section"),
    ("art", "article"),
)
"""Abbreviations with a full stop that stand before a number."""

UNITS = (
    ("km/h|kph", "kilometers per hour"),
    ("mph", "miles per hour"),
    ("m/s", "meters per second"),
    ("km", "kilometers"),
    ("cm", "centimeters"),
    ("mm", "millimeters"),
    ("μm", "micrometers"),
    ("kg", "kilograms"),
    ("mg", "milligrams"),
    ("μg", "micrograms"),
    ("lbs?", "pounds"),
    ("oz", "ounces"),
    ("ml", "milliliters"),
    ("mi", "miles"),
    ("yd", "yards"),
    ("ft", "feet"),
    ("hrs?", "hours"),
    ("min", "minutes"),
    ("sec", "seconds"),
    ("yrs?", "years"),
    ("kwh", "kilowatt hours"),
    ("kw", "kilowatts"),
    ("hz", "hertz"),
    ("khz", "kilohertz"),
    ("mhz", "megahertz"),
    ("ghz", "gigahertz"),
    ("kb", "kilobytes"),
    ("mb", "megabytes"),
    ("gb", "gigabytes"),
    ("tb", "terabytes"),
    ("db", "decibels"),
    ("kcal", "kilocalories"),
)
"""Units after a number: the pattern of the abbreviation, and several of the unit."""

LETTER_UNITS = (("m", "meters"), ("g", "grams"), ("l", "liters"))
"""Units of a single letter: only after a number and a space."""

_FIRST_WORDS = [name.split(" per ")[0] for _, name in UNITS + LETTER_UNITS]
SINGULAR_UNITS = "|".join(name[:-1] for name in _FIRST_WORDS if name.endswith("s"))
"""The pattern of one unit without the s of the plural."""

PUNCTUATION = (
    ("[“”„‟«»″]", '"'),
    ("[‘’‚‛‹›′´`]", "'"),
    ("[‐‑‒–−]", "-"),
    ("[—―]", " -- "),
    ("…", "..."),
    ("№", "no. "),
)
"""Typographic signs -> plain ones; the dash is written as in LJSpeech."""

SIGNS = (
    ("%", " percent "),
    ("&", " and "),
    ("@", " at "),
    (r"\+", " plus "),
    ("=", " equals "),
    ("×", " times "),
    ("÷", " divided by "),
    ("°", " degrees "),
    ("/", " slash "),
    ("_", " "),
)
"""Signs that are read as words wherever they stand."""

FRACTIONS = (
    ("½", "half", "a half"),
    ("¼", "quarter", "a quarter"),
    ("¾", "three quarters", "three quarters"),
)
"""A sign, its words where it stands alone, and its words after a number and "and"."""


@functools.cache
def cardinals() -> tuple[str, ...]:
    """The words of 0 to 999."""
    return tuple(_american(num2words.num2words(number)) for number in range(1000))


@functools.cache
def ordinals() -> tuple[str, ...]:
    """The words of the 0th to the 999th."""
    return tuple(_american(num2words.num2words(number, to="ordinal")) for number in range(1000))


@functools.cache
def years() -> tuple[str, ...]:
    """The words of the years FIRST_YEAR to LAST_YEAR."""
    words = (num2words.num2words(year, to="year") for year in range(FIRST_YEAR, LAST_YEAR + 1))
    return tuple(_american(year).replace("oh-", "oh ") for year in words)


def _american(words: str) -> str:
    return words.replace(" and ", " ")
