"""A text as a memory-mapped array of tokens on disk: written once, piece by piece, and then mapped."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.data_report import Unknown
from pipelines.files import StoredText, read_text
from pipelines.splits import SPLITS
from pipelines.text.normalisation import normalise_pieces
from pipelines.text.suspects import Suspects
from pipelines.text.tokenizers import Tokenizer
from pipelines.text.unknown import UnknownCharacters, unknown_of

_ROW = 2**16  # characters encoded as one string
_BATCH = 32  # such strings at a time
_SAMPLES = 128  # rows of a large text that subwords are learned from


@dataclass(frozen=True)
class Corpus:
    """A text as tokens.

    Attributes:
        tokens: [positions], memory-mapped, of the tokenizer's `id_type`.
        tokenizer: the tokenizer that made them.
        sizes: the number of tokens of "train", "valid" and "test", which follow one another.
        characters: the number of normalised characters of each split, to give nats per character.
        unknown: the characters of each split that have no token.
        suspects: the suspicious characters, see `pipelines.text.suspects`.
        content: a digest of the files' content.
    """

    tokens: np.ndarray
    tokenizer: Tokenizer
    sizes: dict[str, int]
    characters: dict[str, int]
    unknown: dict[str, Unknown]
    suspects: dict[str, int]
    content: str

    def split(self, name: str) -> np.ndarray:
        """The tokens of "train", "valid" or "test", in order, memory-mapped."""
        start = sum(self.sizes[before] for before in SPLITS[: SPLITS.index(name)])
        return self.tokens[start : start + self.sizes[name]]


def build(
    folder: Path,
    paths: Sequence[Path],
    fractions: Sequence[float],
    form: str,
    learn: Callable[[Iterator[str]], Tokenizer],
    sampled: bool,
    progress: Callable[[str], None],
) -> None:
    """Fills a folder: tokens, tokenizer.json and corpus.json.

    Args:
        paths: text files, plain or packed.
        fractions: of "train", "valid" and "test".
        form: the normalisation.
        learn: makes the tokenizer from the pieces of the training split.
        sampled: whether `learn` gets a sample of a large text, because it holds all it gets in memory.
        progress: called with a line about each step.
    """

    def pieces() -> Iterator[str]:
        for path in paths:
            progress(f"reading {path}")
            yield from normalise_pieces(read_text(path), form)

    suspects = Suspects()
    text = StoredText(folder / "text", suspects.through(pieces()))
    bounds = _bounds(len(text), fractions)
    progress(f"learning the tokenizer from {bounds[1]:,} of {len(text):,} characters")
    tokenizer = learn(_sample(text, bounds[1]) if sampled else text.read(0, bounds[1]))
    tokenizer.save(folder / "tokenizer.json")

    description = {"dtype": np.dtype(tokenizer.id_type).name, "tokens": {}, "characters": {}, "unknown": {}}
    with open(folder / "tokens", "wb") as file:
        for name, start, stop in zip(SPLITS, bounds[:-1], bounds[1:], strict=True):
            progress(f"encoding the {name} split, {stop - start:,} characters")
            unknown = UnknownCharacters(tokenizer)
            pieces_of_split = unknown.through(text.read(start, stop))
            description["tokens"][name] = _write_tokens(file, tokenizer, pieces_of_split)
            description["characters"][name] = stop - start
            description["unknown"][name] = unknown.counts()
    description["suspects"] = suspects.counts()
    (folder / "text").unlink()
    (folder / "corpus.json").write_text(json.dumps(description, indent=1))


def _bounds(length: int, fractions: Sequence[float]) -> list[int]:
    """The positions 0, end of train, end of valid, end of test."""
    train, valid, test = fractions
    first = length if valid == test == 0 else int(length * train)
    second = length if test == 0 else int(length * (train + valid))
    return [0, first, second, length]


def _sample(text: StoredText, stop: int) -> Iterator[str]:
    """The first `stop` characters, or rows evenly spaced in them if they are many."""
    if stop <= _SAMPLES * _ROW:
        yield from text.read(0, stop)
        return
    for index in range(_SAMPLES):
        start = stop * index // _SAMPLES
        yield "".join(text.read(start, start + _ROW))


def _write_tokens(file, tokenizer: Tokenizer, pieces: Iterator[str]) -> int:
    """Appends the tokens of a text to `file`; returns how many."""
    rows = tf.data.Dataset.from_generator(
        lambda: _rows(pieces), output_signature=tf.TensorSpec([], tf.string)
    )
    tokens = rows.batch(_BATCH).map(
        lambda batch: tf.cast(tokenizer.encode(batch).flat_values, tokenizer.id_type), num_parallel_calls=2
    )
    count = 0
    for block in tokens.prefetch(2).as_numpy_iterator():
        file.write(block.data)
        count += len(block)
    return count


def _rows(pieces: Iterator[str]) -> Iterator[bytes]:
    """The same text in strings of at most `_ROW` characters, cut after line breaks where there are any.

    So the tokens do not depend on the pieces, nor do subwords depend on the cuts, except in longer lines.
    """
    held = ""
    for piece in pieces:
        held += piece
        start = 0
        while len(held) - start > _ROW:
            stop = held.rfind("\n", start, start + _ROW) + 1 or start + _ROW
            yield held[start:stop].encode()
            start = stop
        held = held[start:]
    if held:
        yield held.encode()


def _description(folder: Path) -> dict:
    return json.loads((folder / "corpus.json").read_text())


def intact(folder: Path) -> bool:
    """Whether all that `build` writes is there."""
    try:
        description = _description(folder)
        size = sum(description["tokens"].values()) * np.dtype(description["dtype"]).itemsize
        return (folder / "tokens").stat().st_size == size and (folder / "tokenizer.json").stat().st_size > 0
    except (OSError, ValueError, KeyError):
        return False


def made_with(tokenizer: Tokenizer, folder: Path) -> bool:
    """Whether a folder is intact and its tokens are those of `tokenizer`."""
    return intact(folder) and tokenizer.equals_saved(folder / "tokenizer.json")


def load(folder: Path, content: str, tokenizer: Tokenizer | None = None) -> Corpus:
    """Maps what `build` wrote; give `tokenizer`, if it is at hand, to save reading it again."""
    description = _description(folder)
    return Corpus(
        tokens=np.memmap(folder / "tokens", dtype=description["dtype"], mode="r"),
        tokenizer=tokenizer or Tokenizer.load(folder / "tokenizer.json"),
        sizes=description["tokens"],
        characters=description["characters"],
        unknown={
            name: unknown_of(f"the {name} split", counts) for name, counts in description["unknown"].items()
        },
        suspects=description["suspects"],
        content=content,
    )
