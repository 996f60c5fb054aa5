"""Sorted pairs of sentences cut into batches of so many tokens."""

import numpy as np

from pipelines.errors import DataError
from pipelines.parallel import SentencePairs

ROWS = 8  # larger batches have a multiple of so many rows, which devices or parallel loops share evenly


class BatchPlan:
    """Which places of the sorted pairs make a batch: the same in every pass, as only equals change places."""

    def __init__(self, pairs: SentencePairs, batch_tokens: int, batch_size: int, max_length: int):
        self._source, self._target = pairs.source_lengths, pairs.target_lengths
        self._kept = np.flatnonzero(np.maximum(self._source, self._target) <= max_length)
        if not len(self._kept):
            raise DataError(
                f"none of {len(pairs):,} pairs of sentences has at most {max_length} tokens a side"
            )
        order = self._sorted(np.zeros(len(self._kept)))
        self._cuts = cut(self._source[order], self._target[order], batch_tokens, batch_size)
        self.steps = len(self._cuts) - 1

    def _sorted(self, ties: np.ndarray) -> np.ndarray:
        return self._kept[np.lexsort((ties, self._source[self._kept], self._target[self._kept]))]

    def shuffled(self, seed: int, number: int) -> list[np.ndarray]:
        """The batches of pass `number` in order, as indices of pairs."""
        words = np.random.SeedSequence([seed, number]).generate_state(len(self._kept) + self.steps, np.uint64)
        batches = np.split(self._sorted(words[self.steps :]), self._cuts[1:-1])
        return [batches[place] for place in np.argsort(words[: self.steps], kind="stable")]

    def padding_ratio(self) -> float:
        order = self._sorted(np.zeros(len(self._kept)))
        used = positions = 0
        for lengths in (self._source[order] + 1, self._target[order] + 1):  # with the end token
            used += int(lengths.sum(dtype=np.int64))
            longest = np.maximum.reduceat(lengths, self._cuts[:-1])  # [batches]
            positions += int(longest @ np.diff(self._cuts))
        return 1 - used / positions


def cut(source: np.ndarray, target: np.ndarray, batch_tokens: int, batch_size: int) -> np.ndarray:
    """Where the batches of sorted pairs of these lengths begin, and the number of pairs: [batches + 1]."""
    cuts = [0]
    while (begin := cuts[-1]) < len(source):
        rows = slice(begin, begin + batch_size)
        width = np.maximum.accumulate(source[rows]) + np.maximum.accumulate(target[rows]) + 2  # [rows]
        count = int(np.searchsorted(width * np.arange(1, len(width) + 1), batch_tokens, "right"))
        cuts.append(begin + (count - count % ROWS if count > ROWS else max(1, count)))
    return np.array(cuts)
