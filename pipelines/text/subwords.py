"""SentencePiece models: learned, and as graph operations."""

import hashlib
import io
import tempfile
from collections import Counter
from collections.abc import Iterator

import sentencepiece
import tensorflow as tf
import tensorflow_text as tf_text
from sentencepiece import sentencepiece_model_pb2
from tensorflow_text.python.ops.sentencepiece_tokenizer import gen_sentencepiece_tokenizer

from pipelines.errors import DataError

# SentencePiece writes a space as this character, and would give back a space where a text has the character.
SPACE_MARK = "\N{LOWER ONE EIGHTH BLOCK}"
# The only rule of normalisation, for a character that never reaches it: see `SubwordTokenizer.encode`. With
# "identity", which has none, each load of a model writes a line of log that TensorFlow cannot switch off.
_RULES = "2581\tFFFD\n"
_LONGEST_SENTENCE = 1000  # characters; the trainer leaves out sentences above 4192 bytes

sentencepiece.set_min_log_level(2)  # it reports each model without normalisation rules, which is what we want


def learn_model(texts: list[str], vocabulary_size: int, model_type: str) -> bytes:
    """Learns a serialised SentencePiece model that neither normalises nor adds or removes spaces.

    Pad, unknown, start and end are 0 to 3, the line break is 4, then come the 256 bytes.

    Args:
        texts: normalised strings of any length.
        vocabulary_size: an upper bound; a small text gives a smaller vocabulary.
        model_type: "unigram" or "bpe".

    Raises:
        DataError: nothing to learn from, or `vocabulary_size` below 300.
    """
    if vocabulary_size < 300:
        raise DataError(f"vocabulary_size is {vocabulary_size}: subwords need at least 300 (256 are bytes)")
    sentences = list(_sentences(texts, _rare(texts, vocabulary_size)))
    if not sentences:
        raise DataError("no text to learn subwords from")
    try:
        return _train(sentences, vocabulary_size, model_type)
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise DataError(f"SentencePiece cannot learn subwords from this text: {reason}") from error


def _train(sentences: list[str], vocabulary_size: int, model_type: str) -> bytes:
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        rules.write(_RULES)
        rules.flush()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            model_type=model_type,
            vocab_size=vocabulary_size,
            hard_vocab_limit=False,
            character_coverage=1.0,  # of what `_rare` leaves
            normalization_rule_tsv=rules.name,
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            byte_fallback=True,
            user_defined_symbols=["\n"],
            unk_surface="\N{REPLACEMENT CHARACTER}",
            pad_id=0,
            unk_id=1,
            bos_id=2,
            eos_id=3,
            num_threads=2,  # fixed: sums are split by thread, so another number can round differently
            minloglevel=2,
        )
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    proto.normalizer_spec.ClearField("normalization_rule_tsv")  # the path of a file that is gone
    return proto.SerializeToString(deterministic=True)


def _rare(texts: list[str], vocabulary_size: int) -> list[str]:
    """The characters that get no piece of their own and are spelt in bytes.

    The others take at most half of the vocabulary, so that a text with thousands of characters leaves room
    for longer pieces. NUL and U+2581 are SentencePiece's own.
    """
    counts = Counter()
    for text in texts:
        counts.update(text)
    room = (vocabulary_size - 256 - 5) // 2
    return ["\0", SPACE_MARK, *(c for c, _ in counts.most_common()[room:])]


def _sentences(texts: list[str], rare: list[str]) -> Iterator[str]:
    """The lines of the texts, broken at rare characters too, and long ones in parts."""
    breaks = str.maketrans(dict.fromkeys(rare, "\n"))
    for text in texts:
        for line in text.translate(breaks).split("\n"):
            for start in range(0, len(line), _LONGEST_SENTENCE):
                yield line[start : start + _LONGEST_SENTENCE]


def operations(model: bytes) -> tf_text.SentencepieceTokenizer:
    """The tokenizer whose methods are graph operations, of a serialised model."""
    tokenizer = tf_text.SentencepieceTokenizer(model)
    tokenizer._model_resource = _ModelResource(model)
    return tokenizer


class _ModelResource(tf.saved_model.experimental.TrackableResource):
    """The model in TensorFlow's memory, under the digest of its content.

    tensorflow-text gives it no name, and `tf.random.set_seed`, which drops all kernels, then drops it too:
    "Resource ... does not exist" (https://github.com/tensorflow/text/issues/570).
    """

    def __init__(self, model: bytes):
        super().__init__()
        self._model = model
        _ = self.resource_handle  # creates it

    def _create_resource(self):
        name = f"sentencepiece_{hashlib.sha256(self._model).hexdigest()}"
        return gen_sentencepiece_tokenizer.sentencepiece_op(model=self._model, shared_name=name)
