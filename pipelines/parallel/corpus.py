"""Pairs of sentences as memory-mapped tokens on disk: written once, and then mapped."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.cache import has_sizes, sizes_of
from pipelines.data_report import Unknown
from pipelines.parallel.pairs import Counted, Pairs
from pipelines.splits import SPLITS, PairDigests, assign_splits
from pipelines.text.sentences import encode
from pipelines.text.sequences import Sequences, decoder_inputs
from pipelines.text.tokenizers import Tokenizer
from pipelines.text.unknown import UnknownCharacters, unknown_of

SIDES = ("source", "target")
_ROWS = 1024  # sentences encoded at a time
_LEARNED = 2**23  # bytes of a large side that subwords are learned from
_BLOCK = 2**16  # characters of a string that a tokenizer learns from, about

Tokenizers = tuple[Tokenizer, Tokenizer]
Rows = tuple[dict[str, np.ndarray], np.ndarray]  # a batch for a model, see `SentencePairs.rows`


class SentencePairs:
    """Tokens of the pairs of sentences of one split.

    Attributes:
        source_lengths, target_lengths: int32 [pairs], tokens of each sentence without an end token.
    """

    def __init__(self, source: Sequences, target: Sequences):
        self._source, self._target = source, target
        self.source_lengths, self.target_lengths = source.lengths, target.lengths

    def __len__(self) -> int:
        return len(self.source_lengths)

    @property
    def longest(self) -> np.ndarray:
        """int32 [pairs], the tokens of the longer side of each pair."""
        return np.maximum(self.source_lengths, self.target_lengths)

    def rows(self, indices: np.ndarray) -> Rows:
        """The pairs `indices` [batch] as a batch for a model, int32 and padded with 0.

        Returns:
            ({"source": [batch, s], "target_in": [batch, t]}, target_out [batch, t]). Each row of `source` and
            `target_out` ends in the end token; each row of `target_in` begins with the start token.
        """
        source, target = self._source.rows(indices), self._target.rows(indices)
        return {"source": source, "target_in": decoder_inputs(target)}, target


@dataclass(frozen=True)
class ParallelCorpus:
    """Pairs of sentences as tokens.

    Attributes:
        folder: the folder of the cache that holds them.
        tokenizers: of source and target; the same one twice for a joint vocabulary.
        sizes: the number of pairs of "train", "valid" and "test".
        content: a digest of the files' content.
        read: the number of pairs in the files: "pairs", and "valid" and "test" if they have their own.
        blank: how many of these are blank on a side, and left out.
        first: the first of these.
        odd: how many of these are odd; see `pipelines.parallel.pairs.ODD`.
        suspects: their suspicious characters; see `pipelines.text.suspects`.
        shifted: whether their translations seem to be those of the lines before or after.
        known: how many pairs of a validation or test file are training pairs, too.
    """

    folder: Path
    tokenizers: Tokenizers
    sizes: dict[str, int]
    content: str
    read: dict[str, int]
    blank: dict[str, int]
    first: dict[str, tuple[str, str]]
    odd: dict[str, dict[str, int]]
    suspects: dict[str, dict[str, int]]
    shifted: dict[str, bool]
    known: dict[str, int]

    def split(self, name: str) -> SentencePairs:
        """The tokens of "train", "valid" or "test", memory-mapped."""

        def sequences(side: str, tokenizer: Tokenizer) -> Sequences:
            tokens = _mapped(self.folder / f"{name}.{side}.tokens", tokenizer.id_type)
            return Sequences(tokens, _mapped(self.folder / f"{name}.{side}.offsets", np.int64))

        return SentencePairs(*map(sequences, SIDES, self.tokenizers))

    def texts(self, name: str) -> tuple[list[str], list[str]]:
        """(sources, targets) of a split in the order of `split`, normalised and with white space squeezed."""
        sources, targets = (list(_lines(_text(self.folder, name, side))) for side in SIDES)
        return sources, targets

    def unknown(self, name: str) -> list[Unknown]:
        """The characters of a split that have no token, of sources and of targets."""
        found = _description(self.folder)["unknown"][name]
        return [unknown_of(f"the {name} split's {side}", found[side]) for side in SIDES]


def build(
    folder: Path,
    pairs: Pairs,
    fractions: list[float],
    own: dict[str, Pairs],
    swap: bool,
    read: dict[str, Counted],
    learn: Callable[[Path, Path], Tokenizers],
    progress: Callable[[str], None],
) -> None:
    """Fills a folder: text, tokens and offsets of each split and side; two tokenizers; and parallel.json.

    Args:
        pairs: the pairs to split, streamed.
        fractions: of "train", "valid" and "test".
        own: the pairs of splits that have files of their own.
        swap: whether the first sentence of each pair is the target.
        read: the pairs of all files as they are read.
        learn: makes the tokenizers from the texts of the training split, source and target.
        progress: called with a line about each step.
    """
    sides = SIDES[::-1] if swap else SIDES
    counts = dict.fromkeys(SPLITS, 0)
    digests = PairDigests()
    whole = [folder / f"whole.{side}.txt" for side in sides]
    _write_texts(digests.through(pairs), whole)
    splits, known = assign_splits(digests, fractions).tolist(), {}
    for index, name in enumerate(SPLITS):
        rows, held_out = zip(splits, *map(_lines, whole), strict=True), PairDigests()
        chosen = ((first, second) for split, first, second in rows if split == index)
        chosen = held_out.through(own[name]) if name in own else chosen
        counts[name] = _write_texts(chosen, [_text(folder, name, side) for side in sides])
        if name in own:  # then no other split has those pairs but training
            known[name] = int(np.isin(held_out.arrays()[2], digests.arrays()[2]).sum())
    for path in whole:
        path.unlink()

    progress(f"learning the tokenizers from {counts['train']:,} pairs of sentences")
    tokenizers = learn(_text(folder, "train", "source"), _text(folder, "train", "target"))
    unknown = {name: {} for name in SPLITS}
    for side, tokenizer in zip(SIDES, tokenizers, strict=True):
        tokenizer.save(_tokenizer_file(folder, side))
        for name in SPLITS:
            progress(f"encoding the {side} sentences of the {name} split, {counts[name]:,}")
            characters = UnknownCharacters(tokenizer)
            lines = characters.through(_lines(_text(folder, name, side)))
            _write_tokens(folder / f"{name}.{side}", tokenizer, lines)
            unknown[name][side] = characters.counts()
    description = {
        "pairs": counts,
        "read": {name: pairs.count for name, pairs in read.items()},
        "blank": {name: pairs.blank for name, pairs in read.items()},
        "first": {name: pairs.first for name, pairs in read.items()},
        "odd": {name: pairs.odd for name, pairs in read.items()},
        "suspects": {name: pairs.suspects.counts() for name, pairs in read.items()},
        "shifted": {name: pairs.shifted for name, pairs in read.items()},
        "known": known,
        "unknown": unknown,
        "bytes": sizes_of(folder),
    }
    (folder / "parallel.json").write_text(json.dumps(description, indent=1))


def _text(folder: Path, split: str, side: str) -> Path:
    return folder / f"{split}.{side}.txt"


def _tokenizer_file(folder: Path, side: str) -> Path:
    return folder / f"{side}.tokenizer.json"


def _write_texts(pairs: Pairs, paths: list[Path]) -> int:
    """Writes the two sentences of each pair to two files, one per line; returns the number of pairs."""
    count = 0
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open(path, "w", encoding="utf-8", newline="")) for path in paths]
        for pair in pairs:
            count += 1
            for file, sentence in zip(files, pair, strict=True):
                file.write(sentence + "\n")
    return count


def _lines(path: Path) -> Iterator[str]:
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line[:-1]


def training_text(path: Path, lead: str) -> Iterator[str]:
    """The lines of a text that `build` wrote, each after `lead`, joined to longer strings for a tokenizer.

    Of a large text only evenly spaced lines.
    """
    every = max(1, -(-path.stat().st_size // _LEARNED))
    block, size = [], 0
    for number, line in enumerate(_lines(path)):
        if number % every:
            continue
        block.append(lead + line)
        size += len(line)
        if size >= _BLOCK:
            yield "\n".join(block)
            block, size = [], 0
    if block:
        yield "\n".join(block)


def _write_tokens(stem: Path, tokenizer: Tokenizer, lines: Iterator[str]) -> None:
    """Writes `stem`.tokens and `stem`.offsets."""

    def blocks() -> Iterator[list[bytes]]:
        block = []
        for line in lines:
            block.append(line.encode())
            if len(block) == _ROWS:
                yield block
                block = []
        if block:
            yield block

    def tokens_of(block):
        ids = encode(tokenizer, block)
        return tf.cast(ids.flat_values, tokenizer.id_type), ids.row_lengths()

    encoded = tf.data.Dataset.from_generator(blocks, output_signature=tf.TensorSpec([None], tf.string))
    encoded, end = encoded.map(tokens_of, num_parallel_calls=2).prefetch(2), np.int64(0)
    with open(f"{stem}.tokens", "wb") as tokens_file, open(f"{stem}.offsets", "wb") as offsets_file:
        offsets_file.write(np.zeros(1, np.int64).data)
        for tokens, lengths in encoded.as_numpy_iterator():
            tokens_file.write(tokens.data)
            offsets = end + np.cumsum(lengths, dtype=np.int64)
            offsets_file.write(offsets.data)
            end = offsets[-1]


def _mapped(path: Path, dtype: type) -> np.ndarray:
    # An empty file cannot be mapped.
    return np.memmap(path, dtype=dtype, mode="r") if path.stat().st_size else np.zeros(0, dtype)


def _description(folder: Path) -> dict:
    return json.loads((folder / "parallel.json").read_text())


def intact(folder: Path) -> bool:
    """Whether all that `build` writes is there."""
    return has_sizes(folder, "parallel.json")


def made_with(tokenizers: Tokenizers, folder: Path) -> bool:
    """Whether a folder is intact and its tokens are those of `tokenizers`."""
    return intact(folder) and all(
        tokenizer.equals_saved(_tokenizer_file(folder, side))
        for side, tokenizer in zip(SIDES, tokenizers, strict=True)
    )


def load(folder: Path, content: str, tokenizers: Tokenizers | None = None) -> ParallelCorpus:
    """Maps what `build` wrote; give `tokenizers`, if they are at hand, to save reading them again."""
    if tokenizers is None:
        source, target = (Tokenizer.load(_tokenizer_file(folder, side)) for side in SIDES)
        tokenizers = (source, source if source.fingerprint() == target.fingerprint() else target)
    found = _description(folder)
    counts = {name: found[name] for name in ("read", "blank", "first", "odd", "suspects", "shifted", "known")}
    return ParallelCorpus(folder, tuple(tokenizers), found["pairs"], content, **counts)
