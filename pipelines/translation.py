"""Pairs of sentences to tokens on disk, and those to batches for a model that translates.

corpus = prepare(pairs="sample:tatoeba-cmn-eng", swap=True)     # Chinese to English
train = training_batches(corpus.part("train"), batch_tokens=3000, batch_size=256, max_length=100, seed=0)
for inputs, target_out in train:    # for ever; {"source": [batch, s], "target_in": [batch, t]}, [batch, t]
    ...
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.batching import prefetched
from pipelines.cache import built_once, default_folder, digest
from pipelines.errors import DataError
from pipelines.files import content_hash, locate
from pipelines.parallel.altering import Alterations
from pipelines.parallel.corpus import (
    ParallelCorpus,
    Rows,
    SentencePairs,
    Tokenizers,
    begun,
    build,
    intact,
    load,
    made_by,
    training_text,
)
from pipelines.parallel.pairs import Pairs, own_targets, read_aligned, read_table
from pipelines.splits import SPLITS, checked_fractions
from pipelines.text.tokenizers import CharacterTokenizer, SubwordTokenizer, Tokenizer
from pipelines.token_batches import BatchPlan, cut

FORMAT = 2  # of the cache: raise it when tokens or splits of the same files would differ

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
    model_type: str = "unigram",
    normalisation: str = "NFC",
    split: Sequence[float] = (0.9, 0.05, 0.05),
    cache: File | None = None,
    progress: Callable[[str], None] | None = None,
) -> ParallelCorpus:
    """Files to tokens, once: later calls with the same content and settings map what the first one wrote.

    Files are UTF-8, plain or gzip, or "sample:tatoeba-cmn-eng", and may be larger than memory. Sentences are
    normalised, and runs of white space become one space. How they are split: see `parallel.pairs.assign`.

    Args:
        pairs: a file of lines "sentence TAB translation", with or without a third column, which is ignored.
        source: a file of one sentence a line; instead of `pairs`, together with `target`.
        target: the translation of each line of `source`.
        swap: source and target change places, in all the files given.
        autoencode: the target of each sentence is the sentence itself, in all the files given, of which
            sources alone are read; one that is repeated counts once.
        valid: (source file, target file) of the validation part, which then takes nothing from the split:
            its fraction goes to training.
        test: the same for the test part.
        tokenizers: those of source and target, learned before; `kind`, `joint`, `vocabulary_size`,
            `model_type` and `normalisation` then only help to find what was tokenised when they were learned.
            Without them they are learned from the training part alone.
        kind: "subwords" or "characters". Subwords are learned from up to 8 MiB of text a side, above that
            from evenly spaced sentences.
        joint: one vocabulary for both sides.
        vocabulary_size: of subwords, at most, on each side, or of the joint vocabulary.
        model_type: of subwords, "unigram" or "bpe".
        normalisation: "NFC", "NFKC" or "none".
        split: the fractions for "train", "valid" and "test".
        cache: the folder to keep tokens in; by default `$XDG_CACHE_HOME/kerasapp` or `~/.cache/kerasapp`.
        progress: called with a line about what is being done.

    Raises:
        DataError: a file or a setting that cannot be used, or a part without a pair though its fraction is
            above 0; the message is one line.
    """
    say = progress or (lambda line: None)
    files = _located(pairs, source, target, valid, test)
    fractions = _shares(checked_fractions(split), files)
    if kind not in ("characters", "subwords"):
        raise ValueError(f"kind is {kind!r}: expected characters or subwords")
    if tokenizers is None and fractions[0] == 0:
        raise DataError(f"split {tuple(split)} leaves no training text to learn tokenizers from")
    if tokenizers is not None:
        normalisation = _normalisation(tokenizers)

    say(f"checking {_names(files)}")
    hashes = {name: [content_hash(path) for path in paths] for name, paths in files.items()}
    settings = {"files": hashes, "swap": swap, "split": fractions, "format": FORMAT, "task": "translation"}
    settings |= {"autoencode": True} if autoencode else {}
    learned = [kind, normalisation, joint] + ([model_type, vocabulary_size] if kind == "subwords" else [])
    key = digest({**settings, "learned": learned})
    root = Path(cache).expanduser() if cache else default_folder()

    def learn(*texts: Path) -> Tokenizers:
        try:
            return tokenizers or _learn(texts, kind, joint, vocabulary_size, model_type, normalisation)
        except DataError as error:
            raise DataError(f"{_names(files)}: {error}") from error

    def fill(folder: Path) -> None:
        say(f"reading {_names(files)}")
        read = {name: _read(paths, normalisation) for name, paths in files.items()}
        if autoencode:
            read = {name: own_targets(pairs, swap) for name, pairs in read.items()}
        build(folder, read.pop("pairs"), fractions, read, swap, learn, say)

    if tokenizers is not None and not made_by(tokenizers, root / key):  # otherwise they were learned here
        key = digest({**settings, "tokenizers": [tokenizer.fingerprint() for tokenizer in tokenizers]})
    corpus = load(built_once(root, key, fill, intact), digest(hashes), tokenizers)
    for name, fraction in zip(SPLITS, fractions, strict=True):
        if fraction > 0 and not corpus.sizes[name]:
            raise DataError(
                f"{_names(files)}: no pair is left for the {name} split, which is to have {fraction:g} of"
                f" {sum(corpus.sizes.values()):,}"
            )
    return corpus


def _located(pairs, source, target, valid, test) -> dict[str, list[Path]]:
    """The paths of what is split, as "pairs" (one table or two files of lines), and of "valid" and "test"."""
    if (pairs is None) == (source is None) or (source is None) != (target is None):
        raise DataError("expected either a file of pairs, or a source file and a target file")
    files = {"pairs": [source, target] if pairs is None else [pairs], "valid": valid, "test": test}
    return {name: [locate(path) for path in paths] for name, paths in files.items() if paths}


def _shares(fractions: list[float], files: dict[str, list[Path]]) -> list[float]:
    """The fractions, with those of parts that have files of their own given to training."""
    shares = [0.0 if name in files else share for name, share in zip(SPLITS, fractions, strict=True)]
    return [1.0 - shares[1] - shares[2], *shares[1:]] if len(files) > 1 else shares


def _normalisation(tokenizers: Tokenizers) -> str:
    form, other = (tokenizer.normalisation for tokenizer in tokenizers)
    if form != other:
        raise ValueError(f"the tokenizers normalise to {form} and to {other}: expected one form for both")
    return form


def _read(paths: list[Path], form: str) -> Pairs:
    return read_table(*paths, form) if len(paths) == 1 else read_aligned(*paths, form)


def _learn(texts, kind, joint, vocabulary_size, model_type, normalisation) -> Tokenizers:
    """Tokenizers of the source and the target text; one for both where the vocabulary is joint."""

    def learn(*paths: Path) -> Tokenizer:
        # As `pipelines.text.sentences.encode` has it, a sentence of subwords begins with a space.
        lead = " " if kind == "subwords" else ""
        lines = (block for path in paths for block in training_text(path, lead))
        if kind == "subwords":
            return SubwordTokenizer.learn(lines, vocabulary_size, model_type, normalisation)
        return CharacterTokenizer.learn(lines, normalisation)

    if joint:
        tokenizer = learn(*texts)
        return tokenizer, tokenizer
    return learn(texts[0]), learn(texts[1])


def _names(files: dict[str, list[Path]]) -> str:
    return " and ".join(map(str, dict.fromkeys(files["pairs"])))


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
    """Endless batches of pairs of like lengths, in other company and another order each pass.

    In a pass every pair that is not too long comes once. The pairs are sorted by the lengths of target and
    source, those of like lengths at random, and cut into batches, which come in a random order. A batch has
    at most `batch_size` rows, and at most `batch_tokens` positions in source and target together, end tokens
    and padding included, unless a single pair has more. Above 8 rows it has a multiple of 8.

    Every element is a pure function of (seed, step), so a run that goes on at `start_step` sees what it would
    have seen. What is random in pass p comes from NumPy's `SeedSequence([seed, p])`, whose algorithm NumPy
    guarantees.

    Args:
        pairs: a part of a `ParallelCorpus`.
        max_length: pairs with more tokens than this on either side, end token aside, are left out; `too_long`
            counts them.
        seed: 0 or larger.
        start_step: the step of the first element.
        alterations: what is changed of the sentences of each batch; by default nothing.

    Returns:
        Elements ({"source": [batch, s], "target_in": [batch, t]}, target_out [batch, t]), int32; see
        `SentencePairs.rows`.

    Raises:
        DataError: no pair is short enough.
    """
    plan = BatchPlan(pairs, batch_tokens, batch_size, max_length)
    rows_of = plan.rows_of(seed)

    def rows(step: int) -> Rows:
        inputs, target = pairs.rows(rows_of(step))
        if alterations is None:
            return inputs, target
        source, target = alterations.apply(inputs["source"], target, seed=seed, step=step)
        return {"source": source, "target_in": begun(target)}, target

    return _batches(tf.data.Dataset.counter(start_step), rows)


def steps_per_pass(pairs: SentencePairs, *, batch_tokens: int, batch_size: int, max_length: int) -> int:
    """How many steps of `training_batches` go once over the pairs."""
    return BatchPlan(pairs, batch_tokens, batch_size, max_length).steps


def padding_ratio(
    pairs: SentencePairs, *, batch_tokens: int, batch_size: int, max_length: int, seed: int = 0
) -> float:
    """The share of the positions of a training pass that are padding, of source and target together."""
    return BatchPlan(pairs, batch_tokens, batch_size, max_length).padding_ratio(seed)


def too_long(pairs: SentencePairs, max_length: int) -> int:
    """How many pairs have more than `max_length` tokens on either side."""
    return int((np.maximum(pairs.source_lengths, pairs.target_lengths) > max_length).sum())


def validation_batches(pairs: SentencePairs, *, batch_tokens: int, batch_size: int) -> tf.data.Dataset:
    """One pass over all pairs, in the same batches each time, longest targets first.

    Returns:
        Elements as those of `training_batches`.
    """
    order = np.lexsort((pairs.source_lengths, pairs.target_lengths))[::-1]
    cuts = cut(pairs.source_lengths[order], pairs.target_lengths[order], batch_tokens, batch_size)
    batches = np.split(order, cuts[1:-1])
    return _batches(tf.data.Dataset.range(len(cuts) - 1), lambda step: pairs.rows(batches[step]))


def _batches(steps: tf.data.Dataset, rows_of: Callable[[int], Rows]) -> tf.data.Dataset:
    def gather(step: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        inputs, target_out = rows_of(int(step))
        return inputs["source"], inputs["target_in"], target_out

    def load(step):
        # numpy_function reads the memory map; it stays in the pipeline and is in nothing that is exported.
        rows = tf.numpy_function(gather, [step], [tf.int32] * 3, stateful=False)
        source, target_in, target_out = (tf.ensure_shape(part, [None, None]) for part in rows)
        return {"source": source, "target_in": target_in}, target_out

    return steps.map(load, num_parallel_calls=tf.data.AUTOTUNE).apply(prefetched)
