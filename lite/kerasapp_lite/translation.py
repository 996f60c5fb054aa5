"""Translation: the source is read once, then greedy or beam search writes the target.

Each step extends every living beam by one more token, or by the end. Candidates that end become hypotheses if
they are among the best; the pool keeps the best hypotheses. The best other candidates become the living
beams. The search stops when the pool is full and no living beam can beat its hypotheses (greedy search: at
the first hypothesis), or after `longest` tokens, when living beams fill the pool.
"""

from typing import NamedTuple

import numpy as np

from kerasapp_lite.engines import frozen
from kerasapp_lite.knobs import filled
from kerasapp_lite.vocabulary import END, START, squeeze

_NEVER = np.float32(-np.inf)
_LEAST_COVERAGE = 1e-10


class Translation(NamedTuple):
    """A translation of one sentence.

    Attributes:
        text: the translation.
        score: see `Search`.
        finished: False if it was cut at the greatest length.
        ids: its tokens.
        alignment: float32 [tokens + 1, source], the attention of each token, and of the end, to the source
            tokens.
    """

    text: str
    score: float
    finished: bool
    ids: list
    alignment: np.ndarray


class Search(NamedTuple):
    """How to search. A hypothesis scores log p / ((5 + length) / 6) ** length_penalty + coverage_penalty *
    sum ln(min(coverage, 1)) (Wu et al. 2016). The length includes the end. The coverage of a source token is
    the sum of the attention to it."""

    beam_size: int
    length_penalty: float
    coverage_penalty: float
    shortest: int
    longest: int


class Translator:
    """Translates sentences.

    Args:
        bundle: a `Bundle` of the task "translation".
    """

    def __init__(self, bundle):
        self.source, self.target = bundle.vocabulary("source"), bundle.vocabulary("target")
        self._bundle, self.states = bundle, bundle.states
        self._encode = bundle.signature("encode")
        self._room = bundle.shape("encode", "ids")[1]
        self.beams = bundle.shape("step_beam", "ids")[0]
        self._limits, self._knobs = bundle.metadata["limits"], bundle.knobs

    def translate(self, text, **knobs):
        """The best translations of one sentence, a list of `Translation`, at most `n_best`, all different.

        Args:
            text: a sentence; a blank one has a blank translation.
            beam_size: 1 is greedy search, the fastest. length_penalty, coverage_penalty: see `Search`.
            min_ratio, max_ratio: tokens of a translation per token of the source. Defaults are in the
                bundle's metadata.

        Raises:
            ValueError: the sentence is too long, or a knob is unknown or out of range.
        """
        values = filled(self._knobs, knobs)
        if not 1 <= values["beam_size"] <= self.beams:  # older bundles have no ranges
            raise ValueError(f"beam_size: {values['beam_size']} is not a whole number from 1 to {self.beams}")
        ids = self.source.encode_sentence(text)
        if not ids:
            return [Translation("", 0.0, True, [], np.zeros([1, 1], np.float32))]
        if len(ids) >= self._room:
            raise ValueError(f"the sentence has {len(ids)} tokens; at most {self._room - 1} are translated")
        longest = int(np.float32(len(ids)) * np.float32(values["max_ratio"])) + self._limits["spare"]
        longest = min(longest, self._limits["target"])
        shortest = min(int(np.float32(len(ids)) * np.float32(values["min_ratio"])), longest)
        penalties = values["length_penalty"], values["coverage_penalty"]
        how = Search(values["beam_size"], *penalties, shortest, longest)
        found = {}  # by text: of equal ones the first
        for translation in self._search([*ids, END], how):
            found.setdefault(translation.text, translation)
        return list(found.values())[: values["n_best"]]

    def read(self, text):
        """The ids that are read of a sentence, with the end."""
        return [*self.source.encode_sentence(text), END]

    def _search(self, source, knobs):
        ids = np.zeros([1, self._room], np.int32)
        ids[0, : len(source)] = source
        memory = self._encode(ids=ids, length=np.array([len(source)], np.int32))
        states = {name: memory.pop(name) for name in self.states}
        memory = frozen(memory)
        rows = 1 if knobs.beam_size == 1 else self.beams
        states = {name: np.repeat(state, rows, axis=0) for name, state in states.items()}
        step = self._bundle.signature("step" if rows == 1 else "step_beam")

        def look(tokens, states):
            found = step(ids=tokens, **memory, **states)
            logits, alignment = found["logits"], found["alignment"][:, : len(source)]
            logits[:, :END] = _NEVER  # padding, unknown and start are never chosen
            return logits, alignment, {name: found[name] for name in self.states}

        found = search(look, states, rows, len(source), knobs)
        return [self._translation(*hypothesis) for hypothesis in found]

    def _translation(self, score, finished, ids, alignment):
        return Translation(squeeze(self.target.decode(ids)), score, finished, ids, alignment)


def search(look, states, rows, source, knobs):
    """The best sequences of tokens, best first.

    Args:
        look: function (tokens int32 [rows], states) -> (logits [rows, vocabulary], alignment [rows, source],
            states).
        states: name -> array [rows, ...].
        rows: at least `knobs.beam_size`.
        source: the number of tokens of the source.
        knobs: the `Search`.

    Returns:
        List of (score, finished, ids, alignment [ids + 1, source]).
    """
    size = knobs.beam_size
    tokens = np.full(rows, START, np.int32)
    log_p = np.full(rows, _NEVER)
    log_p[0] = 0.0  # one living beam
    coverage = np.zeros([rows, source], np.float32)
    history, pool = [], []  # pool: (score, tokens, beam), best first
    for t in range(knobs.longest + 1):
        logits, alignment, states = look(tokens, states)
        attended = coverage + alignment
        ending, others, next_tokens = _candidates(log_p, logits, size)
        if t < knobs.shortest:
            ending[:] = _NEVER
        bar = np.sort(np.concatenate([ending, others.ravel()]))[-size]  # the score of the last one kept
        ends = (ending >= bar) & (ending > _NEVER)
        scores = _scores(ending, t + 1, attended, knobs)
        pool = _best([*pool, *((scores[beam], t, beam) for beam in np.flatnonzero(ends))], size)
        history.append((tokens, alignment))
        if t == knobs.longest:
            log_p = np.where(ends, _NEVER, log_p)
            break
        chosen = _top(others.ravel(), size)
        parents = chosen // others.shape[1]
        history[-1] += (parents,)
        tokens = _filled(next_tokens.ravel()[chosen].astype(np.int32), rows)
        coverage = _filled(attended[parents], rows)
        log_p = np.full(rows, _NEVER)
        log_p[:size] = others.ravel()[chosen]
        states = {name: _filled(state[parents], rows) for name, state in states.items()}
        bound = log_p[0] / _length_penalty(knobs.longest + 1, knobs)
        if len(pool) == size and (size == 1 or bound <= pool[-1][0]):
            break
    finished = len(pool)
    if finished < size:  # living beams, behind the hypotheses
        scores = _scores(log_p, knobs.longest, coverage, knobs)
        living = [(scores[beam], knobs.longest, beam) for beam in range(size) if log_p[beam] > _NEVER]
        pool += _best(living, size - finished)
    return [
        (float(score), i < finished, *_trace(history, length, beam, i < finished))
        for i, (score, length, beam) in enumerate(pool)
    ]


def _candidates(log_p, logits, size):
    """Log-probabilities of beams with the end [rows] and with other tokens [rows, size + 1]; these tokens."""
    tokens = np.stack([_top(row, min(size + 1, len(row))) for row in logits])
    values = np.take_along_axis(logits, tokens, axis=1)
    share = np.exp(logits - values[:, :1]).sum(axis=1)
    before = log_p - values[:, 0] - np.log(share)
    others = np.where(tokens == END, _NEVER, before[:, None] + values)
    return before + logits[:, END], others, tokens


def _top(values, k):
    """Indices of the k greatest values, the greatest first; of equal values the first."""
    least = np.partition(values, -k)[-k]
    indices = np.flatnonzero(values >= least)
    return indices[np.argsort(-values[indices], kind="stable")][:k]


def _filled(beams, rows):
    """Beams [size, ...] followed by unused ones, up to the `rows` of the signature."""
    missing = rows - len(beams)
    return beams if not missing else np.concatenate([beams, np.repeat(beams[:1], missing, axis=0)])


def _best(pool, size):
    return sorted(pool, key=lambda hypothesis: -hypothesis[0])[:size]  # stable: the earlier of equal ones


def _scores(log_p, length, coverage, knobs):
    scores = log_p / _length_penalty(length, knobs)
    if knobs.coverage_penalty:
        looked = np.log(np.clip(coverage, _LEAST_COVERAGE, 1.0)).sum(axis=1)
        scores = scores + np.float32(knobs.coverage_penalty) * looked
    return scores


def _length_penalty(length, knobs):
    return np.float32((5.0 + length) / 6.0) ** np.float32(knobs.length_penalty)


def _trace(history, length, beam, finished):
    """The ids and the alignment of a hypothesis, traced back through the parents of its beams."""
    ids, alignment = [], []
    if finished:
        alignment.append(history[length][1][beam])
    for t in range(length, 0, -1):
        ids.append(int(history[t][0][beam]))
        beam = history[t - 1][2][beam]
        alignment.append(history[t - 1][1][beam])
    return ids[::-1], np.array(alignment[::-1])
