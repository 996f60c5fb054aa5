"""Changes to the sentences of a training batch: a model learns to copy unseen text, or to repair noise.

alterations = Alterations(vocabulary=2000, altered=0.5, noise=0.1)
source, target = alterations.apply(rows, rows, seed=0, step=7)      # int32 [batch, source], [batch, target]
"""

from dataclasses import dataclass

import numpy as np

from pipelines.text.tokenizers import SPECIAL_PIECES, Tokenizer

_FROM_BATCH = 0.5  # share of the replacements taken from the batch itself, where frequent tokens are frequent


@dataclass(frozen=True)
class Alterations:
    """Changes to the sentences of a training batch; all of them are a pure function of (seed, step).

    Args:
        vocabulary: the number of token ids of the source.
        altered: share of the sentences in which tokens are replaced, a share between none and all of them:
            one half by tokens of the same batch, the other by any of the vocabulary. Only for targets that
            are the sources: both change alike, and lengths stay.
        noise: share of the tokens that are dropped, and share of the neighbours among the rest that change
            places, in the source alone: the denoising autoencoder of Hill, Cho & Korhonen 2016
            (arXiv:1602.03483).
    """

    vocabulary: int
    altered: float = 0.0
    noise: float = 0.0

    def apply(
        self, source: np.ndarray, target: np.ndarray, *, seed: int, step: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The sources and targets to train on in place of the given ones.

        Args:
            source: int32 [batch, source], sentences with the end token, padded with 0; at least one.
            target: int32 [batch, target], in the same form; equal to the source where `altered` is above 0.

        Returns:
            Source, int32 [batch, s] with s <= source, and target, int32 [batch, target].
        """
        random = _Random(seed, step)
        if self.altered:
            source = target = _replaced(source, self.altered, self.vocabulary, random)
        return (_noisy(source, self.noise, random) if self.noise else source), target


class _Random:
    """Random numbers of a step, from PCG64, whose stream of integers NumPy guarantees."""

    def __init__(self, seed: int, step: int):
        # Independent of the order of the data, whose sequence is [seed, pass].
        self._bits = np.random.PCG64(np.random.SeedSequence([seed, step], spawn_key=(1,)))

    def uniform(self, *shape: int) -> np.ndarray:
        """float64 in [0, 1)."""
        words = self._bits.random_raw(int(np.prod(shape)))
        return (words >> np.uint64(11)).astype(np.float64).reshape(shape) * 2.0**-53

    def below(self, limit: int, *shape: int) -> np.ndarray:
        """int64 from 0 to below `limit`."""
        return (self.uniform(*shape) * limit).astype(np.int64)


def _replaced(rows: np.ndarray, share: float, vocabulary: int, random: _Random) -> np.ndarray:
    inside = _inside(rows)
    tokens = rows[inside]
    if not len(tokens):
        return rows
    batch = len(rows)
    rates = np.where(random.uniform(batch) < share, random.uniform(batch), 0.0)
    chosen = inside & (random.uniform(*rows.shape) < rates[:, None])
    first = len(SPECIAL_PIECES)
    others = first + random.below(max(vocabulary - first, 1), *rows.shape)
    from_batch = tokens[random.below(len(tokens), *rows.shape)]
    others = np.where(random.uniform(*rows.shape) < _FROM_BATCH, from_batch, others)
    return np.where(chosen, others, rows).astype(np.int32)


def _noisy(rows: np.ndarray, share: float, random: _Random) -> np.ndarray:
    kept = (rows != Tokenizer.pad_id) & ~(_inside(rows) & (random.uniform(*rows.shape) < share))
    order = np.argsort(~kept, axis=1, kind="stable")  # kept tokens move to the left
    width = int(kept.sum(axis=1).max())
    rows = np.where(np.take_along_axis(kept, order, 1), np.take_along_axis(rows, order, 1), Tokenizer.pad_id)
    rows = rows[:, :width].astype(np.int32)
    inside = _inside(rows)
    left, right = rows[:, 0 : width - 1 : 2], rows[:, 1:width:2]  # neighbours that do not overlap
    swapped = inside[:, 1:width:2] & (random.uniform(*right.shape) < share)
    both = np.where(swapped, right, left), np.where(swapped, left, right)
    rows[:, 0 : width - 1 : 2], rows[:, 1:width:2] = both
    return rows


def _inside(rows: np.ndarray) -> np.ndarray:
    """Where the tokens of the sentences are, without end and padding."""
    return (rows != Tokenizer.pad_id) & (rows != Tokenizer.end_id)
