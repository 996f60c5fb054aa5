"""The two tokenizers against Python's str, unicodedata and the API of sentencepiece."""

import random
import unicodedata

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
from awkward_texts import TEXTS, random_texts
from sentencepiece import sentencepiece_model_pb2

from pipelines.errors import DataError
from pipelines.text.tokenizers import CharacterTokenizer, SubwordTokenizer, Tokenizer

CORPUS = "\n".join(TEXTS) * 3


@pytest.fixture(scope="module")
def subwords():
    return SubwordTokenizer.learn([CORPUS, "the rain in Spain stays mainly in the plain\n" * 20], 400)


@pytest.fixture(params=["characters", "subwords"])
def tokenizer(request, subwords):
    return subwords if request.param == "subwords" else CharacterTokenizer.learn([CORPUS])


def decode(tokenizer, ids):
    """The texts of a list of lists of ids."""
    ragged = tf.ragged.constant(ids, tf.int32, ragged_rank=1)
    return tokenizer.decode(ragged.to_tensor(), tf.cast(ragged.row_lengths(), tf.int32)).numpy().tolist()


def random_words():
    rng = random.Random(4)
    words = ["".join(rng.choices("abcdefgh", k=rng.randrange(2, 7))) for _ in range(60)]
    return "\n".join(" ".join(rng.choices(words, k=9)) for _ in range(300))


def test_normalisation_form_is_checked():
    with pytest.raises(ValueError, match="NFD"):
        CharacterTokenizer("a", "NFD")


def test_characters_by_hand():
    tokenizer = CharacterTokenizer("cab\n")
    assert (tokenizer.size, tokenizer.line_break_id) == (8, 4)
    assert tokenizer.encode(tf.constant(["cab?", "", "\nb"])).to_list() == [[7, 5, 6, 1], [], [4, 6]]
    assert CharacterTokenizer("ba").line_break_id == 4  # no line break: the first learned character
    assert CharacterTokenizer("a\n\t").line_break_id == 5  # the tab comes before it


def test_round_trip_gives_the_normalised_text(tokenizer):
    texts = TEXTS + random_texts(200, seed=2)
    known = set(tokenizer.characters) if tokenizer.kind == "characters" else None
    expected = [unicodedata.normalize("NFC", text) for text in texts]
    if known is not None:
        expected = ["".join(c if c in known else "\ufffd" for c in text) for text in expected]
    assert [
        text.decode() for text in decode(tokenizer, tokenizer.encode(tf.constant(texts)).to_list())
    ] == expected


def test_character_count_is_pythons():
    tokenizer = CharacterTokenizer.learn([CORPUS])
    lengths = tokenizer.encode(tf.constant(TEXTS)).row_lengths().numpy().tolist()
    assert lengths == [len(unicodedata.normalize("NFC", text)) for text in TEXTS]


@pytest.mark.parametrize("form", ["NFC", "none"])
def test_malformed_bytes_become_the_replacement_character(subwords, form):
    rng = random.Random(3)
    palette = [0xE4, 0xB8, 0x80, 0xF0, 0x9F, 0xC3, 0x41, 0xFF, 0xC0, 0xED, 0xA0, 0x00]
    broken = [bytes(rng.choices(palette, k=rng.randrange(9))) for _ in range(300)]
    expected = [text.decode("utf-8", "replace") for text in broken]
    everything = CharacterTokenizer("".join({c for text in expected for c in text}), form)
    for tokenizer in (everything, SubwordTokenizer(subwords.model, form)):
        decoded = decode(tokenizer, tokenizer.encode(tf.constant(broken)).to_list())
        assert [text.decode() for text in decoded] == expected


def test_a_result_does_not_depend_on_the_batch(tokenizer):
    together = tokenizer.encode(tf.constant(TEXTS)).to_list()
    assert together == [tokenizer.encode(tf.constant([text])).to_list()[0] for text in TEXTS]
    assert tokenizer.encode(tf.constant([], tf.string)).to_list() == []


def test_special_ids_vanish_and_unknown_ones_show(tokenizer):
    (word,) = tokenizer.encode(tf.constant(["be"])).to_list()
    ids = tf.constant([[2, *word, 3, 0, 1, -5, tokenizer.size, *word]], tf.int32)
    assert tokenizer.decode(ids, tf.constant([len(word) + 6])).numpy()[0].decode() == "be\ufffd\ufffd\ufffd"
    assert tokenizer.decode(ids, tf.constant([0])).numpy()[0] == b""


def test_subwords_are_sentencepieces_line_by_line(subwords):
    reference = sentencepiece.SentencePieceProcessor(model_proto=subwords.model)
    for text in TEXTS:
        lines = [reference.encode(line) for line in unicodedata.normalize("NFC", text).split("\n")]
        expected = lines[0] + [i for line in lines[1:] for i in [subwords.line_break_id, *line]]
        assert subwords.encode(tf.constant([text])).to_list() == [expected]


def test_subwords_may_be_cut_at_line_breaks(subwords):
    lines = CORPUS.splitlines(keepends=True)
    whole = subwords.encode(tf.constant([CORPUS])).flat_values.numpy()
    assert subwords.encode(tf.constant([*lines])).flat_values.numpy().tolist() == whole.tolist()


def test_subwords_decode_to_utf8_wherever_they_are_cut(subwords):
    (ids,) = subwords.encode(tf.constant(["龘😀"])).to_list()  # in no corpus: spelt in bytes
    assert len(ids) == 7
    for start in range(7):
        for stop in range(start, 8):
            whole = "龘😀".encode()[start:stop].decode("utf-8", "replace")
            assert decode(subwords, [ids[start:stop]])[0].decode().count("龘") == whole.count("龘")


def test_pieces_are_sentencepieces_own(subwords):
    reference = sentencepiece.SentencePieceProcessor(model_proto=subwords.model)
    ids = np.arange(subwords.size, dtype=np.int32)
    expected = [reference.id_to_piece(int(i)) for i in ids]
    assert [piece.decode() for piece in subwords.pieces(ids).numpy()] == expected
    assert expected[:4] == ["<pad>", "<unk>", "<s>", "</s>"]


def test_pieces_of_characters_by_hand():
    ids = tf.constant([[0, 1, 2, 3], [6, 4, 5, 7]])
    expected = [["<pad>", "<unk>", "<s>", "</s>"], ["é", "\n", "a", "春"]]
    pieces = CharacterTokenizer("\naé春").pieces(ids).numpy()
    assert [[piece.decode() for piece in row] for row in pieces] == expected


def test_pieces_have_the_shape_of_the_ids_and_take_any_number(tokenizer):
    ids = tf.constant([[[-1], [tokenizer.size]]])
    for function in (tokenizer.pieces, tf.function(tokenizer.pieces, autograph=False)):
        assert function(ids).numpy().tolist() == [[[b"<unk>"], [b"<unk>"]]]
        assert function(tf.zeros([2, 0, 3], tf.int32)).shape == [2, 0, 3]


def test_subwords_replace_sentencepieces_own_space(subwords):
    assert decode(subwords, subwords.encode(tf.constant(["a\u2581 b"])).to_list()) == ["a\ufffd b".encode()]


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "ab\n" * 5,
        "x" * 300_000,
        " ",
        "a\x00b\u2581",
        "".join(map(chr, range(0x4E00, 0x5600))),
        "one two\n" * 9,
    ],
    ids=["one", "short", "long line", "space", "reserved", "many characters", "few words"],
)
def test_subwords_learn_from_awkward_text(text):
    tokenizer = SubwordTokenizer.learn([text], 1000)
    assert tokenizer.size <= 1000
    expected = text.replace("\u2581", "\ufffd").encode()
    assert decode(tokenizer, tokenizer.encode(tf.constant([text])).to_list()) == [expected]


def test_subwords_learn_pieces_longer_than_characters():
    text = random_words()
    tokenizer = SubwordTokenizer.learn([text], 500)
    assert len(tokenizer.encode(tf.constant([text])).to_list()[0]) < len(text) / 2


def test_learning_subwords_is_deterministic():
    first, second = (SubwordTokenizer.learn([random_words()], 500) for _ in range(2))
    assert first.model == second.model


@pytest.mark.parametrize("texts", [[], [""], ["\n\n"]])
def test_subwords_need_text(texts):
    with pytest.raises(DataError, match="no text"):
        SubwordTokenizer.learn(texts)


def test_characters_need_text():
    with pytest.raises(DataError, match="no text"):
        CharacterTokenizer.learn([""])


def test_subwords_need_room_for_the_bytes():
    with pytest.raises(DataError, match="at least 300"):
        SubwordTokenizer.learn(["text"], 200)


def test_a_model_that_is_none_is_refused():
    with pytest.raises(DataError, match="not a SentencePiece model"):
        SubwordTokenizer(b"nonsense")


@pytest.mark.parametrize("place", [2, 4], ids=["start", "line break"])
def test_a_model_without_a_piece_that_is_needed_is_refused(subwords, place):
    model = sentencepiece_model_pb2.ModelProto.FromString(subwords.model)
    model.pieces[place].piece = "another"
    model.trainer_spec.bos_piece = "<begin>" if place == 2 else model.trainer_spec.bos_piece
    with pytest.raises(DataError, match=r"needs pad, unknown, start, end as 0 to 3, and \\n"):
        SubwordTokenizer(model.SerializeToString())


def test_save_and_load(tokenizer, tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    loaded = Tokenizer.load(path)
    assert type(loaded) is type(tokenizer)
    assert loaded.fingerprint() == tokenizer.fingerprint()
    texts = tf.constant(TEXTS)
    assert loaded.encode(texts).to_list() == tokenizer.encode(texts).to_list()
    assert [entry.name for entry in tmp_path.iterdir()] == ["tokenizer.json"]


def test_fingerprints_tell_tokenizers_apart():
    prints = {CharacterTokenizer(*a).fingerprint() for a in [("ab",), ("ba",), ("abc",), ("ab", "none")]}
    assert len(prints) == 3  # "ab" and "ba" are the same


@pytest.mark.parametrize("form", ["NFC", "NFKC", "none"])
def test_a_file_keeps_the_form_of_its_tokenizer(subwords, form, tmp_path):
    for tokenizer in (CharacterTokenizer("1a", form), SubwordTokenizer(subwords.model, form)):
        tokenizer.save(tmp_path / "tokenizer.json")
        loaded = Tokenizer.load(tmp_path / "tokenizer.json")
        assert (loaded.normalisation, loaded.fingerprint()) == (form, tokenizer.fingerprint())


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"kind": "words", "normalisation": "NFC"}'])
def test_load_names_a_file_that_is_no_tokenizer(content, tmp_path):
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=r"tokenizer\.json"):
        Tokenizer.load(path)


def test_an_exported_tokenizer_gives_the_same(tokenizer, tmp_path):
    class Servable(tf.Module):
        def __init__(self):
            super().__init__()
            self.tokenizer = tokenizer

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, text):
            ids = self.tokenizer.encode(text)
            back = self.tokenizer.decode(ids.to_tensor(), tf.cast(ids.row_lengths(), tf.int32))
            return ids.to_tensor(-1), back

    tf.saved_model.save(Servable(), str(tmp_path))
    ids, back = tf.saved_model.load(str(tmp_path))(tf.constant(TEXTS))
    expected = tokenizer.encode(tf.constant(TEXTS))
    np.testing.assert_array_equal(ids, expected.to_tensor(-1))
    assert back.numpy().tolist() == decode(tokenizer, expected.to_list())


def test_subwords_outlive_a_new_seed():
    """https://github.com/tensorflow/text/issues/570"""
    tokenizer = SubwordTokenizer.learn(["to be, or not to be\n" * 20], 300)
    before = tokenizer.encode(tf.constant(["to be"])).to_list()
    tf.random.set_seed(1)
    assert tokenizer.encode(tf.constant(["to be"])).to_list() == before
