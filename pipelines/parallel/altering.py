"""Sentences changed on their way to a model: so that it copies what it has not read before, or repairs it.

alterations = Alterations(vocabulary=2000, altered=0.5, noise=0.1)
source, target = alterations.apply(rows, seed=0, step=7)      # int32 [batch, source], [batch, target]
"""

from dataclasses import dataclass

import numpy as np

from pipelines.text.tokenizers import SPECIAL_PIECES, Tokenizer

_OWN = 0.5  # share of the replacements that come from the batch itself, where frequent tokens are frequent


@dataclass(frozen=True)
class Alterations:
    """What is changed of the sentences of a training batch; all of it a pure function of (seed, step).

    Args:
        vocabulary: token ids that there are, of the source.
        altered: share of the sentences that have some of their tokens, between none and all, replaced by
            others: one half by tokens of the same batch, the other by any of the vocabulary. Only for targets
            that are the sources: both change alike, and lengths stay.
        noise: share of the tokens that are dropped from the source alone, and of the neighbours in what is
            left that change places, as in the denoising autoencoder of Hill, Cho & Korhonen 2016
            (arXiv:1602.03483).
    """

    vocabulary: int
    altered: float = 0.0
    noise: float = 0.0

    def apply(
        self, source: np.ndarray, target: np.ndarray, *, seed: int, step: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The sources and targets to train on in place of these.

        Args:
            source: int32 [batch, source], sentences with the end token, padded with 0; one at least.
            target: the same of the target, [batch, target]; the source's own tokens where `altered`.

        Returns:
            The same, of the shapes [batch, s], s <= source, and [batch, target].
        """
        draw = _Draw(seed, step)
        if self.altered:
            source = target = _replaced(source, self.altered, self.vocabulary, draw)
        return (_noisy(source, self.noise, draw) if self.noise else source), target


class _Draw:
    """Random numbers of a step, from PCG64, whose stream of integers NumPy guarantees."""

    def __init__(self, seed: int, step: int):
        # Another sequence than that of the order of the data, which is [seed, pass].
        self._bits = np.random.PCG64(np.random.SeedSequence([seed, step], spawn_key=(1,)))

    def uniform(self, *shape: int) -> np.ndarray:
        """float64 from 0 to below 1."""
        words = self._bits.random_raw(int(np.prod(shape)))
        return (words >> np.uint64(11)).astype(np.float64).reshape(shape) * 2.0**-53

    def below(self, limit: int, *shape: int) -> np.ndarray:
        """int64 from 0 to below `limit`."""
        return (self.uniform(*shape) * limit).astype(np.int64)


def _replaced(rows: np.ndarray, share: float, vocabulary: int, draw: _Draw) -> np.ndarray:
    inside = _inside(rows)
    pool = rows[inside]
    if not len(pool):
        return rows
    batch = len(rows)
    rates = np.where(draw.uniform(batch) < share, draw.uniform(batch), 0.0)
    chosen = inside & (draw.uniform(*rows.shape) < rates[:, None])
    first = len(SPECIAL_PIECES)
    others = first + draw.below(max(vocabulary - first, 1), *rows.shape)
    own = pool[draw.below(len(pool), *rows.shape)]
    others = np.where(draw.uniform(*rows.shape) < _OWN, own, others)
    return np.where(chosen, others, rows).astype(np.int32)


def _noisy(rows: np.ndarray, share: float, draw: _Draw) -> np.ndarray:
    kept = (rows != Tokenizer.pad_id) & ~(_inside(rows) & (draw.uniform(*rows.shape) < share))
    order = np.argsort(~kept, axis=1, kind="stable")  # what is kept moves to the left
    width = int(kept.sum(axis=1).max())
    rows = np.where(np.take_along_axis(kept, order, 1), np.take_along_axis(rows, order, 1), Tokenizer.pad_id)
    rows = rows[:, :width].astype(np.int32)
    inside = _inside(rows)
    left, right = rows[:, 0 : width - 1 : 2], rows[:, 1:width:2]  # pairs that do not overlap
    swapped = inside[:, 1:width:2] & (draw.uniform(*right.shape) < share)
    rows[:, 0 : width - 1 : 2], rows[:, 1:width:2] = (
        np.where(swapped, right, left),
        np.where(swapped, left, right),
    )
    return rows


def _inside(rows: np.ndarray) -> np.ndarray:
    """Where the tokens of the sentences are, without end and padding."""
    return (rows != Tokenizer.pad_id) & (rows != Tokenizer.end_id)
