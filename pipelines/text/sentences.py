"""Sentences to token ids and back, as graph operations: the same for training and for serving.

ids = encode(tokenizer, tf.constant(["  Good\tmorning. "]))         # the ids of "Good morning."
decode(tokenizer, ids.to_tensor(), ids.row_lengths())               # [b"Good morning."]
"""

import re

import tensorflow as tf

from pipelines.text.normalisation import normalise
from pipelines.text.tokenizers import Tokenizer

# The characters that Python's str.split() splits at, for RE2.
_WHITE_SPACE = r"[\t-\r\x1c-\x20\x{85}\p{Z}]+"
# Those that show nothing: white space, control and format characters, fillers, selectors of variants. Between
# letters they may matter, as U+200B does in Khmer.
_INVISIBLE = (
    "[\x01-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    "\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]+"
)


def encode(tokenizer: Tokenizer, text: tf.Tensor) -> tf.RaggedTensor:
    """Token ids, int32 [batch, None], of the sentences `text`, string [batch], without start or end.

    White space is squeezed (see `squeeze`), so a sentence that shows nothing has no tokens. For subwords a
    space goes before the sentence: a word then has the same piece at the start of a sentence as inside.
    """
    text = squeeze(normalise(text, tokenizer.normalisation))
    if tokenizer.kind == "subwords":
        text = tf.where(text == "", text, tf.strings.join([" ", text]))
    return tokenizer.encode(text)


def decode(tokenizer: Tokenizer, ids: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """The sentences, string [batch], of the first `lengths` [batch] tokens of `ids`, int32 [batch, length].

    Always valid UTF-8 and one line, with white space squeezed.
    """
    return squeeze(tokenizer.decode(ids, lengths))


def squeeze(text: tf.Tensor) -> tf.Tensor:
    """Strings of any shape, with each run of white space as one space, and none at the ends. A text that
    shows nothing, such as U+200B alone, becomes empty."""
    return tf.strings.strip(tf.strings.regex_replace(text, f"^{_INVISIBLE}$|{_WHITE_SPACE}", " "))


def squeeze_string(text: str) -> str:
    """`squeeze` for a Python string."""
    return "" if re.fullmatch(_INVISIBLE, text) else " ".join(text.split())


def has_letters(text: str) -> bool:
    """Whether a text has a letter of any script."""
    return any(map(str.isalpha, text))
