"""Tokenizers: text to token ids and back, as graph operations.

Training and serving call the same `Tokenizer.encode` and `Tokenizer.decode`. Both are made of TensorFlow and
tensorflow-text operations that TF Serving links, hold no lookup table, and can be exported as they are.

    tokenizer = CharacterTokenizer.learn(["To be, or not to be"])
    ids = tokenizer.encode(tf.constant(["to be"]))                       # [[12, 10, 4, 7, 8]]
    tokenizer.decode(ids.to_tensor(), ids.row_lengths())                 # [b"to be"]
"""

import base64
import binascii
import hashlib
import json
import math
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import sentencepiece
import tensorflow as tf

from pipelines.atomic import write_text
from pipelines.errors import DataError
from pipelines.text.normalisation import checked_form, normalise, normalise_string
from pipelines.text.special import CODE_POINTS, END, FIRST, PAD, START, UNKNOWN
from pipelines.text.subwords import SPACE_MARK, learn_model, operations

SPECIAL_PIECES = ("<pad>", "<unk>", "<s>", "</s>")  # as SentencePiece writes ids 0 to 3
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Tokenizer(tf.Module):
    """What both kinds of tokenizer share: special ids, which ids `decode` shows, and files.

    Attributes:
        kind: "characters" or "subwords".
        normalisation: the form that `encode` first brings text to.
        size: the number of ids, the four special ones included.
        line_break_id: the id of "\\n", the context that an empty prompt starts from; where the vocabulary has
            no "\\n", the id of the first learned character.
    """

    kind: str
    pad_id, unknown_id, start_id, end_id = PAD, UNKNOWN, START, END

    def __init__(self, normalisation: str = "NFC"):
        super().__init__(name=f"{self.kind}_tokenizer")
        self.normalisation = checked_form(normalisation)
        self.size: int
        self.line_break_id: int

    @property
    def id_type(self) -> type:
        """The smallest of uint8, uint16 and uint32 that holds the ids."""
        return next(t for t in (np.uint8, np.uint16, np.uint32) if self.size - 1 <= np.iinfo(t).max)

    @property
    def spelling_nats(self) -> float:
        """Nats that it takes to say which character an unknown token stands for, as all that the tokenizer
        does not know are equally likely: without them a model would be right whichever it was."""
        return 0.0

    def encode(self, text: tf.Tensor) -> tf.RaggedTensor:
        """Token ids, int32 [batch, None], of the normalised `text`, string [batch]. Adds no start or end."""
        raise NotImplementedError

    def decode(self, ids: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """The text, string [batch], of the first `lengths` [batch] tokens of `ids` [batch, length].

        Always valid UTF-8. Padding, start and end vanish. Unknown tokens, and numbers that are no id, become
        U+FFFD.
        """
        ids = tf.where((ids >= 0) & (ids < self.size), ids, self.unknown_id)
        shown = (ids == self.unknown_id) | (ids > self.end_id)
        kept = shown & tf.sequence_mask(lengths, tf.shape(ids)[1])  # [batch, length]
        return self._decode(tf.ragged.boolean_mask(ids, kept))

    def _decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        raise NotImplementedError

    def pieces(self, ids: tf.Tensor) -> tf.Tensor:
        """What each of `ids`, int32 of any shape, stands for, as people may read it: strings of that shape.

        The special ids are <pad>, <unk>, <s> and </s>; a number that is no id is <unk>. In a piece of
        subwords a space is "▁", and a single byte is "<0xE6>". Always valid UTF-8.
        """
        return self._pieces(tf.where((ids >= 0) & (ids < self.size), ids, self.unknown_id))

    def _pieces(self, ids: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError

    def _content(self) -> dict:
        """What a file must hold beside kind and normalisation."""
        raise NotImplementedError

    def _json(self) -> str:
        content = {"kind": self.kind, "normalisation": self.normalisation, **self._content()}
        return json.dumps({"format": 1, **content}, ensure_ascii=True, indent=1, sort_keys=True) + "\n"

    def fingerprint(self) -> str:
        """A hexadecimal digest: equal for tokenizers that give equal ids, on every machine."""
        return hashlib.sha256(self._json().encode()).hexdigest()

    def save(self, path: str | os.PathLike) -> None:
        """Writes one JSON file, whole or not at all."""
        write_text(path, self._json())

    def equals_saved(self, path: str | os.PathLike) -> bool:
        """Whether the tokenizer in a file gives the same ids. Raises DataError as `load` does."""
        return Tokenizer.load(path).fingerprint() == self.fingerprint()

    @staticmethod
    def load(path: str | os.PathLike) -> "Tokenizer":
        """The tokenizer that `save` wrote. Raises DataError, which names the file."""
        try:
            content = json.loads(Path(path).read_text("utf-8"))
            form = content["normalisation"]
            if content["kind"] == CharacterTokenizer.kind:
                return CharacterTokenizer(content["characters"], form)
            if content["kind"] == SubwordTokenizer.kind:
                return SubwordTokenizer(base64.b64decode(content["model"], validate=True), form)
            raise ValueError(f"unknown kind {content['kind']!r}")
        except OSError as error:
            raise DataError(f"{path}: cannot read the tokenizer file: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise DataError(f"{path}: not a tokenizer file of kerasapp ({error!r})") from error


class CharacterTokenizer(Tokenizer):
    """One token per Unicode character (code point) seen in training.

    Args:
        characters: the known characters, in any order; they get the ids 4, 5, ... by rising code point.
        normalisation: "NFC", "NFKC" or "none".

    Example:

        CharacterTokenizer("abc").encode(tf.constant(["cab?"]))    # [[6, 4, 5, 1]]
    """

    kind = "characters"

    def __init__(self, characters: str, normalisation: str = "NFC"):
        super().__init__(normalisation)
        if not characters:
            raise DataError("a character tokenizer needs at least one character")
        self.characters = "".join(sorted(set(characters)))
        self.size = FIRST + len(self.characters)
        self.line_break_id = FIRST + max(self.characters.find("\n"), 0)
        # NumPy arrays become constants of each graph that uses them, so nothing has to be tracked.
        self._code_points = np.array([ord(c) for c in self.characters], np.int32)
        special = np.array([0, ord(REPLACEMENT), 0, 0], np.int32)
        self._surfaces = np.concatenate([special, self._code_points])  # [size]

    @classmethod
    def learn(cls, texts: Iterable[str], normalisation: str = "NFC") -> "CharacterTokenizer":
        """The tokenizer of all characters in `texts`, strings of any length."""
        seen = np.zeros(0x110000, bool)
        for text in texts:
            seen[np.frombuffer(normalise_string(text, normalisation).encode("utf-32-le"), np.uint32)] = True
        if not seen.any():
            raise DataError("no text to learn characters from")
        return cls("".join(map(chr, np.flatnonzero(seen))), normalisation)

    def encode(self, text):
        points = tf.strings.unicode_decode(normalise(text, self.normalisation), "UTF-8")
        last = len(self._code_points) - 1
        rank = tf.minimum(tf.searchsorted(self._code_points, points.flat_values), last)
        known = tf.equal(tf.gather(self._code_points, rank), points.flat_values)
        return points.with_flat_values(tf.where(known, rank + FIRST, self.unknown_id))

    @property
    def spelling_nats(self):
        return math.log(CODE_POINTS - len(self.characters))

    def extended(self, characters: Iterable[str]) -> "CharacterTokenizer":
        """The tokenizer that knows `characters` too; ids change, as they go by code point."""
        return CharacterTokenizer("".join([self.characters, *characters]), self.normalisation)

    def _decode(self, ids):
        points = ids.with_flat_values(tf.gather(self._surfaces, ids.flat_values))
        return tf.strings.unicode_encode(points, "UTF-8")

    def _pieces(self, ids):
        points = tf.gather(self._surfaces, tf.reshape(ids, [-1, 1]))  # [all, 1]
        pieces = tf.reshape(tf.strings.unicode_encode(points, "UTF-8"), tf.shape(ids))  # as `ids`
        return tf.where(ids <= self.end_id, tf.gather(SPECIAL_PIECES, tf.minimum(ids, self.end_id)), pieces)

    def _content(self):
        return {"characters": self.characters}


class SubwordTokenizer(Tokenizer):
    """SentencePiece pieces. Bytes spell what no piece covers, so every text has tokens.

    Lines are encoded one by one and joined by the token of "\\n", so a text has the same tokens when it is
    cut at line breaks. Only U+2581 cannot come back, which SentencePiece uses for the space: it becomes
    U+FFFD.

    Args:
        model: a serialised SentencePiece model, from `learn`.
        normalisation: "NFC", "NFKC" or "none"; the model itself must not normalise.

    Paper: Kudo and Richardson 2018, https://arxiv.org/abs/1808.06226
    """

    kind = "subwords"

    def __init__(self, model: bytes, normalisation: str = "NFC"):
        super().__init__(normalisation)
        try:
            pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise DataError(f"not a SentencePiece model: {str(error).splitlines()[0]}") from error
        self.model = model
        self.size = pieces.get_piece_size()
        self.line_break_id = pieces.piece_to_id("\n")
        specials = (pieces.pad_id(), pieces.unk_id(), pieces.bos_id(), pieces.eos_id())
        if specials != (0, 1, 2, 3) or self.line_break_id == self.unknown_id:
            raise DataError("the SentencePiece model needs pad, unknown, start, end as 0 to 3, and \\n")
        self._sentencepiece = operations(model)
        whole = (i for i in range(FIRST, self.size) if not pieces.is_byte(i))
        self.characters = "".join(sorted({*" ".join(map(pieces.id_to_piece, whole)), " "} - {SPACE_MARK}))

    @classmethod
    def learn(
        cls, texts: Iterable[str], vocabulary_size: int = 8000, normalisation: str = "NFC"
    ) -> "SubwordTokenizer":
        """Learns unigram pieces from `texts`, strings of any length, which are all held in memory.

        Args:
            vocabulary_size: an upper bound; a small text gives a smaller vocabulary.

        Raises:
            DataError: there is nothing to learn from, or `vocabulary_size` is below 300 (256 are bytes).
        """
        return cls(
            learn_model([normalise_string(text, normalisation) for text in texts], vocabulary_size),
            normalisation,
        )

    def encode(self, text):
        text = tf.strings.regex_replace(normalise(text, self.normalisation), SPACE_MARK, REPLACEMENT)
        lines = tf.strings.split(text, "\n")  # [batch, lines]
        pieces = self._sentencepiece.tokenize(lines.flat_values)  # [all lines, tokens]
        breaks = tf.fill([pieces.nrows(), 1], self.line_break_id)
        ended = lines.with_values(tf.concat([pieces, breaks], axis=1))  # [batch, lines, tokens and a break]
        return ended.merge_dims(1, 2)[:, :-1]  # the last line has no break

    def _decode(self, ids):
        # A byte piece can be a part of a character: what is not UTF-8 is replaced before it leaves.
        return tf.strings.unicode_transcode(self._sentencepiece.detokenize(ids), "UTF-8", "UTF-8")

    def _pieces(self, ids):
        return self._sentencepiece.id_to_string(ids)

    def _content(self):
        return {"model": base64.b64encode(self.model).decode()}


def learn_tokenizer(kind: str, texts: Iterable[str], vocabulary_size: int, normalisation: str) -> Tokenizer:
    """A tokenizer of `kind`, learned from `texts`; see the `learn` of both classes."""
    if kind == "characters":
        return CharacterTokenizer.learn(texts, normalisation)
    if kind == "subwords":
        return SubwordTokenizer.learn(texts, vocabulary_size, normalisation)
    raise ValueError(f"kind is {kind!r}: expected characters or subwords")
