"""Greedy and beam search over a step function, in the graph, each row by its own rules.

The candidates of a row are its living beams, each with one more token or with the end token. At each step
the ends among the best `beam_size` candidates become hypotheses, and the row's pool keeps the best ones. The
best `beam_size` other candidates live on. A row is done when its pool is full and no living beam can beat any
of it; a greedy row is done with its first hypothesis. A row that has `longest` tokens is done, too: living
beams then fill its pool. Of equal candidates the end comes first, then the better beam, then the lower id.
"""

from typing import NamedTuple

import tensorflow as tf

from kerasapp.decoding.candidates import NEVER, find_candidates

# The least coverage of a source position, so that scores stay finite.
LEAST_COVERAGE = 1e-10


class BeamSearch(NamedTuple):
    """How each row is searched; every field is one value per row, [batch].

    The score of a hypothesis is that of Wu et al. 2016 (GNMT, arXiv:1609.08144, equation 14),
    log p / ((5 + length) / 6) ** length_penalty + coverage_penalty * sum ln(min(coverage, 1)), where length
    counts the end token, and the coverage of a source position is the sum of its alignments over time.
    """

    beam_size: tf.Tensor  # int32, at least 1; 1 is greedy
    length_penalty: tf.Tensor  # float32, at least 0; 0 compares log-probabilities, 1 nearly their mean
    coverage_penalty: tf.Tensor  # float32, at least 0; 0 is off
    shortest: tf.Tensor  # int32; the least tokens before the end token, whose probability stays as it is
    longest: tf.Tensor  # int32, at least 1; the most tokens before the end token


class Hypotheses(NamedTuple):
    """What a search found, best first, finished hypotheses before others; beams: the largest beam size."""

    ids: tf.Tensor  # int32 [batch, beams, length], without the end token, padded with 0
    lengths: tf.Tensor  # int32 [batch, beams]; 0 where a row has no hypothesis
    scores: tf.Tensor  # float32 [batch, beams]; -inf where a row has no hypothesis
    log_probabilities: tf.Tensor  # float32 [batch, beams], of the tokens and the end token
    finished: tf.Tensor  # bool [batch, beams]; False where the end token did not come in time
    alignment: tf.Tensor  # float32 [batch, beams, length + 1, source], the end token's last; 0 elsewhere


class _Rows(NamedTuple):
    """What stays the same for each row."""

    knobs: BeamSearch
    lengths: tf.Tensor  # [batch], of the source
    indices: tf.Tensor  # [batch, beams]: 0, 1, 2 ...
    slots: tf.Tensor  # bool [batch, beams], which of the beams a row may use


class _Beams(NamedTuple):
    """The living beams, likeliest first."""

    tokens: tf.Tensor  # [batch, beams], the last ones
    log_probabilities: tf.Tensor  # [batch, beams]; -inf in an empty place
    coverage: tf.Tensor  # [batch, beams, source]
    states: object  # structure of tensors [batch * beams, ...]


class _Pool(NamedTuple):
    """Hypotheses, best first, [batch, beams]."""

    scores: tf.Tensor  # -inf in an empty slot
    log_probabilities: tf.Tensor
    lengths: tf.Tensor  # tokens, so also the time at which the hypothesis left the beams
    beams: tf.Tensor  # which of the beams it was at that time


class _History(NamedTuple):
    """A TensorArray over time each."""

    tokens: tf.TensorArray  # [batch, beams], the token of each new beam
    parents: tf.TensorArray  # [batch, beams], the old beam that each new one continues
    alignments: tf.TensorArray  # [batch, beams, source], of the old beams


def beam_search(step, states, constants, lengths, knobs, *, start_id, end_id, allowed):
    """The best sequences under a step function, for each row the same whatever else is in the batch.

    Args:
        step: function (tokens int32 [rows], states, constants) -> (logits float32 [rows, vocabulary],
            alignment float32 [rows, source], states), where rows is batch * beams, the beams of a row side by
            side.
        states: structure of tensors [batch, ...], carried from step to step with their beams.
        constants: structure of tensors [batch, ...], the same for all beams of a row.
        lengths: int32 [batch], source positions that are real; alignment beyond them is 0.
        knobs: a `BeamSearch` of at least one row.
        start_id, end_id: the token before the first and the one after the last.
        allowed: float32 [vocabulary], 0 or -inf, added to the logits.

    Returns: a `Hypotheses`.
    """
    width = tf.reduce_max(knobs.beam_size)
    states, constants = tf.nest.map_structure(lambda x: tf.repeat(x, width, axis=0), (states, constants))
    indices = tf.repeat(tf.range(width)[tf.newaxis], tf.size(lengths), axis=0)  # [batch, beams]
    rows = _Rows(knobs, lengths, indices, indices < knobs.beam_size[:, tf.newaxis])

    def step_beams(beams):
        logits, alignment, states = step(tf.reshape(beams.tokens, [-1]), beams.states, constants)
        candidates = find_candidates(beams.log_probabilities, logits + allowed, end_id)
        alignment = tf.reshape(alignment, [*tf.unstack(tf.shape(indices)), -1])  # [batch, beams, source]
        return candidates, alignment, states

    beams, pool, history = _loop(step_beams, _start(indices, states, start_id), rows)
    finished = pool.scores > NEVER
    pool = _fill(pool, beams, rows)
    ids, alignment = _trace(history, pool, finished)
    return Hypotheses(ids, pool.lengths, pool.scores, pool.log_probabilities, finished, alignment)


def _start(indices, states, start_id):
    """One living beam a row. The size of the source is known from the first alignment on."""
    log_probabilities = tf.where(indices == 0, 0.0, NEVER)
    coverage = tf.zeros_like(log_probabilities)[..., tf.newaxis]  # [batch, beams, 1]
    return _Beams(tf.fill(tf.shape(indices), start_id), log_probabilities, coverage, states)


def _loop(step_beams, beams, rows):
    """Steps until every row is done. A row that is done keeps its beams and its pool."""

    def body(t, is_open, beams, pool, history):
        candidates, alignment, states = step_beams(beams)
        coverage = beams.coverage + alignment
        pool, ended = _end(t, is_open, candidates, coverage, pool, rows)
        # At `longest`, what has not ended is left as it is for `_fill`.
        beams = beams._replace(log_probabilities=tf.where(ended, NEVER, beams.log_probabilities))
        is_open &= t < rows.knobs.longest
        beams, parents = _continue(is_open, candidates, coverage, states, beams, rows.slots)
        written = zip(history, (beams.tokens, parents, alignment), strict=True)
        history = _History(*(array.write(t, value) for array, value in written))
        return t + 1, is_open & ~_settled(beams, pool, rows.knobs), beams, pool, history

    none = tf.fill(tf.shape(rows.indices), NEVER)
    pool = _Pool(none, none, rows.indices, rows.indices)
    history = _History(*(tf.TensorArray(dtype, 0, True) for dtype in (tf.int32, tf.int32, tf.float32)))
    start = (tf.constant(0), rows.slots[:, 0], beams, pool, history)
    return tf.while_loop(
        lambda t, is_open, *_: tf.reduce_any(is_open), body, start, _any_size(*start), parallel_iterations=1
    )[2:]


def _end(t, is_open, candidates, coverage, pool, rows):
    """The pool with the beams that end, their end being among the best candidates of their row; and which."""
    ends, beam_size = candidates.ends, rows.knobs.beam_size
    ends = tf.where((is_open & (t >= rows.knobs.shortest))[:, tf.newaxis], ends, NEVER)
    best, _ = tf.math.top_k(tf.concat([ends, candidates.continuations], axis=1), tf.shape(ends)[1])
    ends = tf.where(ends >= tf.gather(best, beam_size - 1, batch_dims=1)[:, tf.newaxis], ends, NEVER)
    scores = _score(ends, t + 1, coverage, rows)
    new = _Pool(scores, ends, tf.fill(tf.shape(ends), t), rows.indices)
    return _best(pool, new, rows.slots), ends > NEVER


def _continue(is_open, candidates, coverage, states, beams, slots):
    """The beams with one token more in the rows that are open, and the beams that they continue."""
    width = tf.shape(slots)[1]
    log_probabilities, chosen = tf.math.top_k(candidates.continuations, width)  # [batch, beams]
    parents = chosen // (tf.shape(candidates.continuations)[1] // width)
    rows = tf.reshape(parents + width * tf.range(tf.shape(slots)[0])[:, tf.newaxis], [-1])  # [batch * beams]
    moves = is_open[:, tf.newaxis]
    moved = _Beams(
        tf.gather(candidates.tokens, chosen, batch_dims=1),
        tf.where(moves, tf.where(slots, log_probabilities, NEVER), beams.log_probabilities),
        tf.where(moves[..., tf.newaxis], tf.gather(coverage, parents, batch_dims=1), beams.coverage),
        tf.nest.map_structure(lambda state: tf.gather(state, rows), states),
    )
    return moved, parents


def _settled(beams, pool, knobs):
    """Rows whose pool is full of hypotheses that no living beam can beat; a greedy row needs only an end."""
    worst = tf.gather(pool.scores, knobs.beam_size - 1, batch_dims=1)  # -inf where a slot is free
    bound = beams.log_probabilities[:, 0] / _length_penalty(knobs.longest + 1, knobs)
    return (bound <= worst) | ((knobs.beam_size == 1) & (worst > NEVER))


def _score(log_probabilities, length, coverage, rows):
    """The scores [batch, beams] of hypotheses with this coverage [batch, beams, source]."""
    covered = tf.math.log(tf.clip_by_value(coverage, LEAST_COVERAGE, 1.0))
    real = tf.sequence_mask(rows.lengths, tf.shape(coverage)[2])[:, tf.newaxis]  # [batch, 1, source]
    covered = tf.reduce_sum(tf.where(real, covered, 0.0), axis=2)  # [batch, beams]
    by_length = log_probabilities / _length_penalty(length, rows.knobs)[:, tf.newaxis]
    return by_length + rows.knobs.coverage_penalty[:, tf.newaxis] * covered


def _length_penalty(length, knobs):
    return ((5.0 + tf.cast(length, tf.float32)) / 6.0) ** knobs.length_penalty


def _best(pool, more, slots, order=None):
    """The best of two pools by score, or by `order` [batch, 2 * beams]; of equals the earlier."""
    joined = _Pool(*(tf.concat(pair, axis=1) for pair in zip(pool, more, strict=True)))
    _, chosen = tf.math.top_k(joined.scores if order is None else order, tf.shape(slots)[1])
    best = _Pool(*(tf.gather(field, chosen, batch_dims=1) for field in joined))
    return best._replace(scores=tf.where(slots, best.scores, NEVER))


def _fill(pool, beams, rows):
    """The pool with living beams in its free slots, behind the finished hypotheses; empty slots cleared."""
    finished = pool.scores > NEVER
    scores = _score(beams.log_probabilities, rows.knobs.longest, beams.coverage, rows)
    lengths = tf.broadcast_to(rows.knobs.longest[:, tf.newaxis], tf.shape(scores))
    living = _Pool(scores, beams.log_probabilities, lengths, rows.indices)
    order = tf.concat([tf.where(finished, -NEVER, NEVER), scores], axis=1)
    filled = _best(pool, living, rows.slots, order)
    used = filled.scores > NEVER
    return filled._replace(
        log_probabilities=tf.where(used, filled.log_probabilities, NEVER),
        lengths=tf.where(used, filled.lengths, 0),
    )


def _trace(history, pool, finished):
    """The ids and the alignment of the hypotheses, traced back through the parents of their beams."""
    length = tf.reduce_max(pool.lengths)

    def body(t, beams, ids, alignment):
        inside = t < pool.lengths
        token = tf.gather(history.tokens.read(t), beams, batch_dims=1)
        parents = tf.gather(history.parents.read(t), beams, batch_dims=1)
        beams = tf.where(inside, parents, beams)
        attention = tf.gather(history.alignments.read(t), beams, batch_dims=1)  # [batch, beams, source]
        attends = inside | (finished & (t == pool.lengths))
        alignment = alignment.write(t, tf.where(attends[..., tf.newaxis], attention, 0.0))
        return t - 1, beams, ids.write(t, tf.where(inside, token, 0)), alignment

    arrays = (tf.TensorArray(dtype, length + 1) for dtype in (tf.int32, tf.float32))
    start = (length, pool.beams, *arrays)
    *_, ids, alignment = tf.while_loop(lambda t, *_: t >= 0, body, start, parallel_iterations=1)
    ids = tf.transpose(ids.stack(), [1, 2, 0])  # [batch, beams, length + 1]
    return ids[..., :length], tf.transpose(alignment.stack(), [1, 2, 0, 3])


def _any_size(t, is_open, beams, pool, history):
    """The loop's shape invariants: rows, beams and source of any size; states keep their other axes."""

    def ranks(values):
        return tf.nest.map_structure(lambda value: tf.TensorShape([None] * value.shape.rank), values)

    states = tf.nest.map_structure(lambda state: tf.TensorShape([None, *state.shape[1:]]), beams.states)
    arrays = _History(*(tf.TensorShape(None) for _ in history))
    return ranks(t), ranks(is_open), ranks(beams)._replace(states=states), ranks(pool), arrays
