"""Beam search against its rules in plain Python, exhaustive search, and numbers worked by hand."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from beam_reference import END, START, STEPS, Plain, allowed, model

from kerasapp.decoding.beam_search import BeamSearch, beam_search


def knobs(rows, beam_size=4, length_penalty=0.0, coverage_penalty=0.0, shortest=0, longest=5):
    values = (beam_size, length_penalty, coverage_penalty, shortest, longest)
    dtypes = ("int32", "float32", "float32", "int32", "int32")
    columns = (np.broadcast_to(v, [rows]).astype(d) for v, d in zip(values, dtypes, strict=True))
    return BeamSearch(*map(tf.constant, columns))


SPECS = BeamSearch(
    *(tf.TensorSpec([None], d) for d in (tf.int32, tf.float32, tf.float32, tf.int32, tf.int32))
)


@tf.function(
    autograph=False,
    input_signature=[
        tf.TensorSpec([None, None, None]),
        tf.TensorSpec([None, None, None]),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None], tf.int32),
        SPECS,
        tf.TensorSpec([None]),
    ],
)
def searched(logits, alignments, offsets, lengths, settings, permitted):
    """Searches the model from a row's own offset; the state carries the position and all tokens so far."""

    def step(tokens, states, memory):
        position = (states["time"][:, 0] + memory["offset"]) % STEPS
        shift = tf.reduce_sum(states["seen"], axis=1, keepdims=True)  # so that the order of states matters
        given = tf.gather_nd(logits, tf.stack([position, tokens], axis=1)) * (1.0 + 0.1 * tf.sin(shift))
        looked = tf.gather_nd(alignments, tf.stack([position, tokens], axis=1))
        real = tf.sequence_mask(memory["length"], tf.shape(looked)[1], tf.float32)
        seen = tf.concat([states["seen"][:, 1:], tf.cast(tokens, tf.float32)[:, None]], axis=1)
        return given, looked * real, {"time": states["time"] + 1, "seen": seen}

    rows = tf.shape(offsets)[0]
    states = {"time": tf.zeros([rows, 1], tf.int32), "seen": tf.zeros([rows, 3])}
    memory = {"offset": offsets, "length": lengths}
    return beam_search(step, states, memory, lengths, settings, start_id=START, end_id=END, allowed=permitted)


def run(tables, offsets, settings, lengths=None):
    lengths = np.full(len(offsets), 4) if lengths is None else lengths
    found = searched(
        *tables,
        tf.constant(offsets, tf.int32),
        tf.constant(lengths, tf.int32),
        settings,
        allowed(tables[0].shape[-1]),
    )
    return type(found)(*(value.numpy() for value in found))


def assert_equal(found, row, expected, oracle):
    for place, (ids, finished, total, score) in enumerate(expected):
        assert found.lengths[row, place] == len(ids)
        assert tuple(found.ids[row, place, : len(ids)]) == ids
        assert not found.ids[row, place, len(ids) :].any()
        assert found.finished[row, place] == finished
        np.testing.assert_allclose(found.log_probabilities[row, place], total, rtol=2e-5, atol=2e-5)
        np.testing.assert_allclose(found.scores[row, place], score, rtol=2e-5, atol=2e-5)
        alignment = oracle.alignment(ids, finished)
        np.testing.assert_allclose(found.alignment[row, place, : len(alignment)], alignment, atol=1e-6)
        assert not found.alignment[row, place, len(alignment) :].any()
    assert not found.lengths[row, len(expected) :].any()
    assert not found.finished[row, len(expected) :].any()
    assert np.isneginf(found.scores[row, len(expected) :]).all()


def mixed(rng, rows):
    shortest = rng.integers(0, 4, rows)
    return {
        "beam_size": rng.integers(1, 6, rows),
        "length_penalty": rng.choice([0.0, 0.6, 1.0, 2.0], rows),
        "coverage_penalty": rng.choice([0.0, 0.2, 1.0], rows),
        "shortest": shortest,
        "longest": np.maximum(shortest + rng.integers(0, 6, rows), 1),
    }


@pytest.mark.parametrize("seed", range(6))
def test_search_is_the_plain_search_for_mixed_rows(seed):
    rng = np.random.default_rng(seed)
    tables, rows = model(seed, words=6), 16
    settings, offsets, lengths = mixed(rng, rows), rng.integers(0, STEPS, rows), rng.integers(1, 5, rows)
    found = run(tables, offsets, knobs(rows, **settings), lengths)
    for row in range(rows):
        oracle = Plain(
            tables, offsets[row], *(values[row] for values in settings.values()), source=lengths[row]
        )
        assert_equal(found, row, oracle.search(), oracle)


def test_search_beam_wide_enough_is_exhaustive():
    tables, longest, words = model(7, words=3), 3, (3, 4, 5)
    settings = {"beam_size": 120, "length_penalty": 0.8, "coverage_penalty": 0.3, "shortest": 0}
    found = run(tables, [2], knobs(1, **settings, longest=longest))
    oracle = Plain(tables, 2, *settings.values(), longest)
    scores = {}
    for length in range(longest + 1):
        for ids in itertools.product(words, repeat=length):
            total = sum(oracle.log_probabilities(ids[:t])[ids[t]] for t in range(length))
            scores[ids] = oracle.score(ids, total + oracle.log_probabilities(ids)[END], True)
    best = sorted(scores, key=scores.get, reverse=True)
    np.testing.assert_array_equal(found.finished[0], np.arange(120) < 40)
    got = [tuple(ids[:n]) for ids, n in zip(found.ids[0], found.lengths[0], strict=True)]
    assert got[:40] == best
    np.testing.assert_allclose(found.scores[0, :40], [scores[ids] for ids in best], rtol=1e-4)


@pytest.mark.parametrize(("words", "push"), [(6, 0.0), (47, 1.0), (48, 1.0), (130, 1.0)])
def test_search_with_one_beam_takes_the_likeliest_token_each_time(words, push):
    logits, alignments = model(words, words)
    logits[..., START] += 9.0  # not allowed
    logits[..., END] += push
    found = run((logits, alignments), np.arange(STEPS), knobs(STEPS, 1, length_penalty=1.5, longest=8))
    assert found.finished.any() and not found.finished.all()
    for row in range(STEPS):
        oracle = Plain((logits, alignments), row, 1, 0, 0, 0, 8)
        ids = ()
        while (token := int(np.argmax(oracle.log_probabilities(ids)))) != END and len(ids) < 8:
            ids += (token,)
        assert tuple(found.ids[row, 0, : found.lengths[row, 0]]) == ids
        assert found.finished[row, 0] == (token == END)


def searched_eagerly(step, settings, source=1, size=6, lengths=None):
    """Searches with a step (position, tokens) -> (logits, alignment), and gives the steps taken too."""
    taken = []

    def with_state(tokens, position, memory):
        taken.append(tokens.numpy())
        return *step(int(position[0]), tokens.numpy()), position + 1

    rows = len(settings.beam_size)
    lengths = tf.fill([rows], source) if lengths is None else lengths
    found = beam_search(
        with_state,
        tf.zeros([rows], tf.int32),
        (),
        lengths,
        settings,
        start_id=START,
        end_id=END,
        allowed=tf.constant(allowed(size)),
    )
    return type(found)(*(value.numpy() for value in found)), taken


def by_position(row):
    """A step from a function position -> list of logits."""
    return lambda position, tokens: (
        tf.constant([row(position)] * len(tokens), tf.float32),
        tf.ones([len(tokens), 1]),
    )


def one_word_or_two(position, tokens):
    """p("3") = 0.4, p("4 5") = 0.36, "4 4" the rest; "3" looks at one source position, "4 5" at both."""
    after = {START: {3: 0.4, 4: 0.6}, 3: {END: 1.0}, 4: {5: 0.6, 4: 0.4} if position < 2 else {END: 1.0}}
    rows = [[after.get(token, {END: 1.0}).get(i, 1e-9) for i in range(6)] for token in tokens]
    looks = {START: [0.5, 0.2], 3: [0.5, 0.1], 4: [0.3, 0.4], 5: [0.3, 0.4]}
    return tf.math.log(tf.constant(rows)), tf.constant([looks[token] for token in tokens])


@pytest.mark.parametrize(
    ("alpha", "beta", "best"),
    [(0.0, 0.0, (3,)), (1.0, 0.0, (4, 5)), (0.0, 0.1, (4, 5)), (0.0, 0.05, (3,))],
)
def test_search_scores_worked_by_hand(alpha, beta, best):
    found, _ = searched_eagerly(one_word_or_two, knobs(1, 3, alpha, beta, longest=3), source=2)
    lengths, probabilities = {(3,): 2, (4, 5): 3}, {(3,): 0.4, (4, 5): 0.36}
    coverage = {(3,): np.log(1.0) + np.log(0.3), (4, 5): np.log(1.0) + np.log(1.0)}
    score = np.log(probabilities[best]) / ((5 + lengths[best]) / 6) ** alpha + beta * coverage[best]
    assert tuple(found.ids[0, 0, : found.lengths[0, 0]]) == best
    np.testing.assert_allclose(found.scores[0, 0], score, rtol=1e-5)
    np.testing.assert_allclose(found.log_probabilities[0, 0], np.log(probabilities[best]), rtol=1e-5)


def test_search_goes_on_while_a_living_beam_may_win_at_the_greatest_length():
    """After two steps the pool is full: "" and "4". "3 5" is less likely, but ends as the longest allowed."""

    def step(position, tokens):
        after = {START: {END: 0.5, 3: 0.3, 4: 0.2}, 3: {END: 0.55, 5: 0.45}}
        rows = [[after.get(token, {END: 1.0}).get(i, 1e-9) for i in range(6)] for token in tokens]
        return tf.math.log(tf.constant(rows)), tf.ones([len(tokens), 1])

    found, _ = searched_eagerly(step, knobs(1, 2, length_penalty=3.0, longest=2))
    assert [found.ids[0, i, :n].tolist() for i, n in enumerate(found.lengths[0])] == [[], [3, 5]]
    # Its bound counts the end token: with two tokens for three it would be below ln(0.2) / (7 / 6) ** 3.
    scores = [np.log(0.5), np.log(0.3 * 0.45) / (8 / 6) ** 3]
    np.testing.assert_allclose(found.scores[0], scores, rtol=1e-5)
    assert np.log(0.3 * 0.45) / (7 / 6) ** 3 < np.log(0.2) / (7 / 6) ** 3 < scores[1]


@pytest.mark.parametrize("seed", range(3))
def test_search_of_a_row_does_not_depend_on_the_batch(seed):
    rng = np.random.default_rng(seed)
    logits, alignments = model(seed, words=120)
    logits = np.round(logits)  # many candidates are equal
    settings, offsets, lengths = mixed(rng, 9), rng.integers(0, STEPS, 9), rng.integers(1, 5, 9)
    together = run((logits, alignments), offsets, knobs(9, **settings), lengths)
    for row in range(9):
        one = slice(row, row + 1)
        single = knobs(1, **{name: values[one] for name, values in settings.items()})
        alone = run(
            (logits, np.pad(alignments, [(0, 0), (0, 0), (0, 3)])), offsets[one], single, lengths[one]
        )
        for name in ("lengths", "finished", "scores", "log_probabilities", "ids", "alignment"):
            ours, theirs = getattr(alone, name)[0], getattr(together, name)[row]
            common = tuple(map(slice, np.minimum(ours.shape, theirs.shape)))
            np.testing.assert_allclose(ours[common], theirs[common], rtol=1e-5, err_msg=name)


def test_search_keeps_to_the_shortest_and_the_longest():
    shortest, longest = [0, 1, 4, 2], [3, 1, 4, 9]
    settings = knobs(4, 1, shortest=shortest, longest=longest)
    found, _ = searched_eagerly(by_position(lambda t: [0, 0, 5, 1, 2, 0]), settings)
    np.testing.assert_array_equal(found.lengths[:, 0], shortest)
    assert found.finished.all()
    found, _ = searched_eagerly(by_position(lambda t: [0, 0, -9, 1, 2, 0]), settings)
    np.testing.assert_array_equal(found.lengths[:, 0], longest)
    assert not found.finished.any()


def test_search_stops_when_all_rows_are_done():
    step = by_position(lambda t: [0, 0, 10, 0, 0, 0] if t >= 2 else [0, 0, 0, 0, 10, 0])
    for beam_size in (1, 2):
        found, taken = searched_eagerly(step, knobs(2, beam_size, longest=[50, 90]))
        assert found.finished[:, 0].all() and (found.lengths[:, 0] == 2).all()
        assert len(taken) < 50
    assert len(searched_eagerly(step, knobs(2, 1, longest=[50, 90]))[1]) == 3
    assert len(searched_eagerly(step, knobs(2, 1, shortest=[0, 7], longest=[50, 90]))[1]) == 8


def test_search_with_one_beam_ends_with_its_first_end():
    step = by_position(lambda t: np.log([1e-9, 1e-9, *([1.0, 1e-9, 1e-9] if t else [0.5, 0.4, 0.1]), 1e-9]))
    found, taken = searched_eagerly(step, knobs(1, 1, length_penalty=3.0))
    assert len(taken) == 1 and found.lengths[0, 0] == 0
    found, _ = searched_eagerly(step, knobs(1, 2, length_penalty=3.0))
    assert found.ids[0, 0].tolist() == [3]  # ln(0.4) / (7 / 6) ** 3 > ln(0.5)
    np.testing.assert_allclose(found.scores[0], [np.log(0.4) / (7 / 6) ** 3, np.log(0.5)], rtol=1e-5)


def test_search_takes_the_lower_of_equal_ids():
    row = np.zeros(170)
    row[[110, 7, 58, 111, 155]] = [2.0, 1.0, 1.0, 1.0, 1.0]
    found, _ = searched_eagerly(by_position(lambda t: row), knobs(1, 4, longest=1), size=170)
    assert found.ids[0, :, 0].tolist() == [110, 7, 58, 111] and not found.finished.any()


def test_search_where_only_the_end_is_possible():
    row = np.where(np.arange(6) == END, 0.0, -np.inf)
    found, taken = searched_eagerly(by_position(lambda t: row), knobs(1, 3))
    assert len(taken) == 1 and found.ids.shape == (1, 3, 0) and found.alignment.shape == (1, 3, 1, 1)
    np.testing.assert_array_equal(found.finished, [[True, False, False]])
    np.testing.assert_array_equal(found.scores, [[0.0, -np.inf, -np.inf]])


@pytest.mark.parametrize("coverage_penalty", [0.0, 0.5])
def test_search_without_any_alignment_has_finite_scores(coverage_penalty):
    def step(position, tokens):
        return tf.zeros([len(tokens), 6]), tf.zeros([len(tokens), 2])

    found, _ = searched_eagerly(step, knobs(1, 2, 0.0, coverage_penalty), source=2)
    np.testing.assert_allclose(found.log_probabilities[0, 0], -np.log(4), rtol=1e-6)
    expected = -np.log(4) + coverage_penalty * 2 * np.log(1e-10)
    np.testing.assert_allclose(found.scores[0, 0], expected, rtol=1e-6)


def test_search_in_a_graph_of_known_shapes():
    tables = model(1, words=6)
    traced = tf.function(lambda *inputs: searched.python_function(*inputs), autograph=False)
    offsets, lengths = tf.constant([0, 5]), tf.constant([4, 3])
    inputs = (*map(tf.constant, tables), offsets, lengths, knobs(2, [3, 2]), tf.constant(allowed(9)))
    for ours, theirs in zip(traced(*inputs), searched(*inputs), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
