"""What the benchmarks of adversarial training count, by hand."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture
def benchmark_of(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[1] / "benchmarks"), *sys.path])
    return importlib.import_module


def test_quality_and_diversity_of_texts_by_hand(benchmark_of):
    text = benchmark_of("adversarial_text")
    judge = text.Judge("x the cat sat on the mat y", ["the cat sat on a chair", "a dog ran off"])
    bleu, self_bleu, novel, known = judge(["x the cat sat on the hat y", "x the cat sat on the hat y"])
    assert self_bleu == pytest.approx(100.0)
    # Words between the first and the last: the cat sat on the hat; its 3 sequences of 4: one has "hat".
    assert novel == pytest.approx(1 / 3) and known == pytest.approx(5 / 6)
    # Of 8 words 4 stand in the references ("a" is in both, and not here), of 7 pairs 3, of 6 threes 2, of 5
    # fours 1; the nearest length is 6, so nothing is taken off.
    assert bleu == pytest.approx(100 * (4 / 8 * 3 / 7 * 2 / 6 * 1 / 5) ** 0.25, rel=1e-6)


def test_places_do_not_overlap_their_references(benchmark_of):
    text = benchmark_of("adversarial_text")
    numbers = " ".join(str(i) for i in range(1000))
    prompts, follows, others = text.excerpts(numbers, 5, 40)
    assert len(prompts) == len(follows) == len(others) == 5
    for prompt, follow, other in zip(prompts, follows, others, strict=True):
        assert (len(prompt), len(follow), len(other)) == (text.PROMPT, 40, 40)
        assert prompt + follow + other in numbers
    assert numbers.startswith(prompts[0]) and numbers.endswith(others[-1])


def test_an_author_draws_what_it_thinks_likely(benchmark_of, monkeypatch):
    oracle = benchmark_of("adversarial")
    monkeypatch.setattr(oracle, "VOCABULARY", 7)
    author = oracle.Author(oracle.random_oracle(3))
    written = author.write(3000, seed=1)
    assert written.shape == (3000, 1 + oracle.LENGTH) and np.all(written[:, 0] == oracle.START)
    np.testing.assert_array_equal(author.write(3000, seed=1), written)
    # The mean of -ln p over what a model draws is the mean entropy of its distributions.
    log_p = tf.nn.log_softmax(author.model(written[:, :-1])).numpy()
    entropy = -np.sum(np.exp(log_p) * log_p, axis=2).mean()
    assert author.nats(written) == pytest.approx(entropy, rel=0.02)
    assert author.nats(author.write(3000, 1, temperature=0.5)) < 0.8 * entropy
