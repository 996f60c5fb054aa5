"""Written text to spoken text, as graph operations: the same for training and for serving.

cleaner = Cleaner("english")
cleaner(tf.constant(["Dr. Smith paid $1.50 in 1863."]))
# doctor smith paid one dollar, fifty cents in eighteen sixty-three.
"""

import tensorflow as tf
import tensorflow_text as tf_text

from pipelines.speech import english_rules as rules
from pipelines.speech import numerals
from pipelines.text.normalisation import normalise
from pipelines.text.sentences import squeeze

LANGUAGES = ("english_digits", "english", "none")

_OPEN, _CLOSE = "\x1e", "\x1f"  # around numbers; they are white space, so a squeezed text has none


class Cleaner(tf.Module):
    """Prepares text for a model that reads aloud.

    "none" brings the text to Unicode's form NFC and squeezes white space. "english" also makes letters small,
    removes their accents, makes typographic quotes and dashes plain, and turns numbers, dates, money, units,
    abbreviations and signs into words: no ASCII digit is left. "english_digits" reads each digit by itself.
    What has no words stays as it is. NUL, which ends a text in some libraries, becomes U+FFFD.

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
        text = normalise(tf.strings.regex_replace(text, r"\x00", "\N{REPLACEMENT CHARACTER}"), "NFC")
        if self.language == "none":
            return squeeze(text)
        text = _small(squeeze(_replaced(text, rules.GROUPED)))
        one_by_one = self.language == "english_digits"
        text = _replaced(text, rules.ONE_BY_ONE if one_by_one else rules.BEFORE_NUMBERS)
        text = squeeze(_replaced(_with_numbers_read(text), rules.SIGNS))
        return normalise(_replaced(text, rules.ABBREVIATIONS), "NFC")


def _replaced(text: tf.Tensor, some: rules.Rules) -> tf.Tensor:
    for pattern, rewrite in some:
        text = tf.strings.regex_replace(text, pattern, rewrite)
    return text


def _small(text: tf.Tensor) -> tf.Tensor:
    """Small letters without accents and typography, from a squeezed text in NFC."""
    text = _replaced(text, (*rules.SIGNS_OF_MEANING, *rules.PLAIN))
    text = tf_text.normalize_utf8(text, "NFKD")
    text = _replaced(text, (*rules.MARKS, *rules.CASED))
    # ASCII letters first: ICU follows the machine's language, and the Turkish I has another small letter
    return tf.strings.lower(tf.strings.lower(text), encoding="utf-8")


def _with_numbers_read(text: tf.Tensor) -> tf.Tensor:
    marked = [
        (f"({numerals.PATTERN})", rf"{_OPEN}\1{_CLOSE}"),
        # A number that touches a letter or another number becomes a word of its own
        (rf"(\pL){_OPEN}", rf"\1 {_OPEN}"),
        (rf"{_CLOSE}(\pL)", rf"{_CLOSE} \1"),
        (_CLOSE + _OPEN, f"{_CLOSE} {_OPEN}"),
        (_OPEN, _CLOSE),
    ]
    pieces = tf.strings.split(_replaced(text, marked), _CLOSE)  # [batch, pieces]: text, number, text, ...
    number = tf.strings.regex_full_match(pieces.flat_values, numerals.PATTERN)  # [all pieces]
    read = numerals.read(tf.where(number, pieces.flat_values, "0"))
    spoken = tf.where(number, read, pieces.flat_values)
    return tf.strings.reduce_join(pieces.with_flat_values(spoken), axis=1)  # [batch]
