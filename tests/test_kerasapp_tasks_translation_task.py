"""Translation by a toy that reverses letters: exact, the same in any batch, clear about what it cannot do."""

import numpy as np
import pytest
import tensorflow as tf
from tiny import LETTERS, reversed_words

import kerasapp

DTYPES = {
    "beam_size": tf.int32,
    "length_penalty": tf.float32,
    "coverage_penalty": tf.float32,
    "n_best": tf.int32,
    "min_ratio": tf.float32,
    "max_ratio": tf.float32,
}
ODD = {
    "blank": "",
    "spaces": "  \t \u3000 ",
    "line breaks": "a\nb\r\nc",
    "emoji": "👍🏽 👨‍👩‍👧",
    "control characters": "\x01\x02\x1b[31m\x7f",
    "NUL": "a \0 b",
    "another script": "العربية 中文 हिन्दी",
    "malformed UTF-8": b"a \xff\xfe b \xed\xa0\x80",
    "what a shell passes on": "a \udcff b",
    "right to left": "\u202eabc\u202c",
    "joined": "abcdefgh" * 20,
}


@pytest.fixture(scope="module")
def translator(reversal_run):
    return kerasapp.load(reversal_run)


def random_sentences(rng, rows):
    """Letters, some that the model has never seen, of any length, one blank now and then."""
    return [
        " ".join(rng.choice(list(LETTERS + "xyz"), int(rng.integers(0, 15))).tolist()) for _ in range(rows)
    ]


def random_knobs(rng, rows):
    beams = rng.integers(1, 6, rows)
    return {
        "beam_size": beams.tolist(),
        "length_penalty": rng.choice([0.0, 0.6, 1.0, 3.0], rows).tolist(),
        "coverage_penalty": rng.choice([0.0, 0.3], rows).tolist(),
        "n_best": [int(rng.integers(1, beam + 1)) for beam in beams],
        "min_ratio": rng.choice([0.0, 0.5, 0.9], rows).tolist(),
        "max_ratio": rng.choice([0.9, 1.0, 2.0], rows).tolist(),
    }


def answer(translator, sentences, knobs):
    """All outputs of the servable."""
    tensors = {name: tf.constant(knobs[name], dtype) for name, dtype in DTYPES.items()}
    outputs = translator.servable.translate(tf.constant(sentences), **tensors)
    return {name: values.numpy() for name, values in outputs.items()}


@pytest.mark.parametrize("beam_size", [1, 4])
def test_every_sentence_of_the_test_split_is_exact(translator, beam_size):
    sources, references = translator.task.corpus.texts("test")
    assert len(sources) > 100
    found = translator.translate(sources, beam_size=beam_size)
    assert [translation.text for translation in found] == references
    assert all(translation.finished for translation in found)


def test_a_translation_is_the_same_alone_in_any_batch_and_at_any_padding(translator):
    rng = np.random.default_rng(4)
    for _ in range(3):
        rows = int(rng.integers(3, 8))
        sentences, knobs = random_sentences(rng, rows), random_knobs(rng, rows)
        together = answer(translator, sentences, knobs)
        for i, sentence in enumerate(sentences):
            alone = answer(
                translator, [sentence], {name: values[i : i + 1] for name, values in knobs.items()}
            )
            for name, values in alone.items():
                row = together[name][i : i + 1].copy()
                own = tuple(slice(size) for size in values.shape)
                if values.dtype == np.float32:
                    np.testing.assert_allclose(row[own], values, rtol=1e-3, atol=1e-4, err_msg=name)
                else:
                    np.testing.assert_array_equal(row[own], values, err_msg=name)
                row[own] = values.dtype.type() if values.dtype != object else b""
                assert not np.count_nonzero(row), f"{name}: something beyond the row's own"


def test_the_order_of_the_sentences_is_kept_over_many_batches(translator):
    sources = translator.task.corpus.texts("train")[0][:150]
    shares = []
    found = translator.translate(sources, beam_size=1, progress=shares.append)
    assert sum(f.text == reversed_words(s) for f, s in zip(found, sources, strict=True)) >= 149
    assert len(shares) > 2 and shares == sorted(shares) and shares[-1] == 1


@pytest.mark.parametrize("kind", ODD)
def test_odd_sentences_have_an_answer_and_disturb_no_other(translator, kind):
    (before,), (good, odd) = translator.translate(["a b c"]), translator.translate(["a b c", ODD[kind]])
    assert good.text == before.text == "c b a"
    assert odd.text.isprintable() and odd.text.strip() == odd.text
    assert np.all(np.isfinite(odd.alignment)) and np.isfinite(odd.score)
    assert odd.alignment.shape == (len(odd.target_tokens), len(odd.source_tokens))
    scored = translator.score(["a b c", ODD[kind]], [ODD[kind], "a"])
    assert all(s["log_probability"] < 0 for s in scored)


@pytest.mark.parametrize("blank", ["", " ", "\t\n \u2003"])
def test_a_blank_sentence_has_a_blank_translation(translator, blank):
    (found,) = translator.translate([blank], n_best=3)
    assert (found.text, found.score, found.finished, found.n_best) == ("", 0.0, True, [("", 0.0)])
    assert (found.source_tokens, found.target_tokens, found.alignment.size) == ([], [], 0)


def test_no_sentences_have_no_translations(translator):
    assert translator.translate([]) == translator.score([], []) == translator.check([]) == []


def test_a_sentence_that_is_too_long_is_told_by_its_place(translator):
    long = " ".join(["word"] * 5000)  # letters and spaces are tokens
    reason = "has 24,999 tokens; at most 1,000 are translated"
    assert translator.check(["a b", long, ""]) == [None, reason, None]
    with pytest.raises(ValueError, match=f"sentence 2 {reason}"):
        translator.translate(["a b", long])
    for pair in ([long], ["a"]), (["a"], [long]):
        with pytest.raises(ValueError, match="24,999 tokens"):
            translator.score(*pair)
    longest = "ab" * 500
    assert translator.check([longest, longest + "a"]) == [
        None,
        "has 1,001 tokens; at most 1,000 are translated",
    ]


@pytest.mark.parametrize(
    "knobs",
    [
        {"beam_size": 0},
        {"beam_size": 65},
        {"beam_size": 2**40},
        {"beam_size": 2.5},
        {"length_penalty": -0.1},
        {"length_penalty": float("nan")},
        {"coverage_penalty": 11},
        {"n_best": 0},
        {"n_best": 5},
        {"n_best": 2, "beam_size": [4, 1]},
        {"min_ratio": -1.0},
        {"min_ratio": 2.5},
        {"max_ratio": 101.0},
        {"max_ratio": 1e40},
        {"length_penalty": [1.0]},
        {"beams": 3},
    ],
)
def test_wrong_knobs_are_refused_by_name(translator, knobs):
    with pytest.raises(ValueError, match=next(iter(knobs))):
        translator.translate(["a b c", "a b"], **knobs)


def test_strings_in_place_of_lists_and_unequal_lists_are_refused(translator):
    with pytest.raises(ValueError, match="list of strings"):
        translator.translate("a b c")
    with pytest.raises(ValueError, match="2 sources and 1 targets"):
        translator.score(["a", "b"], ["a"])


def test_score_is_the_sum_over_the_model_read_once(translator):
    source, target = "a b c d", "d c b b"
    numbers = {c: 4 + i for i, c in enumerate("\n " + LETTERS)}  # by code point, after four special ones
    ids = np.array([numbers[letter] for letter in target])
    inputs = {"source": [[*(numbers[letter] for letter in source), 3]], "target_in": [[2, *ids]]}
    logits = translator.model({name: np.array(rows) for name, rows in inputs.items()})
    log_p = tf.nn.log_softmax(tf.cast(logits[0], tf.float64)).numpy()
    expected = log_p[np.arange(8), [*ids, 3]].sum()
    sentences = [source, "a b c d e f g h", ""]
    found = translator.score(sentences, [target, "a", ""])
    assert found[0] == {"log_probability": pytest.approx(expected, rel=1e-4), "tokens": 8}
    assert [row["tokens"] for row in found] == [8, 2, 1]
    assert translator.score([source], [target])[0] == {
        "log_probability": pytest.approx(expected, rel=1e-4), "tokens": 8,
    }  # fmt: skip


def test_score_takes_more_pairs_than_fit_in_memory_at_once(translator):
    sources, targets = (texts[:70] for texts in translator.task.corpus.texts("train"))
    sources, targets = [*sources, "a " * 100], [*targets, "b " * 100]
    found = translator.score(sources, targets)
    for i in (0, 37, 70):
        (alone,) = translator.score(sources[i : i + 1], targets[i : i + 1])
        assert found[i]["tokens"] == alone["tokens"]
        assert found[i]["log_probability"] == pytest.approx(alone["log_probability"], rel=1e-3, abs=1e-4)


def test_without_a_length_penalty_the_score_is_the_log_probability(translator):
    sources = ["a b c", "h g f e d", "a a x b"]
    found = translator.translate(sources, length_penalty=0.0)
    scored = translator.score(sources, [translation.text for translation in found])
    for translation, row in zip(found, scored, strict=True):
        assert translation.finished
        assert translation.score == pytest.approx(row["log_probability"], rel=2e-3, abs=2e-3)


def test_n_best_are_that_many_and_sorted(translator):
    found = translator.translate(["a b c d e", "a x y", "b c"], beam_size=[6, 6, 2], n_best=[4, 6, 1])
    assert [len(translation.n_best) for translation in found] == [4, 6, 1]
    for translation in found:
        scores = [score for _, score in translation.n_best]
        assert scores == sorted(scores, reverse=True)
        assert translation.n_best[0] == (translation.text, translation.score)
    assert len({text for text, _ in found[0].n_best}) == 4
    assert found[0].text == "e d c b a"


def test_ratios_bound_the_tokens_of_a_translation(translator):
    source = "a b c d e f g h"  # 15 tokens
    cut, free, stretched = translator.translate(
        [source] * 3, min_ratio=[0.0, 0.0, 2.0], max_ratio=[0.0, 2.0, 3.0]
    )
    assert not cut.finished and len(cut.target_tokens) == 10 and "</s>" not in cut.target_tokens
    assert free.finished and len(free.target_tokens) == 16 and free.text == reversed_words(source)
    assert len([token for token in stretched.target_tokens if token != "</s>"]) >= 30


def test_the_alignment_tells_which_letter_was_read(translator):
    sources = [" ".join(letters) for letters in ("abcdefgh", "hgfeab", "bdfhaceg", "cab")]
    hits = []
    for source, found in zip(sources, translator.translate(sources), strict=True):
        assert found.source_tokens == [*source, "</s>"]
        assert found.target_tokens == [*reversed_words(source), "</s>"]
        assert found.alignment.shape == (len(source) + 1, len(source) + 1)
        assert np.all(found.alignment >= 0)
        np.testing.assert_allclose(found.alignment.sum(axis=1), 1, atol=1e-5)
        letters = np.arange(0, len(source), 2)
        looked = found.alignment[letters].argmax(axis=1)
        hits += (np.abs(looked - letters[::-1]) <= 1).tolist()  # a letter, or the space beside it
    assert np.mean(hits) > 0.8


def test_evaluate_finds_it_perfect_and_writes_what_it_found(translator, tmp_path):
    figures = translator.evaluate("test", output=tmp_path / "hypotheses")
    sources, references = translator.task.corpus.texts("test")
    assert (figures["bleu"], figures["chrf"]) == pytest.approx((100, 100))
    assert (figures["unfinished"], figures["items"]) == (0, len(sources))
    assert "|tok:13a|" in figures["signature"]
    scores = translator.score(sources, references)
    nats = -sum(row["log_probability"] for row in scores) / sum(row["tokens"] for row in scores)
    assert figures["nats_per_token"] == pytest.approx(nats, rel=1e-3) and nats < 0.05
    assert (tmp_path / "hypotheses").read_text().split("\n") == [*references, ""]
