"""Sorted sentences, pairs of them or clips, cut into batches of so many positions."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from pipelines.errors import DataError
from pipelines.parallel.corpus import SentencePairs

_ROWS = 8  # larger batches have a multiple of so many rows, which devices or parallel loops share evenly
_ALIKE = 5  # lengths that differ by less than one in so many are sorted as if they were equal


class SortedBatches:
    """How many of the sorted items each batch takes: the same in all passes, in which only alike ones move.

    Args:
        items: [items] indices.
        lengths: one or more, [items] each; sorted by the last, then the one before.
        cutting: from the lengths of sorted items, where batches begin, and the number of items.
    """

    def __init__(self, items: np.ndarray, lengths: Sequence[np.ndarray], cutting: Callable[..., np.ndarray]):
        self._kept, self._lengths = items, tuple(lengths)
        self._classes = tuple(map(_rounded_up, self._lengths))
        order = np.lexsort(self._classes)
        self._cuts = cutting(*(longest[order] for longest in self._classes))
        self.steps = len(self._cuts) - 1

    def _order(self, words: np.ndarray) -> np.ndarray:
        return np.lexsort((words[self.steps :], *self._classes))

    def _words(self, seed: int, number: int) -> np.ndarray:
        """What is random in a pass: [steps + items]."""
        size = self.steps + len(self._kept)
        return np.random.SeedSequence([seed, number]).generate_state(size, np.uint64)

    def shuffled(self, seed: int, number: int) -> list[np.ndarray]:
        """The batches of pass `number` in order, as indices of items."""
        words = self._words(seed, number)
        batches = np.split(self._kept[self._order(words)], self._cuts[1:-1])
        return [batches[place] for place in np.argsort(words[: self.steps], kind="stable")]

    def rows_of(self, seed: int) -> Callable[[int], np.ndarray]:
        """A function that gives the batch of a step, as indices of items, pass after pass."""
        shuffled = lru_cache(maxsize=2)(lambda number: self.shuffled(seed, number))

        def rows(step: int) -> np.ndarray:
            number, step_of_pass = divmod(step, self.steps)
            return shuffled(number)[step_of_pass]

        return rows

    def padding_ratio(self, seed: int, lengths: Sequence[np.ndarray] | None = None) -> float:
        """The share of the positions of the first pass that are padding.

        Args:
            lengths: [items] each, of what is padded to one more than the longest, as sentences are by their
                end token; without them those of the constructor.
        """
        order = self._order(self._words(seed, 0))
        used = positions = 0
        for one in self._lengths if lengths is None else lengths:
            rows = one[order].astype(np.int64) + 1  # with the end token
            used += int(rows.sum())
            positions += int(np.maximum.reduceat(rows, self._cuts[:-1]) @ np.diff(self._cuts))
        return 1 - used / positions


class BatchPlan(SortedBatches):
    """Batches of pairs of sentences, by the lengths of target, then source.

    Raises:
        DataError: no pair has at most `max_length` tokens on each side.
    """

    def __init__(self, pairs: SentencePairs, batch_tokens: int, batch_size: int, max_length: int):
        kept = np.flatnonzero(np.maximum(pairs.source_lengths, pairs.target_lengths) <= max_length)
        if not len(kept):
            raise DataError(
                f"none of {len(pairs):,} pairs of sentences has at most {max_length} tokens on each side"
            )
        lengths = pairs.source_lengths[kept], pairs.target_lengths[kept]
        super().__init__(kept, lengths, lambda *longest: cut(*longest, batch_tokens, batch_size))


def _rounded_up(lengths: np.ndarray) -> np.ndarray:
    """Each length as the longest of its class: 1 to 10 as they are, then 12, 14, 16, 19, 22, 26, 31 ..."""
    classes = [1]
    while classes[-1] < lengths.max():
        classes.append(classes[-1] + max(1, classes[-1] // _ALIKE))
    return np.array(classes)[np.searchsorted(classes, lengths)]


def cut(source: np.ndarray, target: np.ndarray, batch_tokens: int, batch_size: int) -> np.ndarray:
    """Where the batches of sorted pairs of these lengths begin, and the number of pairs: [batches + 1]."""
    return cut_positions([source + 1, target + 1], batch_tokens, batch_size, _ROWS)


def cut_positions(positions: Sequence[np.ndarray], most: int, batch_size: int, multiple: int) -> np.ndarray:
    """Where the batches of sorted items begin, and the number of items: [batches + 1].

    Args:
        positions: [items] each, that an item has on each of its sides.
        most: positions of a batch, padding included, on all sides together.
        batch_size: items of a batch at most.
        multiple: batches of more items than this have a multiple of it.
    """
    cuts, count = [0], len(positions[0])
    while (begin := cuts[-1]) < count:
        width = sum(np.maximum.accumulate(side[begin : begin + batch_size]) for side in positions)  # [rows]
        rows = int(np.searchsorted(width * np.arange(1, len(width) + 1), most, "right"))
        cuts.append(begin + (rows - rows % multiple if rows > multiple else max(1, rows)))
    return np.array(cuts)
