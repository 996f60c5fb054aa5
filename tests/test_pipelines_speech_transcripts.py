"""Text to read aloud as ids: the end, and what is left out."""

import pytest
import tensorflow as tf

from pipelines.speech.cleaning import Cleaner
from pipelines.speech.transcripts import encode, left_out
from pipelines.text.tokenizers import CharacterTokenizer

TOKENIZER = CharacterTokenizer("abc -]\\^é")  # signs that mean something in a pattern, too


def characters(texts, tokenizer=TOKENIZER, language="none"):
    """The texts of encoded rows, whose end id is checked."""
    ids = encode(Cleaner(language), tokenizer, tf.constant(texts, tf.string))
    assert ids.dtype == tf.int32
    rows = ids.to_list()
    assert all(row[-1] == tokenizer.end_id and min(row) >= tokenizer.end_id for row in rows)
    return ["".join(tokenizer.characters[id - 4] for id in row[:-1]) for row in rows]


def missing_in(texts, tokenizer=TOKENIZER, language="none"):
    return left_out(Cleaner(language), tokenizer, tf.constant(texts, tf.string)).numpy().tolist()


@pytest.mark.parametrize(
    ("text", "kept", "missing"),
    [
        ("abc", "abc", 0),
        (" a \n b ", "a b", 0),
        ("a-b]\\^", "a-b]\\^", 0),
        ("xyz", "", 3),
        ("a ☃ b", "a b", 1),
        ("☃ a", "a", 1),
        ("e\u0301", "é", 0),
        ("A", "", 1),
        ("", "", 0),
        (" ", "", 0),
        ("☃ 雪 😀", "", 3),
    ],
)
def test_what_is_unknown_is_left_out_and_counted(text, kept, missing):
    assert characters([text]) == [kept]
    assert missing_in([text]) == [missing]


def test_rows_are_apart():
    assert characters(["a", "xb", ""]) == ["a", "b", ""]
    assert missing_in(["a", "xb", ""]) == [0, 1, 0]


def test_text_is_cleaned_first():
    tokenizer = CharacterTokenizer.learn(["three one four"])
    assert characters(["3 ONE 4"], tokenizer, "english") == ["three one four"]
    assert missing_in(["3 ONE 4%"], tokenizer, "english") == [2]  # "pc" of "percent": p, c


def test_the_tokenizers_form_counts():
    tokenizer = CharacterTokenizer("fi", normalisation="NFKC")
    assert characters(["ﬁ"], tokenizer) == ["fi"]
    assert missing_in(["ﬁ"], tokenizer) == [0]


def test_a_tokenizer_without_the_space():
    tokenizer = CharacterTokenizer("ab")
    assert characters(["a b"], tokenizer) == ["ab"]
    assert missing_in(["a b"], tokenizer) == [0]


def test_in_a_graph_of_any_batch():
    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string)])
    def both(text):
        cleaner = Cleaner("english")
        return encode(cleaner, TOKENIZER, text).to_tensor(), left_out(cleaner, TOKENIZER, text)

    ids, missing = both(tf.constant(["ab", "a!"]))
    assert ids.numpy().tolist() == [[9, 10, 3], [9, 3, 0]]
    assert missing.numpy().tolist() == [0, 1]
