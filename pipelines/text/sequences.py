"""Sequences of token ids end to end, and rows of them as batches for a model."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from pipelines.text.tokenizers import Tokenizer


@dataclass(frozen=True)
class Sequences:
    """Sequences of tokens end to end: `tokens` [all], and `offsets` [sequences + 1], where each begins."""

    tokens: np.ndarray
    offsets: np.ndarray

    @cached_property
    def lengths(self) -> np.ndarray:
        """int32 [sequences], without an end token."""
        return np.diff(np.asarray(self.offsets)).astype(np.int32)

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """Sequences with the end token, padded: int32 [batch, longest + 1]."""
        lengths = self.lengths[indices]
        positions = np.arange(lengths.max(initial=0) + 1)
        inside = positions < lengths[:, None]  # [batch, longest + 1]
        rows = np.where(positions == lengths[:, None], Tokenizer.end_id, Tokenizer.pad_id).astype(np.int32)
        rows[inside] = self.tokens[(self.offsets[indices][:, None] + positions)[inside]]
        return rows


def token_nats(tokenizer: Tokenizer, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """-ln p of the characters or subwords that `targets` stand for, int32 [...], by `logits` [..., size].

    An unknown token stands for any character that the tokenizer does not know, so it has the nats to say
    which in addition: with its own alone, a text that nobody can read would have the best score.
    """
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    return nats + tf.where(targets == tokenizer.unknown_id, tokenizer.spelling_nats, 0.0)


def decoder_inputs(targets: np.ndarray) -> np.ndarray:
    """What a decoder reads to predict `targets`, int32 [batch, t], rows that end in the end token: the start
    token, then the targets without the end token, int32 [batch, t]."""
    start = np.full([len(targets), 1], Tokenizer.start_id, np.int32)
    inputs = np.concatenate([start, targets[:, :-1]], axis=1)  # [batch, t]
    inputs[inputs == Tokenizer.end_id] = Tokenizer.pad_id
    return inputs
