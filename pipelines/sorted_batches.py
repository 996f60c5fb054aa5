"""Batches of items of similar lengths: items are sorted, then cut into batches of limited size."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

_ALIKE = 5  # lengths that differ by less than 1 / _ALIKE are sorted as if they were equal


class SortedBatches:
    """Endless batches of sorted items; items of similar lengths change batches from pass to pass.

    A pass has every item once. How many items each batch takes is the same in all passes. Every batch is a
    pure function of (seed, step). The random words of pass p are NumPy's `SeedSequence([seed, p])`, whose
    algorithm NumPy guarantees.

    Args:
        items: [items] indices.
        lengths: one or more arrays [items]; items are sorted by the last, then by the one before.
        cut: function (lengths of the sorted items) -> where batches begin, and the number of items.

    Attributes:
        steps: batches of a pass.
    """

    def __init__(self, items: np.ndarray, lengths: Sequence[np.ndarray], cut: Callable[..., np.ndarray]):
        self._items = items
        self._classes = tuple(map(_rounded_up, lengths))
        order = np.lexsort(self._classes)
        self._cuts = cut(*(longest[order] for longest in self._classes))
        self.steps = len(self._cuts) - 1

    def shuffled(self, seed: int, number: int) -> list[np.ndarray]:
        """The batches of pass `number` in order, as indices of items."""
        size = self.steps + len(self._items)
        words = np.random.SeedSequence([seed, number]).generate_state(size, np.uint64)
        order = np.lexsort((words[self.steps :], *self._classes))
        batches = np.split(self._items[order], self._cuts[1:-1])
        return [batches[index] for index in np.argsort(words[: self.steps], kind="stable")]

    def batch_of(self, seed: int) -> Callable[[int], np.ndarray]:
        """Function step -> the indices of its batch's items."""
        shuffled = lru_cache(maxsize=2)(lambda number: self.shuffled(seed, number))

        def batch(step: int) -> np.ndarray:
            number, step_of_pass = divmod(step, self.steps)
            return shuffled(number)[step_of_pass]

        return batch


def _rounded_up(lengths: np.ndarray) -> np.ndarray:
    """Each length as the longest of its class: 1 to 10 as they are, then 12, 14, 16, 19, 22, 26, 31 ..."""
    classes = [1]
    while classes[-1] < lengths.max():
        classes.append(classes[-1] + max(1, classes[-1] // _ALIKE))
    return np.array(classes)[np.searchsorted(classes, lengths)]


def cut_batches(lengths: Sequence[np.ndarray], limit: int, batch_size: int, multiple: int) -> np.ndarray:
    """Where the batches of sorted items begin, and the number of items: [batches + 1].

    Args:
        lengths: arrays [items], one per side: the positions of each item on that side.
        limit: positions of a batch at most, padding included, on all sides together.
        batch_size: items of a batch at most.
        multiple: a batch of more items than this has a multiple of it.
    """
    cuts, count = [0], len(lengths[0])
    while (begin := cuts[-1]) < count:
        width = sum(np.maximum.accumulate(side[begin : begin + batch_size]) for side in lengths)  # [rows]
        rows = int(np.searchsorted(width * np.arange(1, len(width) + 1), limit, "right"))
        cuts.append(begin + (rows - rows % multiple if rows > multiple else max(1, rows)))
    return np.array(cuts)
