"""What beam search is tested against: a random model, and the rules for one row in plain Python."""

import numpy as np

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
