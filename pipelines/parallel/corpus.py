"""Pairs of sentences as memory-mapped tokens on disk: written once, and mapped afterwards."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.parallel.pairs import Digesting, Pairs, assign
from pipelines.splits import SPLITS
from pipelines.text.corpus import token_dtype
from pipelines.text.sentences import encode
from pipelines.text.tokenizers import Tokenizer

SIDES = ("source", "target")
_ROWS = 1024  # sentences encoded at a time
_LEARNED = 2**23  # characters of a side that subwords are learned from, where there are more
_BLOCK = 2**16  # characters of a string that a tokenizer learns from, about

Tokenizers = tuple[Tokenizer, Tokenizer]
Rows = tuple[dict[str, np.ndarray], np.ndarray]  # a batch for a model, see `SentencePairs.rows`


class SentencePairs:
    """Tokens of pairs of sentences, one part of a corpus.

    Attributes:
        source_lengths, target_lengths: int32 [pairs], tokens of each sentence without an end token.
    """

    def __init__(self, source: "Sequences", target: "Sequences"):
        self._source, self._target = source, target
        self.source_lengths, self.target_lengths = source.lengths, target.lengths

    def __len__(self) -> int:
        return len(self.source_lengths)

    def rows(self, indices: np.ndarray) -> Rows:
        """The pairs `indices` [batch] as a batch for a model, int32 and padded with 0.

        Returns:
            ({"source": [batch, s], "target_in": [batch, t]}, target_out [batch, t]); each row of `source` and
            `target_out` ends in the end token, of `target_in` begins with the start token.
        """
        source, target = self._source.ended(indices), self._target.ended(indices)
        return {"source": source, "target_in": begun(target)}, target


def begun(target: np.ndarray) -> np.ndarray:
    """Rows that end in the end token, int32 [batch, t], as the rows that a decoder reads: the start token
    before each, without the end."""
    start = np.full([len(target), 1], Tokenizer.start_id, np.int32)
    target_in = np.concatenate([start, target[:, :-1]], axis=1)  # [batch, t]
    target_in[target_in == Tokenizer.end_id] = Tokenizer.pad_id
    return target_in


@dataclass(frozen=True)
class Sequences:
    """Sequences of tokens end to end: `tokens` [all], and `offsets` [sequences + 1], where each begins."""

    tokens: np.ndarray
    offsets: np.ndarray

    @cached_property
    def lengths(self) -> np.ndarray:
        """int32 [sequences]"""
        return np.diff(np.asarray(self.offsets)).astype(np.int32)

    def ended(self, indices: np.ndarray) -> np.ndarray:
        """Sequences with the end token, padded: int32 [batch, longest + 1]."""
        lengths = self.lengths[indices]
        places = np.arange(lengths.max(initial=0) + 1)
        inside = places < lengths[:, None]  # [batch, longest + 1]
        rows = np.where(places == lengths[:, None], Tokenizer.end_id, Tokenizer.pad_id).astype(np.int32)
        rows[inside] = self.tokens[(self.offsets[indices][:, None] + places)[inside]]
        return rows


@dataclass(frozen=True)
class ParallelCorpus:
    """Pairs of sentences as tokens.

    Attributes:
        folder: of the cache, where they are.
        tokenizers: of source and target; with a joint vocabulary one and the same.
        sizes: how many pairs "train", "valid" and "test" have.
        content: a digest of the files' content.
    """

    folder: Path
    tokenizers: Tokenizers
    sizes: dict[str, int]
    content: str

    def part(self, name: str) -> SentencePairs:
        """The tokens of "train", "valid" or "test", memory-mapped."""
        return SentencePairs(
            *(
                Sequences(
                    _mapped(self.folder / f"{name}.{side}.tokens", token_dtype(tokenizer.size)),
                    _mapped(self.folder / f"{name}.{side}.offsets", np.int64),
                )
                for side, tokenizer in zip(SIDES, self.tokenizers, strict=True)
            )
        )

    def texts(self, name: str) -> tuple[list[str], list[str]]:
        """(sources, targets) of a part in the order of `part`, normalised and with white space squeezed."""
        sources, targets = (list(_lines(_text(self.folder, name, side))) for side in SIDES)
        return sources, targets


def build(
    folder: Path,
    pairs: Pairs,
    fractions: list[float],
    own: dict[str, Pairs],
    swap: bool,
    learn: Callable[[Path, Path], Tokenizers],
    say: Callable[[str], None],
) -> None:
    """Fills a folder: for each part and side the text, the tokens and offsets; two tokenizers; parallel.json.

    Args:
        pairs: what is split, streamed.
        fractions: of "train", "valid" and "test".
        own: the pairs of parts that have files of their own.
        swap: whether the first sentence of each pair is the target.
        learn: makes the tokenizers from the texts of the training split, source and target.
        say: called with a line about what is being done.
    """
    sides = SIDES[::-1] if swap else SIDES
    counts = dict.fromkeys(SPLITS, 0)
    digesting = Digesting()
    whole = [folder / f"whole.{side}.txt" for side in sides]
    _write_texts(digesting.through(pairs), whole)
    parts = assign(digesting.digests(), fractions).tolist()
    for index, name in enumerate(SPLITS):
        rows = zip(parts, *map(_lines, whole), strict=True)
        chosen = own.get(name) or ((first, second) for part, first, second in rows if part == index)
        counts[name] = _write_texts(chosen, [_text(folder, name, side) for side in sides])
    for path in whole:
        path.unlink()

    say(f"learning the tokenizers from {counts['train']:,} pairs of sentences")
    tokenizers = learn(_text(folder, "train", "source"), _text(folder, "train", "target"))
    for side, tokenizer in zip(SIDES, tokenizers, strict=True):
        tokenizer.save(_tokenizer_file(folder, side))
        for name in SPLITS:
            say(f"encoding the {side} sentences of the {name} split, {counts[name]:,}")
            _write_tokens(folder / f"{name}.{side}", tokenizer, _lines(_text(folder, name, side)))
    bytes_of = {path.name: path.stat().st_size for path in folder.iterdir()}
    (folder / "parallel.json").write_text(json.dumps({"pairs": counts, "bytes": bytes_of}, indent=1))


def _text(folder: Path, part: str, side: str) -> Path:
    return folder / f"{part}.{side}.txt"


def _tokenizer_file(folder: Path, side: str) -> Path:
    return folder / f"{side}.tokenizer.json"


def _write_texts(pairs: Pairs, paths: list[Path]) -> int:
    """Writes the two sentences of each pair to two files, one a line; returns how many pairs there are."""
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

    Of a text that is larger than what is learned from, evenly spaced lines.
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
        return tf.cast(ids.flat_values, dtype), ids.row_lengths()

    dtype, end = token_dtype(tokenizer.size), np.int64(0)
    encoded = tf.data.Dataset.from_generator(blocks, output_signature=tf.TensorSpec([None], tf.string))
    encoded = encoded.map(tokens_of, num_parallel_calls=2).prefetch(2)
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


def intact(folder: Path) -> bool:
    """Whether all that `build` writes is there."""
    try:
        sizes = json.loads((folder / "parallel.json").read_text())["bytes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return False


def made_by(tokenizers: Tokenizers, folder: Path) -> bool:
    """Whether the tokens in a folder, if there are any, are what the tokenizers would make."""
    return intact(folder) and all(
        Tokenizer.load(_tokenizer_file(folder, side)).fingerprint() == tokenizer.fingerprint()
        for side, tokenizer in zip(SIDES, tokenizers, strict=True)
    )


def load(folder: Path, content: str, tokenizers: Tokenizers | None = None) -> ParallelCorpus:
    """Maps what `build` wrote; `tokenizers` spare reading the same ones again."""
    if tokenizers is None:
        source, target = (Tokenizer.load(_tokenizer_file(folder, side)) for side in SIDES)
        tokenizers = (source, source if source.fingerprint() == target.fingerprint() else target)
    sizes = json.loads((folder / "parallel.json").read_text())["pairs"]
    return ParallelCorpus(folder, tuple(tokenizers), sizes, content)
