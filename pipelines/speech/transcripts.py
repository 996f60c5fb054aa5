"""Text to read aloud as token ids, one per character: the same for training and for serving.

cleaner = Cleaner("english")
tokenizer = CharacterTokenizer.learn(["four zero nine"])
encode(cleaner, tokenizer, tf.constant(["Nine ☃"]))          # the ids of "nine", then the end
left_out(cleaner, tokenizer, tf.constant(["Nine ☃"]))        # [1]: "☃" was left out
"""

import tensorflow as tf

from pipelines.speech.cleaning import Cleaner
from pipelines.text.normalisation import normalise
from pipelines.text.sentences import squeeze
from pipelines.text.tokenizers import CharacterTokenizer


def encode(cleaner: Cleaner, tokenizer: CharacterTokenizer, text: tf.Tensor) -> tf.RaggedTensor:
    """Token ids, int32 [batch, None], of the cleaned `text`, string [batch]; each row ends in the end id.

    Characters that the tokenizer does not know are left out, because no voice has learned the unknown id;
    `left_out` counts them. A text without a known character has the end id alone.
    """
    ids = tokenizer.encode(_known(tokenizer, _cleaned(cleaner, tokenizer, text)))  # [batch, tokens]
    end = tf.fill([ids.nrows(), 1], tokenizer.end_id)
    return tf.concat([ids, tf.cast(end, ids.dtype)], axis=1)  # [batch, tokens and the end]


def left_out(cleaner: Cleaner, tokenizer: CharacterTokenizer, text: tf.Tensor) -> tf.Tensor:
    """The number of characters that `encode` leaves out of the cleaned `text`, string [batch]: int32 [batch].

    White space does not count. 0 means that the whole text can be read.
    """
    cleaned = _cleaned(cleaner, tokenizer, text)
    return _characters(cleaned) - _characters(_known(tokenizer, cleaned))


def _cleaned(cleaner, tokenizer, text):
    return squeeze(normalise(cleaner(text), tokenizer.normalisation))


def _known(tokenizer: CharacterTokenizer, text: tf.Tensor) -> tf.Tensor:
    """`text` without unknown characters, and without the spaces around them."""
    known = "".join(rf"\x{{{ord(character):x}}}" for character in tokenizer.characters)
    return squeeze(tf.strings.regex_replace(text, f"[^{known}]", ""))


def _characters(text: tf.Tensor) -> tf.Tensor:
    return tf.strings.length(tf.strings.regex_replace(text, " ", ""), unit="UTF8_CHAR")
