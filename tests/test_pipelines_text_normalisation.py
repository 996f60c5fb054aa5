"""Normalisation against unicodedata, whole and in pieces."""

import random
import unicodedata

import pytest
import tensorflow as tf
from awkward_texts import TEXTS, random_texts

from pipelines.text.normalisation import normalise, normalise_pieces


@pytest.mark.parametrize("form", ["NFC", "NFKC"])
def test_normalisation_is_unicodes(form):
    texts = TEXTS + random_texts(200, seed=1)
    expected = [unicodedata.normalize(form, text).encode() for text in texts]
    assert normalise(tf.constant(texts), form).numpy().tolist() == expected


@pytest.mark.parametrize("form", ["NFC", "NFKC", "none"])
def test_normalisation_replaces_malformed_bytes(form):
    rng = random.Random(7)
    texts = [bytes(rng.choices(b"e\x00\xcc\x81\xe6\x98\xa5\xf0\xff", k=9)) for _ in range(300)]
    expected = [text.decode("utf-8", "replace") for text in texts]
    if form != "none":
        expected = [unicodedata.normalize(form, text) for text in expected]
    assert [text.decode() for text in normalise(tf.constant(texts), form).numpy()] == expected


def test_normalisation_keeps_chinese_punctuation_by_default():
    assert normalise(tf.constant("，！？")).numpy().decode() == "，！？"


@pytest.mark.parametrize("form", ["NFC", "NFKC"])
def test_normalising_in_pieces_is_normalising_the_whole(form):
    rng = random.Random(5)
    # Letters that compose with what follows: marks, Hangul, an Indic vowel sign; and some that never do.
    alphabet = [*"aeo 1春，\u0301\u0323\u1112\u1161\u11ab가\u09c7\u09beﬁ½", "e\u0301"]
    for _ in range(200):
        text = "".join(rng.choices(alphabet, k=40))
        cuts = sorted(rng.choices(range(len(text) + 1), k=5))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert "".join(normalise_pieces(pieces, form)) == unicodedata.normalize(form, text)


def test_normalising_holds_back_little_without_ascii():
    pieces = list(normalise_pieces(["春眠不覺曉" * 100] * 5, "NFC"))
    assert max(map(len, pieces)) <= 501
