"""The small runtime's tokenizers against SentencePiece and against those of training."""

import csv
import functools
import gzip
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
from sentencepiece import sentencepiece_model_pb2

from kerasapp_lite.vocabulary import Characters, Pieces
from pipelines.text import sentences
from pipelines.text.tokenizers import CharacterTokenizer, SubwordTokenizer

SAMPLE = Path(__file__).parents[1] / "pipelines/samples/tatoeba-cmn-eng.tsv.gz"
KINDS = {1: "normal", 2: "unknown", 3: "control", 4: "user_defined", 5: "unused", 6: "byte"}
ODD = [
    "", " ", "a", "  two  spaces ", "\tTabs\tand\nlines\r\n\n", "é e\u0301 ﬁ Å", "☃ 🎉 \u2581 \0 \u3000",
    "，！？", "好" * 300, "\ufffd", "a\u00a0b",
]  # fmt: skip


@pytest.fixture(scope="module")
def lines():
    """Sentences of the shipped sample, Chinese and English by turns."""
    with gzip.open(SAMPLE, "rt", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row[i % 2] for i, row in enumerate(rows)]


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def pair(request, lines):
    """A `SubwordTokenizer` of the lines and the `Pieces` of its model."""
    with pytest.MonkeyPatch.context() as patch:
        train = functools.partial(sentencepiece.SentencePieceTrainer.train, model_type=request.param)
        patch.setattr(sentencepiece.SentencePieceTrainer, "train", train)
        trained = SubwordTokenizer.learn(lines[::5], 2000)
    return trained, pieces_of(trained, request.param)


def pieces_of(tokenizer, model_type):
    proto = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.model)
    pieces = [[p.piece, p.score, KINDS[p.type]] for p in proto.pieces]
    return Pieces(pieces, model_type, tokenizer.normalisation)


def of_tensorflow(ids):
    return [row.numpy().tolist() for row in ids]


def test_pieces_are_those_of_sentencepiece_on_all_lines(pair, lines):
    trained, pieces = pair
    reference = sentencepiece.SentencePieceProcessor(model_proto=trained.model)
    chosen = lines if pieces.model_type == "unigram" else lines[::3]
    encoded = reference.encode(chosen)
    assert [pieces.encode(line) for line in chosen] == encoded
    assert [pieces.decode(ids) for ids in encoded[::7]] == [reference.decode(ids) for ids in encoded[::7]]


@pytest.mark.parametrize("form", ["NFC", "NFKC", "none"])
def test_encode_is_that_of_training_for_odd_texts(pair, form):
    trained, pieces = pair
    trained, pieces.form = SubwordTokenizer(trained.model, form), form
    assert [pieces.encode(text) for text in ODD] == of_tensorflow(trained.encode(tf.constant(ODD)))
    expected = of_tensorflow(sentences.encode(trained, tf.constant(ODD)))
    assert [pieces.encode_sentence(text) for text in ODD] == expected


def test_decode_is_that_of_training_for_any_ids(pair):
    trained, pieces = pair
    rows = np.random.default_rng(0).integers(0, 300, [200, 12])  # mostly single bytes
    rows[:, ::3] = np.random.default_rng(1).integers(0, trained.size, [200, 4])
    expected = trained.decode(tf.constant(rows, tf.int32), tf.fill([200], 12)).numpy()
    for row, text in zip(rows.tolist(), expected, strict=True):
        assert pieces.decode(row) == text.decode()
        decoder = pieces.decoder()
        parts = [decoder.decode(pieces.surfaces[i]) for i in row] + [decoder.decode(b"", final=True)]
        assert "".join(parts) == text.decode()


@pytest.mark.parametrize("characters", ["abc \n", "好a，é"])
def test_characters_are_those_of_training(characters):
    trained = CharacterTokenizer(characters)
    own = Characters(list(trained.characters))
    assert own.line_break == trained.line_break_id
    assert [own.encode(text) for text in ODD] == of_tensorflow(trained.encode(tf.constant(ODD)))
    expected = of_tensorflow(sentences.encode(trained, tf.constant(ODD)))
    assert [own.encode_sentence(text) for text in ODD] == expected
    ids = list(range(trained.size))
    assert own.decode(ids) == trained.decode(tf.constant([ids]), [trained.size]).numpy()[0].decode()
