"""Sentences to token ids and back, as graph operations: the same for training and for serving.

ids = encode(tokenizer, tf.constant(["  Good\tmorning. "]))         # the ids of "Good morning."
decode(tokenizer, ids.to_tensor(), ids.row_lengths())               # [b"Good morning."]
"""

import tensorflow as tf

from pipelines.text.normalisation import normalise
from pipelines.text.tokenizers import Tokenizer

# The characters that Python's str.split() splits at, for RE2.
_WHITE_SPACE = r"[\t-\r\x1c-\x20\x{85}\p{Z}]+"


def encode(tokenizer: Tokenizer, text: tf.Tensor) -> tf.RaggedTensor:
    """Token ids, int32 [batch, None], of the sentences `text`, string [batch], without start or end.

    White space is squeezed (see `squeeze`), so a sentence of white space alone has no tokens. For subwords a
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
    """Strings of any shape, with each run of white space as one space, and none at the ends."""
    return tf.strings.strip(tf.strings.regex_replace(text, _WHITE_SPACE, " "))


def squeeze_string(text: str) -> str:
    """`squeeze` for a Python string."""
    return " ".join(text.split())


def has_letters(text: str) -> bool:
    """Whether a text has a letter of any script."""
    return any(map(str.isalpha, text))
