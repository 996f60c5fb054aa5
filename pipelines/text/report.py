"""The data report of a text for a language model."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from pipelines.data_report import DataReport, visible
from pipelines.errors import shortened
from pipelines.splits import SPLITS
from pipelines.text.corpus import Corpus
from pipelines.text.suspects import warnings
from pipelines.text.tokenizers import Tokenizer

_SHOWN = 150  # most characters of an example
_LOOKED_AT = 10_000_000  # first tokens of a split whose lines are measured


def report(corpus: Corpus, files: Sequence[str], window: int, cure: str, allowed: bool) -> DataReport:
    """What was read, and how a model sees it.

    Args:
        files: the names of the files.
        window: tokens of a row of a training batch.
        cure: what helps against unknown characters.
        allowed: whether any number of unknown characters may be trained on.
    """
    found = DataReport("generation")
    found.read |= {"characters": sum(corpus.characters.values()), "files": list(files)}
    for name in filter(corpus.sizes.get, SPLITS):
        tokens = corpus.sizes[name]
        found.tables.setdefault("splits", {})[name] = {
            "characters": corpus.characters[name],
            "tokens": tokens,
            "characters per token": corpus.characters[name] / tokens,
            "windows": max(1, tokens // window),
        }
        found.add_unknown([corpus.unknown[name]], cure, allowed)
        if "\n" in corpus.tokenizer.characters:
            lines = _lines(corpus.split(name)[:_LOOKED_AT], corpus.tokenizer)
            found.add_lengths(f"{name} line, tokens", lines)
    found.warnings += warnings(corpus.suspects)
    found.vocabulary["tokens"] = corpus.tokenizer.size
    name = next(filter(corpus.sizes.get, SPLITS))
    first = corpus.split(name)
    rows = [np.asarray(first[at : at + window], np.int32) for at in (0, len(first) // 2)]
    found.examples += [f'"{_pieces(corpus.tokenizer, row)}"' for row in rows]
    return found


def _lines(tokens: np.ndarray, tokenizer: Tokenizer) -> np.ndarray:
    """The number of tokens of each line, without its break."""
    breaks = np.flatnonzero(tokens == tokenizer.line_break_id)
    lengths = np.diff(np.concatenate([[-1], breaks, [len(tokens)]])) - 1
    return lengths[:-1] if len(breaks) and not lengths[-1] else lengths  # the last break ends the last line


def _pieces(tokenizer: Tokenizer, ids: np.ndarray) -> str:
    pieces = [piece.decode() for piece in tokenizer.pieces(tf.constant(ids)).numpy()]
    if tokenizer.kind == "characters":
        return shortened("".join(piece if len(piece) > 1 else visible(piece) for piece in pieces), _SHOWN)
    return shortened(" ".join(map(visible, pieces)), _SHOWN)
