"""Beam search against a plain account of its rules in Python, exhaustive search, and numbers worked by hand."""

import numpy as np
import pytest
import tensorflow as tf

from kerasapp.beam import Search, search

PAD, START, END = 0, 1, 2  # the words are 3 ...
STEPS = 12  # positions that a random model tells apart


def model(seed, words, scale=1.5):
    """Logits by row's own key, position and last token, and alignments over 4 source positions."""
    rng = np.random.default_rng(seed)
    size = 3 + words
    logits = rng.normal(scale=scale, size=[STEPS, size, size]).astype("float32")
    alignments = rng.dirichlet(np.full(4, 0.3), size=[STEPS, size]).astype("float32")
    return logits, alignments


def allowed(size):
    return np.where(np.isin(np.arange(size), [PAD, START]), -np.inf, 0).astype("float32")


def knobs(rows, beam_size=4, length_penalty=0.0, coverage_penalty=0.0, shortest=0, longest=5):
    values = (beam_size, length_penalty, coverage_penalty, shortest, longest)
    dtypes = ("int32", "float32", "float32", "int32", "int32")
    columns = (np.broadcast_to(v, [rows]).astype(d) for v, d in zip(values, dtypes, strict=True))
    return Search(*map(tf.constant, columns))


SPECS = Search(*(tf.TensorSpec([None], d) for d in (tf.int32, tf.float32, tf.float32, tf.int32, tf.int32)))


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
    return search(step, states, memory, lengths, settings, start_id=START, end_id=END, allowed=permitted)


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


class Plain:
    """The model and the rules for one row, in Python."""

    def __init__(self, tables, offset, beam_size, alpha, beta, shortest, longest, source=4):
        self.logits, self.alignments = (table.astype("float64") for table in tables)
        self.offset, self.source = offset, source
        self.beam_size, self.alpha, self.beta = beam_size, alpha, beta
        self.shortest, self.longest = shortest, longest

    def log_probabilities(self, ids):
        past = [START, *ids]
        shift = sum(([0.0] * 3 + past[:-1])[-3:])
        row = self.logits[(self.offset + len(ids)) % STEPS, past[-1]] * (1 + 0.1 * np.sin(shift))
        row = row + allowed(len(row))
        return row - np.log(np.exp(row - row.max()).sum()) - row.max()

    def alignment(self, ids, finished):
        past = [START, *ids]
        rows = [self.alignments[(self.offset + t) % STEPS, token] for t, token in enumerate(past)]
        rows = np.array(rows[: len(ids) + finished])
        return rows * (np.arange(rows.shape[1]) < self.source)

    def score(self, ids, total, finished):
        coverage = np.minimum(self.alignment(ids, finished).sum(axis=0), 1)[: self.source]
        penalty = ((5 + len(ids) + finished) / 6) ** self.alpha
        return total / penalty + self.beta * np.log(np.maximum(coverage, 1e-10)).sum()

    def search(self):
        """(ids, finished, log-probability, score) of each hypothesis."""
        pool, living = [], [((), 0.0)]
        for t in range(self.longest + 1):
            candidates = []
            for ids, total in living:
                row = self.log_probabilities(ids)
                candidates += [((*ids, token), total + row[token]) for token in range(3, len(row))]
                if t >= self.shortest:
                    candidates.append(((*ids, END), total + row[END]))
            candidates.sort(key=lambda candidate: -candidate[1])
            ended = [c for c in candidates[: self.beam_size] if c[0][-1] == END]
            pool += [(ids[:-1], True, total, self.score(ids[:-1], total, True)) for ids, total in ended]
            pool = sorted(pool, key=lambda entry: -entry[3])[: self.beam_size]
            if t == self.longest:
                break
            living = [c for c in candidates if c[0][-1] != END][: self.beam_size]
            bound = living[0][1] / ((5 + self.longest + 1) / 6) ** self.alpha
            if len(pool) == self.beam_size and (self.beam_size == 1 or bound <= pool[-1][3]):
                return pool
        rest = [
            (i, False, p, self.score(i, p, False)) for i, p in living if i not in [e[0][:-1] for e in ended]
        ]
        return (pool + sorted(rest, key=lambda entry: -entry[3]))[: self.beam_size]


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
