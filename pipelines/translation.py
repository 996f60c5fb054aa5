"""Pairs of sentences to tokens on disk, and those to batches for a model that translates.

corpus = prepare(pairs="sample:tatoeba-cmn-eng", swap=True)     # Chinese to English
train = training_batches(corpus.split("train"), batch_tokens=3000, batch_size=256, max_length=100, seed=0)
for inputs, target_out in train:    # endless; {"source": [batch, s], "target_in": [batch, t]}, [batch, t]
    ...
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.batching import batches
from pipelines.cache import built_once, cache_root, digest
from pipelines.errors import DataError
from pipelines.files import content_hash, locate
from pipelines.parallel.altering import Alterations
from pipelines.parallel.corpus import (
    ParallelCorpus,
    Rows,
    SentencePairs,
    Tokenizers,
    build,
    intact,
    load,
    made_with,
    training_text,
)
from pipelines.parallel.pairs import ODD, Counted, Pairs, own_targets, read_aligned, read_table
from pipelines.sorted_batches import SortedBatches, cut_batches
from pipelines.splits import SPLITS, check_sizes, checked_fractions
from pipelines.text.sequences import decoder_inputs
from pipelines.text.tokenizers import Tokenizer, learn_tokenizer

FORMAT = 7  # of the cache: raise it when what is kept of the same files would differ
_ROWS = 8  # a larger batch has a multiple of so many rows, which devices or parallel loops share evenly

File = str | os.PathLike


def prepare(
    *,
    pairs: File | None = None,
    source: File | None = None,
    target: File | None = None,
    swap: bool = False,
    autoencode: bool = False,
    valid: tuple[File, File] | None = None,
    test: tuple[File, File] | None = None,
    tokenizers: Tokenizers | None = None,
    kind: str = "subwords",
    joint: bool = False,
    vocabulary_size: int = 8000,
    normalisation: str = "NFC",
    skip_blank: bool = False,
    split: Sequence[float] = (0.9, 0.05, 0.05),
    cache: File | None = None,
    progress: Callable[[str], None] | None = None,
) -> ParallelCorpus:
    """Files to tokens, once: later calls with the same content and settings map what the first one wrote.

    Files are UTF-8, plain or packed, or "sample:tatoeba-cmn-eng", and may be larger than memory. Sentences
    are normalised, and runs of white space become one space. Pairs that share a sentence are in one split:
    see `pipelines.splits.assign_splits`.

    Args:
        pairs: a file of lines "sentence TAB translation"; a third column is ignored.
        source: a file of one sentence per line; instead of `pairs`, together with `target`.
        target: the translation of each line of `source`.
        swap: source and target change places, in all the files given.
        autoencode: each sentence is its own target. Only the sources are read, and a repeated one counts
            once.
        valid: (source file, target file) of the validation split, whose fraction then goes to training.
        test: the same for the test split.
        tokenizers: of source and target, learned before; without them they are learned from the training
            split alone. With them, `kind`, `joint`, `vocabulary_size` and `normalisation` only help to find
            the tokens made when they were learned.
        kind: "subwords" or "characters". Subwords are learned from up to 8 MiB of text per side, and from
            evenly spaced sentences of a larger one.
        joint: one vocabulary for both sides.
        vocabulary_size: of subwords, at most, on each side, or of the joint vocabulary.
        normalisation: "NFC", "NFKC" or "none".
        skip_blank: whether lines that are blank on a side are left out; otherwise they are refused.
        split: the fractions for "train", "valid" and "test".
        cache: the folder to keep tokens in; see `pipelines.cache.cache_root`.
        progress: called with a line about each step.

    Raises:
        DataError: a file or a setting cannot be used, or a split is empty though its fraction is above 0; the
            message is one line.
    """
    progress = progress or (lambda line: None)
    files = _located(pairs, source, target, valid, test)
    where = " and ".join(map(str, dict.fromkeys(files["pairs"])))
    fractions = _shares(checked_fractions(split), files)
    if tokenizers is None and fractions[0] == 0:
        raise DataError(f"split {tuple(split)} leaves no training text to learn tokenizers from")
    if tokenizers is not None:
        normalisation = _normalisation(tokenizers)

    progress(f"checking {where}")
    hashes = {name: [content_hash(path) for path in paths] for name, paths in files.items()}
    settings = {"files": hashes, "swap": swap, "split": fractions, "format": FORMAT, "task": "translation"}
    settings |= {"autoencode": True} if autoencode else {}
    settings |= {"skip_blank": True} if skip_blank else {}
    learned = [kind, normalisation, joint] + (["unigram", vocabulary_size] if kind == "subwords" else [])
    key = digest({**settings, "learned": learned})
    root = cache_root(cache)

    def learn(*texts: Path) -> Tokenizers:
        try:
            return tokenizers or _learn(texts, kind, joint, vocabulary_size, normalisation)
        except DataError as error:
            raise DataError(f"{where}: {error}") from error

    def fill(folder: Path) -> None:
        progress(f"reading {where}")
        odd = () if autoencode else ODD
        read = {name: Counted(_read(paths, normalisation, skip_blank), odd) for name, paths in files.items()}
        used = {name: own_targets(pairs, swap) if autoencode else pairs for name, pairs in read.items()}
        build(folder, used.pop("pairs"), fractions, used, swap, read, learn, progress)

    if tokenizers is not None and not made_with(tokenizers, root / key):  # else they were learned here
        key = digest({**settings, "tokenizers": [tokenizer.fingerprint() for tokenizer in tokenizers]})
    corpus = load(built_once(root, key, fill, intact), digest(hashes), tokenizers)
    check_sizes(where, "pair", corpus.sizes, fractions)
    return corpus


def _located(pairs, source, target, valid, test) -> dict[str, list[Path]]:
    """The paths of "pairs", which are split (one table or two files of lines), and of "valid" and "test"."""
    if (pairs is None) == (source is None) or (source is None) != (target is None):
        raise DataError("expected either a file of pairs, or a source file and a target file")
    files = {"pairs": [source, target] if pairs is None else [pairs], "valid": valid, "test": test}
    return {name: [locate(path) for path in paths] for name, paths in files.items() if paths}


def _shares(fractions: list[float], files: dict[str, list[Path]]) -> list[float]:
    """The fractions, with those of splits that have files of their own given to training."""
    shares = [0.0 if name in files else share for name, share in zip(SPLITS, fractions, strict=True)]
    return [1.0 - shares[1] - shares[2], *shares[1:]] if len(files) > 1 else shares


def _normalisation(tokenizers: Tokenizers) -> str:
    form, other = (tokenizer.normalisation for tokenizer in tokenizers)
    if form != other:
        raise ValueError(f"the tokenizers normalise to {form} and to {other}: expected one form for both")
    return form


def _read(paths: list[Path], form: str, blank: bool) -> Pairs:
    return read_table(*paths, form, blank) if len(paths) == 1 else read_aligned(*paths, form, blank)


def _learn(texts, kind, joint, vocabulary_size, normalisation) -> Tokenizers:
    """Tokenizers of the source and the target text; the same one twice for a joint vocabulary."""

    def learn(*paths: Path) -> Tokenizer:
        # A sentence of subwords begins with a space, as in `pipelines.text.sentences.encode`.
        lead = " " if kind == "subwords" else ""
        blocks = (block for path in paths for block in training_text(path, lead))
        return learn_tokenizer(kind, blocks, vocabulary_size, normalisation)

    if joint:
        tokenizer = learn(*texts)
        return tokenizer, tokenizer
    return learn(texts[0]), learn(texts[1])


def training_batches(
    pairs: SentencePairs,
    *,
    batch_tokens: int,
    batch_size: int,
    max_length: int,
    seed: int,
    start_step: int = 0,
    alterations: Alterations | None = None,
) -> tf.data.Dataset:
    """Endless batches of pairs of similar lengths; every pass has other batches in another order.

    A pass has every pair that is not too long once. The pairs are sorted by the lengths of target and source,
    those of similar lengths at random, and cut into batches, which come in a random order. A batch has at
    most `batch_size` rows, and at most `batch_tokens` positions in source and target together, end tokens and
    padding included, unless a single pair has more. Above 8 rows it has a multiple of 8.

    Every element is a pure function of (seed, step), so a run that resumes at `start_step` sees the same
    elements: see `pipelines.sorted_batches`.

    Args:
        pairs: a split of a `ParallelCorpus`.
        max_length: pairs with more tokens than this on either side, without the end token, are left out;
            `pipelines.parallel.report` counts them.
        seed: 0 or larger.
        start_step: the step of the first element.
        alterations: changes to the sentences of each batch; None for no change.

    Returns:
        Elements ({"source": [batch, s], "target_in": [batch, t]}, target_out [batch, t]), int32; see
        `SentencePairs.rows`.

    Raises:
        DataError: no pair is short enough.
    """
    batch_of = _sorted_batches(pairs, batch_tokens, batch_size, max_length).batch_of(seed)

    def rows(step: int) -> Rows:
        inputs, target = pairs.rows(batch_of(step))
        if alterations is None:
            return inputs, target
        source, target = alterations.apply(inputs["source"], target, seed=seed, step=step)
        return {"source": source, "target_in": decoder_inputs(target)}, target

    return _batches(tf.data.Dataset.counter(start_step), rows)


def steps_per_pass(pairs: SentencePairs, *, batch_tokens: int, batch_size: int, max_length: int) -> int:
    """The number of steps in which `training_batches` goes once over the pairs."""
    return _sorted_batches(pairs, batch_tokens, batch_size, max_length).steps


def validation_batches(pairs: SentencePairs, *, batch_tokens: int, batch_size: int) -> tf.data.Dataset:
    """One pass over all pairs, in the same batches each time, longest targets first.

    Returns:
        Elements as those of `training_batches`.
    """
    order = np.lexsort((pairs.source_lengths, pairs.target_lengths))[::-1]
    cuts = _cut(pairs.source_lengths[order], pairs.target_lengths[order], batch_tokens, batch_size)
    indices = np.split(order, cuts[1:-1])
    return _batches(tf.data.Dataset.range(len(cuts) - 1), lambda step: pairs.rows(indices[step]))


def _sorted_batches(
    pairs: SentencePairs, batch_tokens: int, batch_size: int, max_length: int
) -> SortedBatches:
    kept = np.flatnonzero(pairs.longest <= max_length)
    if not len(kept):
        raise DataError(
            f"none of {len(pairs):,} pairs of sentences has at most {max_length} tokens on each side"
        )
    lengths = pairs.source_lengths[kept], pairs.target_lengths[kept]
    return SortedBatches(kept, lengths, lambda *longest: _cut(*longest, batch_tokens, batch_size))


def _cut(source: np.ndarray, target: np.ndarray, batch_tokens: int, batch_size: int) -> np.ndarray:
    return cut_batches([source + 1, target + 1], batch_tokens, batch_size, _ROWS)  # with end tokens


def _batches(steps: tf.data.Dataset, rows_of: Callable[[int], Rows]) -> tf.data.Dataset:
    def read(step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        inputs, target_out = rows_of(step)
        return inputs["source"], inputs["target_in"], target_out

    def arrange(_, source, target_in, target_out):
        return {"source": source, "target_in": target_in}, target_out

    return batches(steps, read, [tf.TensorSpec([None, None], tf.int32)] * 3, arrange)
