"""Unicode normalisation: of tensors, of Python strings, and of texts that come in pieces."""

import unicodedata
from collections.abc import Iterable, Iterator

import tensorflow as tf
import tensorflow_text as tf_text

NORMALISATIONS = ("NFC", "NFKC", "none")


def checked_form(form: str) -> str:
    """`form`. Raises ValueError where it is none of `NORMALISATIONS`."""
    if form not in NORMALISATIONS:
        raise ValueError(f"normalisation is {form!r}: expected one of {', '.join(NORMALISATIONS)}")
    return form


def normalise(text: tf.Tensor, form: str = "NFC") -> tf.Tensor:
    """UTF-8 strings in a Unicode normalisation form.

    Args:
        text: strings of any shape. Bytes that are not UTF-8 become U+FFFD.
        form: "NFC", "NFKC" (which also turns the Chinese "，！？" into ",!?"), or "none".

    Returns:
        Strings of the same shape, always valid UTF-8.
    """
    checked_form(form)
    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8")  # ICU's normaliser lets malformed bytes pass
    return text if form == "none" else tf_text.normalize_utf8(text, form)


def normalise_string(text: str, form: str) -> str:
    """`normalise` for a Python string."""
    if text.isascii() or form == "none":  # ASCII is in every form already
        return text
    return tf_text.normalize_utf8(tf.constant(text), form).numpy().decode()


def normalise_pieces(pieces: Iterable[str], form: str) -> Iterator[str]:
    """The pieces of a text, normalised as if they were one string; they are cut at other positions."""
    held = ""
    for piece in pieces:
        held += piece
        if cut := _safe_cut(held):
            yield normalise_string(held[:cut], form)
            held = held[cut:]
    if held:
        yield normalise_string(held, form)


def _safe_cut(text: str) -> int:
    """The last position where `text` can be cut so that both parts can be normalised alone; 0 if none.

    That is before a character that never composes with an earlier one: any ASCII character, and any other
    that is no mark and no medial or final Hangul letter.
    """
    for position in range(len(text) - 1, 0, -1):
        character = text[position]
        if character < "\x80":
            return position
        # A character that this Python does not know ("Cn") may be a composing mark in a newer Unicode.
        if unicodedata.category(character)[0] in "LNPSZ" and not "\u1160" <= character <= "\u11ff":
            return position
    return 0
