"""Written text to spoken text, as graph operations: the same for training and for serving.

cleaner = Cleaner("english")
cleaner(tf.constant(["Dr. Smith paid $1.50 in 1863."]))
# doctor smith paid one dollar, fifty cents in eighteen sixty-three.
"""

import tensorflow as tf
import tensorflow_text as tf_text

from pipelines.speech import english, numerals
from pipelines.text.normalisation import normalise
from pipelines.text.sentences import squeeze

LANGUAGES = ("english", "none")

_OPEN, _CLOSE = "\x1e", "\x1f"  # around numbers; they are white space, so a squeezed text has none
_SUM = rf"{english.MONEY} ?\d[\d,]*(?:\.\d+)?"
_OPENING = r"(^|[ (\"'])"
_HOUR = r"\b([01]?\d|2[0-3])"

# Applied in this order, they give numbers the form that `numerals.read` takes. RE2 cannot look ahead.
_BEFORE_NUMBERS = (
    (rf"{_OPENING}-({english.MONEY}?\.?\d)", r"\1minus \2"),
    (rf"{_OPENING}({english.MONEY}?)\.(\d)", r"\1\20.\3"),  # .5 and $.5
    (rf"\b(\d[\d,]*(?:\.\d+)?)({english.MONEY})($|[^\d.])", r"\2\1\3"),  # 5€
    *((rf"({_SUM}) ?{short}\b", rf"\1 {name}") for short, name in english.SHORT_SCALES),  # $5m
    (r"(\d)¢", r"\1 cents"),
    (r"(\d) ?ft\.", r"\1 feet"),
    (r"#(\d)", r"number \1"),
    (r"\bno\. ?(\d)", r"number \1"),
    (rf"{_HOUR}:00\b", r"\1 o'clock"),
    (rf"{_HOUR}:0([1-9])\b", r"\1 oh \2"),
    (rf"{_HOUR}:([1-5]\d)\b", r"\1 \2"),
    (r"(\d\.\d+)\.(\d)", r"\1 point \2"),  # 192.168.0.1
    # A comma before more or fewer than three digits separates no thousands; twice, for "1,2,3"
    (r"(\d),(\d{1,2}(?:\D|$))", r"\1, \2"),
    (r"(\d),(\d{1,2}(?:\D|$))", r"\1, \2"),
    (r"(\d),(\d{4})", r"\1, \2"),
    (r"(\d{4}),(\d)", r"\1, \2"),
)


class Cleaner(tf.Module):
    """Prepares text for a model that reads aloud.

    "none" brings the text to Unicode's form NFC and squeezes white space. "english" also makes letters small,
    removes their accents, makes typographic quotes and dashes plain, and turns numbers, money, abbreviations
    and signs into words: no ASCII digit is left. What has no words stays as it is.

    Args:
        language: one of `LANGUAGES`.
    """

    def __init__(self, language: str = "english"):
        super().__init__(name="cleaner")
        if language not in LANGUAGES:
            raise ValueError(f"language is {language!r}: expected one of {', '.join(LANGUAGES)}")
        self.language = language

    def __call__(self, text: tf.Tensor) -> tf.Tensor:
        """The cleaned `text`, string [batch] -> string [batch]: always valid UTF-8, one line each."""
        text = squeeze(normalise(text, "NFC"))
        if self.language == "english":
            text = squeeze(_replaced(_with_numbers_read(_plain(text)), english.SIGNS))
            text = _abbreviations(_replaced(text, [(r" +([,.;:!?)])", r"\1")]))
            text = normalise(text, "NFC")
        return text


def _replaced(text: tf.Tensor, rules) -> tf.Tensor:
    for pattern, rewrite in rules:
        text = tf.strings.regex_replace(text, pattern, rewrite)
    return text


def _plain(text: tf.Tensor) -> tf.Tensor:
    """Lower case, without accents and typography; fractions and raised digits as words."""
    text = _replaced(
        text, [(rf"(\d) ?– ?({english.MONEY}?\d)", r"\1 to \2"), *english.PUNCTUATION, *english.RAISED]
    )
    for sign, alone, added in english.FRACTIONS:
        text = _replaced(text, [(rf"(\d) ?{sign}", rf"\1 and {added} "), (sign, f" {alone} ")])
    # NFKD splits ligatures and full-width characters too; Cf are invisible characters: joiners, soft hyphens
    text = tf_text.normalize_utf8(text, "NFKD")
    text = _replaced(text, [(r"[\x{300}-\x{36f}\p{Cf}]", ""), ("[æÆ]", "ae"), ("[œŒ]", "oe"), ("[ßẞ]", "ss")])
    # ASCII letters first: ICU follows the machine's language, and the Turkish I has another small letter
    return tf.strings.lower(tf.strings.lower(text), encoding="utf-8")


def _abbreviations(text: tf.Tensor) -> tf.Tensor:
    end = r"(\"?$)"
    shorts = "|".join((*english.TITLES, *english.OTHER_ABBREVIATIONS))
    rules = [(rf"\b({shorts})\.\b", r"\1. ")]  # mr.smith
    rules += [(r"\bst\.(\"?$|,)", r"street\1")]
    rules += [(rf"\b{short}\.", words) for short, words in english.TITLES.items()]
    for short, words in english.OTHER_ABBREVIATIONS.items():
        rules += [(rf"\b{short}\.{end}", rf"{words}.\1"), (rf"\b{short}\.", words)]
    return _replaced(text, rules)


def _with_numbers_read(text: tf.Tensor) -> tf.Tensor:
    text = _replaced(text, _BEFORE_NUMBERS)
    rules = [
        (f"({numerals.PATTERN})", rf"{_OPEN}\1{_CLOSE}"),
        # A number that touches a letter or another number becomes a word of its own
        (rf"(\pL){_OPEN}", rf"\1 {_OPEN}"),
        (rf"{_CLOSE}(\pL)", rf"{_CLOSE} \1"),
        (_CLOSE + _OPEN, f"{_CLOSE} {_OPEN}"),
        (_OPEN, _CLOSE),
    ]
    pieces = tf.strings.split(_replaced(text, rules), _CLOSE)  # [batch, pieces]: text, number, text, ...
    number = tf.strings.regex_full_match(pieces.flat_values, numerals.PATTERN)  # [all pieces]
    read = numerals.read(tf.where(number, pieces.flat_values, "0"))
    spoken = tf.where(number, read, pieces.flat_values)
    return tf.strings.reduce_join(pieces.with_flat_values(spoken), axis=1)  # [batch]
