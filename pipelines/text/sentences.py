"""One sentence to token ids and back, as graph operations: the same for training and for serving.

ids = encode(tokenizer, tf.constant(["  Good\tmorning. "]))         # that of "Good morning."
decode(tokenizer, ids.to_tensor(), ids.row_lengths())               # [b"Good morning."]
"""

import tensorflow as tf

from pipelines.text.tokenizers import Tokenizer, normalise

# What Python's str.split() splits at, for RE2.
_WHITE_SPACE = r"[\t-\r\x1c-\x20\x{85}\p{Z}]+"


def encode(tokenizer: Tokenizer, text: tf.Tensor) -> tf.RaggedTensor:
    """Token ids, int32 [batch, None], of the sentences `text`, string [batch], without start or end.

    Runs of white space, line breaks among them, count as one space, and none at either end; so a sentence of
    white space alone has no tokens. For subwords a space goes before the sentence: a word then has the same
    piece at its start as inside.
    """
    text = squeeze(normalise(text, tokenizer.normalisation))
    if tokenizer.kind == "subwords":
        text = tf.where(text == "", text, tf.strings.join([" ", text]))
    return tokenizer.encode(text)


def decode(tokenizer: Tokenizer, ids: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """The sentences, string [batch], of the first `lengths` [batch] tokens of `ids`, int32 [batch, length].

    Always valid UTF-8 and one line: runs of white space become one space, none at either end.
    """
    return squeeze(tokenizer.decode(ids, lengths))


def squeeze_string(text: str) -> str:
    """What `encode` does to white space, for a Python string."""
    return " ".join(text.split())


def squeeze(text: tf.Tensor) -> tf.Tensor:
    """Strings of any shape with each run of white space as one space, and none at either end."""
    return tf.strings.strip(tf.strings.regex_replace(text, _WHITE_SPACE, " "))
