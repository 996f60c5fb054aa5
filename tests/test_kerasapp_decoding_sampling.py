"""Sampling against a NumPy account of the same rules, and its promises about batches."""

import numpy as np
import pytest
import tensorflow as tf

from kerasapp.decoding.sampling import (
    Sampling,
    choose,
    keep_likeliest,
    prepare,
    sample,
    sample_one,
    uniform,
)
from kerasapp.layers.batch import split_batch


def pcg(x):
    """The PCG hash as printed by Jarzynski and Olano, on Python integers."""
    mask = 0xFFFFFFFF
    state = (x * 747796405 + 2891336453) & mask
    word = (((state >> ((state >> 28) + 4)) ^ state) * 277803737) & mask
    return ((word >> 22) ^ word) & mask


def sampling(rows, temperature=1.0, top_k=0, top_p=1.0, seed=0):
    def column(value, dtype):
        return tf.constant(np.broadcast_to(value, [rows]).astype(dtype))

    return Sampling(
        column(temperature, "float32"),
        column(top_k, "int32"),
        column(top_p, "float32"),
        column(seed, "int32"),
    )


def test_uniform_is_the_published_hash():
    seeds, positions = [0, 7, -1, 2**31 - 1], [0, 1, 1000]
    mask = 0xFFFFFFFF
    expected = [
        [(pcg((pcg(p) + pcg((s & mask) ^ 0x9E3779B9)) & mask) >> 8) / 2**24 for p in positions] for s in seeds
    ]
    np.testing.assert_array_equal(uniform(tf.constant(seeds), tf.constant(positions)), np.float32(expected))


def test_uniform_is_uniform():
    draws = uniform(tf.range(100), tf.range(1000)).numpy()
    counts, _ = np.histogram(draws, bins=16, range=(0, 1))
    assert np.abs(counts - draws.size / 16).max() < 5 * np.sqrt(draws.size / 16)
    assert abs(np.corrcoef(draws[0], draws[1])[0, 1]) < 0.1
    assert abs(np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]) < 0.3


def allowed(probabilities, top_k, top_p):
    """Ids that survive the filters, by the definition: sort, cut at k, then at cumulative p."""
    order = np.argsort(-probabilities, kind="stable")
    order = order[: top_k or None]
    kept = probabilities[order] / probabilities[order].sum()
    count = 1 + int(np.sum(np.cumsum(kept)[:-1] < top_p)) if top_p < 1 else len(order)
    return set(order[:count].tolist())


def choose_filtered(logits, knobs, noise):
    return choose(tf.constant(logits), *prepare(knobs, noise), knobs)


@pytest.mark.parametrize("top_k", [0, 1, 3, 100])
@pytest.mark.parametrize("top_p", [0.0, 0.35, 0.8, 1.0])
def test_choose_keeps_to_the_filters_and_reaches_all_they_leave(top_k, top_p):
    logits = np.float32([0.1, 2.0, -1.0, 1.5, 0.7, -3.0])
    probabilities = np.exp(logits) / np.exp(logits).sum()
    rows = 400
    noise = tf.constant((np.arange(rows, dtype="float32") + 0.5) / rows)
    chosen = choose_filtered(np.tile(logits, [rows, 1]), sampling(rows, 1.0, top_k, top_p), noise)
    assert set(chosen.numpy().tolist()) == allowed(probabilities, top_k, top_p)


BELOW_TWO = np.nextafter(np.float32(2), np.float32(0))


@pytest.mark.parametrize(
    ("weights", "top_k", "top_p", "kept"),
    [
        ([4.0, 2.0, 1.0, 1.0], 0, 0.5, [0]),  # 4 of 8 reach a half: the next one is not needed
        ([4.0, 2.0, 1.0, 1.0], 0, 0.75, [0, 1]),
        ([4.0, 2.0, 1.0, 1.0], 0, 0.76, [0, 1, 2, 3]),  # equal ones go together
        (
            [4.0, 2.0, BELOW_TWO, 1.0],
            2,
            1.0,
            [0, 1],
        ),  # nearly equal ones do not
        ([4.0, 2.0, 2.0, 1.0], 2, 1.0, [0, 1, 2]),
        ([4.0, 2.0, BELOW_TWO, 0.0], 0, 0.75, [0, 1]),
        ([1.0, 8.0, 4.0, 2.0], 3, 0.6, [1, 2]),  # top_p is a share of what top_k leaves: 12 of 14
        ([0.0, 8.0, 4.0, 2.0], 0, 0.0, [1]),
    ],
)
def test_filters_keep_exactly(weights, top_k, top_p, kept):
    weights = tf.constant([weights], tf.float32)
    found = keep_likeliest(weights, tf.constant([top_k]), tf.constant([top_p], tf.float32)).numpy()[0]
    assert np.flatnonzero(found).tolist() == kept
    np.testing.assert_array_equal(found[kept], weights[0].numpy()[kept])


def test_choose_gives_each_token_its_probability():
    logits = np.float32([0.1, 2.0, -np.inf, 1.5, 0.7])
    rows, temperature = 10_000, 0.7
    weights = np.exp(logits / temperature)
    noise = tf.constant((np.arange(rows, dtype="float32") + 0.5) / rows)
    chosen = choose(tf.constant(np.tile(logits, [rows, 1])), *prepare(sampling(rows, temperature), noise))
    shares = np.bincount(chosen.numpy(), minlength=5) / rows
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=2e-4)


@pytest.mark.parametrize("size", [999, 1000, 1001, 5000])
def test_choose_of_a_large_vocabulary_inverts_its_cumulative_distribution(size):
    rng = np.random.default_rng(size)
    logits = rng.normal(0, 3, [200, size]).astype("float32")
    logits[:, rng.integers(0, size, size // 2)] = -np.inf
    noise = np.float32([0.0, 1 - 2**-24, *rng.random(198)])
    chosen = choose(tf.constant(logits), *prepare(sampling(200), tf.constant(noise))).numpy()
    weights = np.exp(logits.astype("float64"))
    ends = np.cumsum(weights, axis=1) / np.sum(weights, axis=1, keepdims=True)
    rows = np.arange(200)
    assert np.all(weights[rows, chosen] > 0)
    assert np.all(ends[rows, chosen] >= noise - 1e-6)
    assert np.all(ends[rows, chosen] - weights[rows, chosen] / weights.sum(axis=1) <= noise + 1e-6)


def test_choose_of_a_large_vocabulary_stays_within_the_block_that_holds_the_noise():
    """A block and its part of the whole are summed in two ways: noise at a boundary may fall between them,
    and must not take a token that has no probability, here both ends of each block."""
    rng = np.random.default_rng(0)
    weights = rng.random([200, 12, 100], "float32")
    weights[:, :, :25] = weights[:, :, 75:] = 0
    ends = np.cumsum(weights.sum(axis=2, dtype="float64"), axis=1)
    shares = np.floor(ends / ends[:, -1:] * 2**24)[:, :-1, np.newaxis] + np.arange(-3, 3)
    noise = (shares.reshape(-1) * 2.0**-24).astype("float32")
    with np.errstate(divide="ignore"):
        logits = np.log(np.repeat(weights.reshape(200, 1200), 11 * 6, axis=0))
    chosen = choose(tf.constant(logits), tf.ones([len(noise), 1]), tf.constant(noise)).numpy()
    assert np.isfinite(logits[np.arange(len(noise)), chosen]).all()


def test_choose_of_a_large_vocabulary_at_temperature_zero_is_greedy():
    logits = np.random.default_rng(0).normal(size=[20, 1234]).astype("float32")
    chosen = choose_filtered(logits, sampling(20, temperature=0.0), tf.fill([20], 0.99))
    np.testing.assert_array_equal(chosen, logits.argmax(axis=1))


def test_choose_at_temperature_zero_is_greedy():
    logits = tf.constant(np.random.default_rng(0).normal(size=(50, 9)).astype("float32"))
    noise = tf.fill([50], 0.999)
    chosen = choose_filtered(logits, sampling(50, temperature=0.0, top_p=0.5), noise)
    np.testing.assert_array_equal(chosen, np.argmax(logits, axis=1))


@pytest.mark.parametrize("noise", [0.0, 1 - 2.0**-24])
def test_choose_never_takes_what_has_no_probability(noise):
    logits = tf.constant([[-np.inf, 0.0, 1.0, -np.inf]], tf.float32)
    for filters in (None, sampling(1)):
        assert int(choose(logits, *prepare(sampling(1), tf.constant([noise])), filters)[0]) in (1, 2)


def counting_step(tokens, states):
    """A language whose next token is likely the last one plus one; the state counts the steps of a row."""
    logits = 3.0 * tf.one_hot((tokens + 1) % 7, 7) + tf.cast(states["n"], tf.float32) % 3.0
    return logits, {"n": states["n"] + 1}


def either(step, logits, states, knobs, position, count):
    """`sample`, or from 8 rows on in two halves of the batch: what a row gets must not depend on which."""

    def run(rows):
        return sample(step, *rows, position, count)

    rows = logits, states, knobs
    return tf.cond(tf.shape(logits)[0] < 8, lambda: run(rows), lambda: split_batch(run, rows))


@tf.function(
    autograph=False,
    input_signature=[
        tf.TensorSpec([None, 7]),
        {"n": tf.TensorSpec([None, 1], tf.int32)},
        Sampling(*(tf.TensorSpec([None], dtype) for dtype in (tf.float32, tf.int32, tf.float32, tf.int32))),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([], tf.int32),
    ],
)
def sample_numbers(logits, states, knobs, position, count):
    return either(counting_step, logits, states, knobs, position, count)


def run(knobs, first, position=0, count=20):
    states = {"n": tf.zeros([len(first), 1], tf.int32)}
    return sample_numbers(
        tf.one_hot(first, 7) * 2.0, states, knobs, tf.constant(position), tf.constant(count)
    )


def test_sample_of_a_row_does_not_depend_on_the_batch():
    rng = np.random.default_rng(3)
    for _ in range(5):
        rows = int(rng.integers(1, 15))
        knobs = sampling(
            rows,
            rng.choice([0.0, 0.5, 1.3], rows),
            rng.integers(0, 4, rows),
            rng.choice([0.5, 1.0], rows),
            rng.integers(-9, 9, rows),
        )
        first = rng.integers(0, 7, rows)
        together = run(knobs, first)[0].numpy()
        for i in range(rows):
            alone = run(Sampling(*(field[i : i + 1] for field in knobs)), first[i : i + 1])[0].numpy()
            np.testing.assert_array_equal(alone[0], together[i])


def test_sample_in_pieces_equals_sample_at_once():
    knobs = sampling(2, 0.9, seed=[1, 2])
    whole, *_ = run(knobs, [0, 3], count=20)
    head, logits, states = run(knobs, [0, 3], count=8)
    tail, *_ = sample_numbers(logits, states, knobs, tf.constant(8), tf.constant(12))
    np.testing.assert_array_equal(whole, np.concatenate([head, tail], axis=1))


@pytest.mark.parametrize("top_k", [0, 3])
def test_one_token_is_sampled_as_a_text_is_at_that_position(top_k):
    first, rows = np.array([0, 3, 6, 2]), 4
    knobs = sampling(rows, [0.0, 0.7, 1.5, 2.0], top_k, [1.0, 0.9, 1.0, 1.0], [5, -1, 7, 7])
    positions = np.array([0, 3, 11, 11], np.int32)
    chosen = sample_one(tf.one_hot(first, 7) * 2.0, knobs, tf.constant(positions)).numpy()
    for row, position in enumerate(positions):
        assert chosen[row] == run(knobs, first, position, 1)[0][row, 0]
