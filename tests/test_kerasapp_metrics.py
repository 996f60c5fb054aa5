"""Scores of translations against sacrebleu called directly; distances and forecasts against formulas."""

import functools

import numpy as np
import pytest
import sacrebleu
import scipy.stats

from kerasapp.tasks.series.metrics import crps
from kerasapp.tasks.synthesis.metrics import mel_cepstral_distortion, mel_l1
from kerasapp.tasks.translation.metrics import exact_scores, translation_scores

LANGUAGES = {
    "en": ("13a", ["The cat sat on the mat.", "It's 5 o'clock, isn't it?"], ["The cat is here.", "It is 5."]),
    "en with some Chinese": ("13a", ["The word 水 means water.", "Good."], ["The word 水 is water.", "Bad."]),
    "ko": ("13a", ["나는 학생이다.", "비가 온다."], ["나는 선생이다.", "비가 온다."]),
    "zh": ("zh", ["我很高兴见到你。", "今天 NASA 说天气很好。"], ["我高兴见你。", "今天天气很好。"]),
    "ja": ("char", ["私は学生です。", "今日は天気がいい。"], ["私は先生です。", "天気がいい。"]),
    "th": ("char", ["ฉันเป็นนักเรียน", "วันนี้อากาศดี"], ["ฉันเป็นครู", "วันนี้อากาศดี"]),
    "km": ("char", ["ខ្ញុំស្រឡាញ់ប្រទេសកម្ពុជា", "គាត់ទៅផ្សារជាមួយម្តាយ"], ["ខ្ញុំស្រឡាញ់ប្រទេសកម្ពុជ", "គាត់ទៅផ្សារជាមួយម្តា"]),
    "lo": ("char", ["ຂ້ອຍເປັນນັກຮຽນ", "ມື້ນີ້ອາກາດດີ"], ["ຂ້ອຍເປັນຄູ", "ມື້ນີ້ອາກາດດີ"]),
    "my": ("char", ["ကျွန်တော်ကျောင်းသားပါ", "ဒီနေ့ရာသီဥတုကောင်းတယ်"], ["ကျွန်တော်ဆရာပါ", "ဒီနေ့ရာသီဥတုကောင်းတယ်"]),
    "bo": ("char", ["ང་སློབ་ཕྲུག་ཡིན།", "དེ་རིང་གནམ་གཤིས"], ["ང་དགེ་རྒན་ཡིན།", "དེ་རིང་གནམ་གཤིས"]),
    "yi script": (
        "char",
        ["ꆈꌠꉙꆈꌠꁱꂷꊨꏦꏱꅉꐯꆀꊂꄮꃅꎭꐚ" * 2, "ꆈꌠꉙꃅꎭꐚꆀꊂꄮꃅ" * 3],
        ["ꆈꌠꉙꆈꌠꁱꂷ" * 2, "ꆈꌠꉙꃅꎭ" * 3],
    ),
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


def test_exact_scores_by_hand():
    long = "one two three four five six seven eight nine"
    references = ["a b", "c d", "e", long, "f g h i j k l m"]
    found = exact_scores(["a b", "c d.", "e", "one two", "f g h i j k l m"], references)
    assert found == {
        "exact": 3 / 5,
        "exact_to_8_words": 3 / 4,
        "exact_by_words": {
            "1": {"exact": 1.0, "items": 1},
            "2": {"exact": 0.5, "items": 2},
            "8": {"exact": 1.0, "items": 1},
            "9": {"exact": 0.0, "items": 1},
        },
    }
    assert exact_scores([long], [long])["exact_to_8_words"] is None


def test_exact_scores_of_chinese_are_by_characters():
    found = exact_scores(["我 很好", "我 不好。"], ["我 很好", "我 不好！"])
    by_characters = {"3": {"exact": 1.0, "items": 1}, "4": {"exact": 0.0, "items": 1}}
    assert found == {"exact": 0.5, "exact_to_8_characters": 0.5, "exact_by_characters": by_characters}


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


RANDOM = np.random.default_rng(0)
MEL = RANDOM.normal(size=[9, 40])
OTHER = RANDOM.normal(size=[12, 40])
DB = 20 / np.log(10)  # of a nat of amplitude
DISTANCES = [mel_l1, mel_cepstral_distortion]


def warped(costs):
    """The mean cost on the path of the least sum, by recursion over single cells."""

    @functools.cache
    def best(i, j):
        if i < 0 or j < 0:
            return np.inf, 0
        before = [best(i - 1, j - 1), best(i - 1, j), best(i, j - 1)] if i or j else [(0.0, 0)]
        total, steps = min(before, key=lambda pair: pair[0])
        return total + costs[i, j], steps + 1

    total, steps = best(costs.shape[0] - 1, costs.shape[1] - 1)
    return total / steps


def cepstra(mel):
    """c_1 to c_13 of frames of ln power = c_0 + 2 sum c_d cos(...), by the sum over the channels."""
    places = (np.arange(mel.shape[1]) + 0.5) / mel.shape[1]
    return np.stack([np.mean(2 * mel * np.cos(np.pi * d * places), axis=1) for d in range(1, 14)], axis=1)


def test_distances_are_those_of_the_formulas_on_the_best_path():
    gaps = np.mean(np.abs(MEL[:, None] - OTHER), axis=-1)
    assert mel_l1(MEL, OTHER) == pytest.approx(warped(gaps))
    squares = np.sum((cepstra(MEL)[:, None] - cepstra(OTHER)) ** 2, axis=-1)
    decibels = 10 / np.log(10) * np.sqrt(2 * squares)
    assert mel_cepstral_distortion(MEL, OTHER) == pytest.approx(warped(decibels))


def test_distances_worked_by_hand():
    ramp = np.cumsum(np.ones([5, 1]), axis=0) * np.ones(40)
    assert mel_l1(ramp, ramp[1:]) == pytest.approx(1 / 5), "only the first frame has no partner"
    assert mel_l1(ramp[:1], ramp[1:3]) == pytest.approx(1.5)
    wave = 0.5 * np.cos(np.pi * 3 * (np.arange(40) + 0.5) / 40)  # in nats; RMS 0.5 / sqrt 2
    assert mel_cepstral_distortion(MEL, MEL + wave) == pytest.approx(DB * 0.5 / np.sqrt(2), rel=1e-3)
    finer = 0.5 * np.cos(np.pi * 14 * (np.arange(40) + 0.5) / 40)
    assert mel_cepstral_distortion(MEL, MEL + finer) == pytest.approx(0, abs=1e-9), "beyond 13 coefficients"


@pytest.mark.parametrize("distance", DISTANCES)
def test_distances_do_not_see_the_tempo(distance):
    assert distance(MEL, MEL) == 0
    slow = np.repeat(MEL, RANDOM.integers(1, 4, len(MEL)), axis=0)
    assert distance(MEL, slow) == pytest.approx(0, abs=1e-9)
    assert distance(MEL, OTHER) == pytest.approx(distance(OTHER, MEL))
    assert distance(MEL, MEL[::-1]) > 0.1


def test_distortion_does_not_see_loudness_nor_the_number_of_channels():
    assert mel_cepstral_distortion(MEL, MEL + 1.5) == pytest.approx(0, abs=1e-9)
    tilt = np.linspace(0, 1, 40)
    coarse, fine = (np.zeros([3, size]) for size in (40, 80))
    distances = [
        mel_cepstral_distortion(x, x + np.interp(np.linspace(0, 1, x.shape[1]), tilt, tilt))
        for x in (coarse, fine)
    ]
    assert distances[0] == pytest.approx(distances[1], rel=0.05)


def test_crps_of_a_normal_forecast_is_its_formula():
    """Gneiting & Raftery 2007: s (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)), z = (y - m) / s."""
    samples = np.random.default_rng(0).normal(3.0, 2.0, [40_000, 1])
    for observed in (3.0, 8.0, -1.5):
        z = (observed - 3.0) / 2.0
        expected = 2.0 * (z * (2 * scipy.stats.norm.cdf(z) - 1) + 2 * scipy.stats.norm.pdf(z) - np.pi**-0.5)
        assert crps(samples, [observed])[0] == pytest.approx(expected, rel=0.02)


def test_crps_is_the_mean_over_pairs():
    samples, observed = np.random.default_rng(1).normal(size=[7, 2, 3]), np.zeros([2, 3])
    pairs = [np.abs(samples[i] - samples[j]) for i in range(7) for j in range(7) if i != j]
    expected = np.abs(samples).mean(axis=0) - 0.5 * np.mean(pairs, axis=0)
    np.testing.assert_allclose(crps(samples, observed), expected)
