"""Scores of translations against sacrebleu called directly."""

import pytest
import sacrebleu

from kerasapp.metrics import translation_scores

LANGUAGES = {
    "en": ("13a", ["The cat sat on the mat.", "It's 5 o'clock, isn't it?"], ["The cat is here.", "It is 5."]),
    "en with some Chinese": ("13a", ["The word 水 means water.", "Good."], ["The word 水 is water.", "Bad."]),
    "ko": ("13a", ["나는 학생이다.", "비가 온다."], ["나는 선생이다.", "비가 온다."]),
    "zh": ("zh", ["我很高兴见到你。", "今天 NASA 说天气很好。"], ["我高兴见你。", "今天天气很好。"]),
    "ja": ("char", ["私は学生です。", "今日は天気がいい。"], ["私は先生です。", "天気がいい。"]),
    "th": ("char", ["ฉันเป็นนักเรียน", "วันนี้อากาศดี"], ["ฉันเป็นครู", "วันนี้อากาศดี"]),
    "numbers alone": ("13a", ["1 2 3 4 5", "6 7 8 9"], ["1 2 3 4 6", "6 7 8 9"]),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_scores_are_sacrebleus_with_the_tokenizer_of_the_language(language):
    tokenizer, references, hypotheses = LANGUAGES[language]
    scores = translation_scores(hypotheses, references)
    expected = sacrebleu.corpus_bleu(hypotheses, [references], tokenize=tokenizer).score
    assert scores["bleu"] == pytest.approx(expected)
    assert scores["chrf"] == pytest.approx(sacrebleu.corpus_chrf(hypotheses, [references]).score)
    assert f"|tok:{tokenizer}|" in scores["signature"]
    assert f"version:{sacrebleu.__version__}" in scores["signature"]


def test_scores_of_what_is_right_and_what_is_empty():
    references = ["a b c d e", "f g h i j"]
    assert translation_scores(references, references)["bleu"] == pytest.approx(100)
    empty = translation_scores(["", ""], references)
    assert empty["bleu"] == empty["chrf"] == 0


def test_bleu_is_of_the_corpus_and_not_a_mean():
    references = ["a b c d e f", "g h i j"]
    hypotheses = ["a b c d e f", "g h i k"]
    # Matched n-grams over all: 9 of 10, 7 of 8, 5 of 6, 3 of 4; the lengths are equal.
    expected = 100 * (9 / 10 * 7 / 8 * 5 / 6 * 3 / 4) ** 0.25
    assert translation_scores(hypotheses, references)["bleu"] == pytest.approx(expected)
