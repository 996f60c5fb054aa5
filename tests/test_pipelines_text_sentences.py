"""The preprocessing of a sentence against Python's str.split and str.join."""

import random
import sys
import unicodedata

import pytest
import tensorflow as tf

from kerasapp_lite import vocabulary
from pipelines.text.sentences import decode, encode, squeeze, squeeze_string
from pipelines.text.tokenizers import CharacterTokenizer, SubwordTokenizer

WORDS = ["the", "rain", "in", "Spain", "stays", "mainly", "春眠", "不覺曉", "naïve", "e\u0301te\u0301", "😀"]
SENTENCES = [
    "",
    " \t\r\n\u3000",
    "the rain",
    "\n\tthe \u2028  rain\x85 in\x0bSpain \r\n",
    "春眠\u3000不覺曉。",
    "\u0301 a\u200bb",
    "a\x00b",
    "<s></s> <pad>\ufeff",
]


def random_sentences(count, seed):
    rng = random.Random(seed)
    spaces = [" ", "  ", "\t", "\n", "\u3000", "\u00a0", "\x1f", ""]
    return [
        "".join(rng.choice(spaces) + word for word in rng.choices(WORDS, k=rng.randrange(6)))
        for _ in range(count)
    ]


@pytest.fixture(scope="module", params=["characters", "subwords"])
def tokenizer(request):
    text = [" " + " ".join(words) for words in zip(WORDS, WORDS[1:], WORDS[2:], strict=False)] * 20
    if request.param == "subwords":
        return SubwordTokenizer.learn(text, 400)
    return CharacterTokenizer.learn([*text, *SENTENCES])


def decoded(tokenizer, ids):
    return [text.decode() for text in decode(tokenizer, ids.to_tensor(), ids.row_lengths()).numpy()]


def test_white_space_is_pythons():
    tokenizer = CharacterTokenizer("ab ")
    spaces = [chr(point) for point in range(sys.maxunicode + 1) if chr(point).isspace()]
    assert len(spaces) > 20
    ids = encode(tokenizer, tf.constant([f"{space}a{space}{space}b{space}" for space in spaces])).to_list()
    assert ids == [tokenizer.encode(tf.constant(["a b"])).to_list()[0]] * len(spaces)


def test_what_python_does_not_call_white_space_stays():
    others = [f"a{chr(point)}a" for point in (0, 1, 0x200B, 0x2060, 0xFEFF, 0x180E)]
    tokenizer = CharacterTokenizer("".join(map(chr, sorted(set(map(ord, "".join(others)))))))
    assert decoded(tokenizer, encode(tokenizer, tf.constant(others))) == others


def test_round_trip_gives_the_normalised_squeezed_sentence(tokenizer):
    sentences = SENTENCES + random_sentences(100, seed=1)
    expected = [" ".join(unicodedata.normalize("NFC", text).split()) for text in sentences]
    assert decoded(tokenizer, encode(tokenizer, tf.constant(sentences))) == expected
    assert [squeeze_string(unicodedata.normalize("NFC", text)) for text in sentences] == expected


def test_spaces_that_normalisation_makes_are_squeezed_too():
    tokenizer = CharacterTokenizer("a \u0308", "NFKC")  # NFKC of U+00A8 is a space and U+0308
    assert encode(tokenizer, tf.constant(["a \u00a8"])).to_list() == [[5, 4, 6]]


def test_without_text_there_are_no_tokens(tokenizer):
    assert encode(tokenizer, tf.constant(["", " \n", "\u3000\u2028"])).to_list() == [[], [], []]
    assert encode(tokenizer, tf.constant([], tf.string)).to_list() == []
    assert (
        decode(tokenizer, tf.zeros([2, 0], tf.int32), tf.zeros([2], tf.int32)).numpy().tolist() == [b""] * 2
    )


def test_a_text_that_shows_nothing_is_blank():
    """In the graph, in Python and on the phone, for each character by itself."""
    every = [chr(point) for point in range(1, sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
    found = [text.decode() for text in squeeze(tf.constant(every)).numpy()]
    assert found == list(map(squeeze_string, every)) == list(map(vocabulary.squeeze, every))
    shown = [character for character, text in zip(every, found, strict=True) if text]
    assert all(map(shown.__contains__, "a.\u0301中\U0001f600\ufffd\ue000"))
    hidden = set(every) - set(shown)
    assert hidden >= set("\u200b\u200d\ufeff\xad\u2060\u2800\u3164\ufe0f\x07\U000e0041")
    marked = [c for c in hidden if unicodedata.category(c) not in ("Cc", "Cf", "Zs", "Zl", "Zp", "Cn")]
    assert sorted(map(ord, marked))[:5] == [0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5]
    assert squeeze(tf.constant(" \u200b \ufeff")) == b"" == squeeze_string(" \u200b \ufeff").encode()


def test_a_word_has_the_same_tokens_at_the_start_and_inside(tokenizer):
    for word in ("rain", "naïve", "unseen"):
        first, inside = encode(tokenizer, tf.constant([f"{word} the", f"the {word}"])).to_list()
        (alone,) = encode(tokenizer, tf.constant([word])).to_list()
        assert first[: len(alone)] == alone == inside[-len(alone) :]


def test_a_sentence_does_not_depend_on_the_batch(tokenizer):
    sentences = SENTENCES + random_sentences(20, seed=2)
    together = encode(tokenizer, tf.constant(sentences)).to_list()
    assert together == [encode(tokenizer, tf.constant([text])).to_list()[0] for text in sentences]


def test_whatever_is_decoded_is_one_line_of_utf8(tokenizer):
    rng = random.Random(3)
    rows = [[rng.randrange(-2, tokenizer.size + 2) for _ in range(12)] for _ in range(200)]
    rows.append([tokenizer.line_break_id] * 12)
    for text in decode(tokenizer, tf.constant(rows), tf.fill([len(rows)], 12)).numpy():
        text = text.decode()
        assert text == " ".join(text.split())


def test_malformed_bytes_are_replaced(tokenizer):
    ids = encode(tokenizer, tf.constant([b"the\xff \xe6\x98"]))
    assert decoded(tokenizer, ids) == ["the\ufffd \ufffd"]


def test_an_exported_graph_gives_the_same(tokenizer, tmp_path):
    class Servable(tf.Module):
        def __init__(self):
            super().__init__()
            self.tokenizer = tokenizer

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        def __call__(self, text):
            ids = encode(self.tokenizer, text)
            padded = ids.to_tensor()
            return decode(self.tokenizer, padded, ids.row_lengths()), padded, self.tokenizer.pieces(padded)

    tf.saved_model.save(Servable(), str(tmp_path))
    text, padded, pieces = tf.saved_model.load(str(tmp_path))(tf.constant(SENTENCES))
    expected = encode(tokenizer, tf.constant(SENTENCES))
    assert [row.decode() for row in text.numpy()] == decoded(tokenizer, expected)
    assert padded.numpy().tolist() == expected.to_tensor().numpy().tolist()
    assert pieces.numpy().tolist() == tokenizer.pieces(expected.to_tensor()).numpy().tolist()
