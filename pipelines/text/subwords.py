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

# SentencePiece writes a space as this character, and would read the character itself as a space.
SPACE_MARK = "\N{LOWER ONE EIGHTH BLOCK}"
# The only normalisation rule, for a character that never reaches it (see `SubwordTokenizer.encode`). With
# "identity", which has no rule, each load of a model logs a line that TensorFlow cannot switch off.
_RULES = "2581\tFFFD\n"
_LONGEST_SENTENCE = 1000  # characters; the trainer ignores sentences above 4192 bytes

sentencepiece.set_min_log_level(2)  # below, it reports every model that has no normalisation rules


def learn_model(texts: list[str], vocabulary_size: int) -> bytes:
    """A serialised SentencePiece unigram model that neither normalises nor adds or removes spaces.

    The ids 0 to 3 are pad, unknown, start and end, 4 is the line break, and the 256 bytes follow.

    Args:
        texts: normalised strings of any length.
        vocabulary_size: an upper bound; a small text gives a smaller vocabulary.

    Raises:
        DataError: there is nothing to learn from, or `vocabulary_size` is below 300.
    """
    if vocabulary_size < 300:
        raise DataError(f"vocabulary_size is {vocabulary_size}: subwords need at least 300 (256 are bytes)")
    sentences = list(_sentences(texts, _rare(texts, vocabulary_size)))
    if not sentences:
        raise DataError("no text to learn subwords from")
    try:
        return _train(sentences, vocabulary_size)
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise DataError(f"SentencePiece cannot learn subwords from this text: {reason}") from error


def _train(sentences: list[str], vocabulary_size: int) -> bytes:
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        rules.write(_RULES)
        rules.flush()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            vocab_size=vocabulary_size,
            hard_vocab_limit=False,
            character_coverage=1.0,  # of the characters that `_rare` leaves
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
            num_threads=2,  # fixed: sums are split by thread, so their rounding depends on the number
            minloglevel=2,
        )
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    proto.normalizer_spec.ClearField("normalization_rule_tsv")  # the path of a deleted file
    return proto.SerializeToString(deterministic=True)


def _rare(texts: list[str], vocabulary_size: int) -> list[str]:
    """The characters that get no piece of their own and are spelt in bytes.

    The others get at most half of the vocabulary, so that a text with thousands of characters leaves room for
    longer pieces. SentencePiece reserves NUL and U+2581.
    """
    counts = Counter()
    for text in texts:
        counts.update(text)
    room = (vocabulary_size - 256 - 5) // 2
    return ["\0", SPACE_MARK, *(c for c, _ in counts.most_common()[room:])]


def _sentences(texts: list[str], rare: list[str]) -> Iterator[str]:
    """The lines of the texts, broken at rare characters too; long lines in parts."""
    breaks = str.maketrans(dict.fromkeys(rare, "\n"))
    for text in texts:
        for line in text.translate(breaks).split("\n"):
            for start in range(0, len(line), _LONGEST_SENTENCE):
                yield line[start : start + _LONGEST_SENTENCE]


def operations(model: bytes) -> tf_text.SentencepieceTokenizer:
    """A serialised model as a tokenizer whose methods are graph operations."""
    tokenizer = tf_text.SentencepieceTokenizer(model)
    tokenizer._model_resource = _ModelResource(model)
    return tokenizer


class _ModelResource(tf.saved_model.experimental.TrackableResource):
    """The model in TensorFlow's memory, named by the digest of its content.

    tensorflow-text gives it no name, so `tf.random.set_seed`, which drops all kernels, drops the model too:
    "Resource ... does not exist" (https://github.com/tensorflow/text/issues/570).
    """

    def __init__(self, model: bytes):
        super().__init__()
        self._model = model
        _ = self.resource_handle  # creates it

    def _create_resource(self):
        name = f"sentencepiece_{hashlib.sha256(self._model).hexdigest()}"
        return gen_sentencepiece_tokenizer.sentencepiece_op(model=self._model, shared_name=name)
