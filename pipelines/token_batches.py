"""Sorted pairs of sentences cut into batches of so many tokens."""

import numpy as np

from pipelines.errors import DataError
from pipelines.parallel import SentencePairs

_ROWS = 8  # larger batches have a multiple of so many rows, which devices or parallel loops share evenly
_ALIKE = 5  # lengths that differ by less than one in so many are sorted as if they were equal


class BatchPlan:
    """How many of the sorted pairs each batch takes: the same in all passes, in which only alike ones move.

    Raises:
        DataError: no pair has at most `max_length` tokens on each side.
    """

    def __init__(self, pairs: SentencePairs, batch_tokens: int, batch_size: int, max_length: int):
        kept = np.maximum(pairs.source_lengths, pairs.target_lengths) <= max_length
        self._kept = np.flatnonzero(kept)  # [kept], as the others
        if not len(self._kept):
            raise DataError(
                f"none of {len(pairs):,} pairs of sentences has at most {max_length} tokens on each side"
            )
        self._lengths = pairs.source_lengths[kept], pairs.target_lengths[kept]
        self._classes = tuple(map(_rounded_up, self._lengths))
        order = np.lexsort(self._classes)  # by target, then source
        self._cuts = cut(*(longest[order] for longest in self._classes), batch_tokens, batch_size)
        self.steps = len(self._cuts) - 1

    def _order(self, words: np.ndarray) -> np.ndarray:
        return np.lexsort((words[self.steps :], *self._classes))

    def _words(self, seed: int, number: int) -> np.ndarray:
        """What is random in a pass: [steps + kept]."""
        size = self.steps + len(self._kept)
        return np.random.SeedSequence([seed, number]).generate_state(size, np.uint64)

    def shuffled(self, seed: int, number: int) -> list[np.ndarray]:
        """The batches of pass `number` in order, as indices of pairs."""
        words = self._words(seed, number)
        batches = np.split(self._kept[self._order(words)], self._cuts[1:-1])
        return [batches[place] for place in np.argsort(words[: self.steps], kind="stable")]

    def padding_ratio(self, seed: int) -> float:
        """The share of the positions of the first pass, of source and target together, that are padding."""
        order = self._order(self._words(seed, 0))
        used = positions = 0
        for lengths in self._lengths:
            rows = lengths[order].astype(np.int64) + 1  # with the end token
            used += int(rows.sum())
            positions += int(np.maximum.reduceat(rows, self._cuts[:-1]) @ np.diff(self._cuts))
        return 1 - used / positions


def _rounded_up(lengths: np.ndarray) -> np.ndarray:
    """Each length as the longest of its class: 1 to 10 as they are, then 12, 14, 16, 19, 22, 26, 31 ..."""
    classes = [1]
    while classes[-1] < lengths.max():
        classes.append(classes[-1] + max(1, classes[-1] // _ALIKE))
    return np.array(classes)[np.searchsorted(classes, lengths)]


def cut(source: np.ndarray, target: np.ndarray, batch_tokens: int, batch_size: int) -> np.ndarray:
    """Where the batches of sorted pairs of these lengths begin, and the number of pairs: [batches + 1]."""
    cuts = [0]
    while (begin := cuts[-1]) < len(source):
        rows = slice(begin, begin + batch_size)
        width = np.maximum.accumulate(source[rows]) + np.maximum.accumulate(target[rows]) + 2  # [rows]
        count = int(np.searchsorted(width * np.arange(1, len(width) + 1), batch_tokens, "right"))
        cuts.append(begin + (count - count % _ROWS if count > _ROWS else max(1, count)))
    return np.array(cuts)
