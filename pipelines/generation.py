"""Text files to a memory-mapped array of tokens, and that to batches of windows for a language model.

corpus = prepare(["sample:tinyshakespeare"], split=(0.9, 0.1, 0.0))
train = training_windows(corpus.split("train"), streams=64, window=100, seed=0)
for tokens, next_tokens in train:    # endless; int32 [64, 100] each
    ...
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.batching import batches, ring_windows
from pipelines.cache import built_once, cache_root, digest
from pipelines.errors import DataError
from pipelines.files import content_hash, locate
from pipelines.splits import SPLITS, checked_fractions
from pipelines.text.corpus import Corpus, build, intact, load, made_with
from pipelines.text.tokenizers import Tokenizer, learn_tokenizer

_LEAST_WINDOW = 8  # tokens: of a shorter one nothing is learned
FORMAT = 4  # of the cache: raise it when tokens of the same text, or what is kept with them, would differ


def prepare(
    files: Sequence[str | os.PathLike],
    *,
    tokenizer: Tokenizer | None = None,
    kind: str = "characters",
    vocabulary_size: int = 8000,
    normalisation: str = "NFC",
    split: Sequence[float] = (0.9, 0.05, 0.05),
    cache: str | os.PathLike | None = None,
    minimum: int = 101,
    progress: Callable[[str], None] | None = None,
) -> Corpus:
    """Files to tokens, once: later calls with the same content and settings map what the first one wrote.

    The files are read as one text; each is normalised by itself. The text is split by position: the first
    `int(length * split[0])` characters are for training, and so on.

    Args:
        files: paths of UTF-8 text, plain or packed, or names such as "sample:tinyshakespeare". Each may be
            larger than memory.
        tokenizer: one that was learned before; without it one is learned from the training split alone. With
            it, `kind`, `vocabulary_size` and `normalisation` only help to find the tokens made when it was
            learned.
        kind: "characters" or "subwords". Subwords are learned from the whole training split up to 8 million
            characters, and from 128 evenly spaced parts of a larger one.
        vocabulary_size: of subwords, at most.
        normalisation: "NFC", "NFKC" or "none".
        split: the fractions for "train", "valid" and "test".
        cache: the folder to keep tokens in; see `pipelines.cache.cache_root`.
        minimum: tokens that every split with a fraction above 0 must have: one window and one.
        progress: called with a line about each step.

    Raises:
        DataError: a file or a setting cannot be used; the message is one line.
    """
    progress = progress or (lambda line: None)
    fractions = checked_fractions(split)
    if not files:
        raise DataError("no files given: expected at least one text file")
    if tokenizer is None and fractions[0] == 0:
        raise DataError(f"split {tuple(split)} leaves no training text to learn a tokenizer from")
    paths = [locate(name) for name in files]
    where = str(paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")

    progress(f"checking {where}")
    settings = {"files": [content_hash(path) for path in paths], "split": fractions, "format": FORMAT}
    learned = [kind, normalisation] + (["unigram", vocabulary_size] if kind == "subwords" else [])
    _check_different(paths, settings["files"], fractions)
    key = digest({**settings, "learned": learned})
    root = cache_root(cache)

    def learn(train: Iterator[str]) -> Tokenizer:
        if tokenizer is not None:
            return tokenizer
        try:
            return learn_tokenizer(kind, train, vocabulary_size, normalisation)
        except DataError as error:
            raise DataError(f"{where}: {error}") from error

    def fill(folder: Path) -> None:
        sampled = tokenizer is None and kind == "subwords"
        build(folder, paths, fractions, normalisation, learn, sampled, progress)

    if tokenizer is not None and not made_with(tokenizer, root / key):  # else it was learned here
        key = digest({**settings, "tokenizer": tokenizer.fingerprint()})
        normalisation = tokenizer.normalisation
    corpus = load(built_once(root, key, fill, intact), digest(settings["files"]), tokenizer)
    for name, fraction in zip(SPLITS, fractions, strict=True):
        if fraction > 0 and corpus.sizes[name] < minimum:
            raise DataError(
                f"{where}: the {name} split has {corpus.sizes[name]} tokens; at least {minimum} are needed"
                f" (one window and one): give more text, {_window(corpus, fractions)}another split"
            )
    return corpus


def _check_different(paths: Sequence[Path], hashes: Sequence[str], fractions: Sequence[float]) -> None:
    """Raises DataError for a text that is there twice, if a part is held out: it may be trained, too."""
    for place, content in enumerate(hashes):
        first = hashes.index(content)
        if first < place and max(fractions) < 1:
            raise DataError(
                f"{paths[place]}: has the text of {paths[first]}, so that what is trained would be validated:"
                " give it once, or --data.split 1 0 0"
            )


def _window(corpus: Corpus, fractions: Sequence[float]) -> str:
    """The flag of a window that all splits have room for, if there is one."""
    room = (
        min(corpus.sizes[name] for name, fraction in zip(SPLITS, fractions, strict=True) if fraction > 0) - 1
    )
    return f"--data.window {room}, or " if room >= _LEAST_WINDOW else ""


def steps_per_pass(count: int, *, streams: int, window: int) -> int:
    """The number of steps in which `training_windows` goes once over `count` tokens."""
    return max(1, count // (streams * window))


def training_windows(
    tokens: np.ndarray, *, streams: int, window: int, seed: int, start_step: int = 0
) -> tf.data.Dataset:
    """Endless batches of windows in parallel streams, for truncated backpropagation through time.

    The tokens are a ring: see `pipelines.batching.ring_windows`. A pass of `steps_per_pass` steps leaves out
    fewer than `streams * window` tokens; where there are fewer than that in all, streams overlap. Every
    element is a pure function of (seed, step), so a run that resumes at `start_step` sees the same elements.

    Args:
        tokens: [positions] of a split, of any integer type, in memory or mapped.
        streams: rows of a batch.
        window: tokens of a row.
        seed: 0 or larger.
        start_step: the step of the first element.

    Returns:
        Elements (tokens, next tokens), both int32 [streams, window].
    """
    _check_window(tokens, window)
    steps = steps_per_pass(len(tokens), streams=streams, window=window)
    positions = ring_windows(
        len(tokens), streams=streams, window=window, length=window + 1, steps_per_pass=steps, seed=seed
    )
    return _windows(tf.data.Dataset.counter(start_step), tokens, positions, streams, window)


def validation_windows(tokens: np.ndarray, *, streams: int, window: int) -> tf.data.Dataset:
    """One pass over a split in fixed batches, the same each time, for `validation_data` of Keras's `fit`.

    The streams are evenly spaced from the first token to the last, and each continues where its last window
    ended. Fewer than `streams * window` tokens are left out; where there are fewer than that in all, streams
    overlap. (`kerasapp evaluate` reads the whole split once instead, and is exact.)

    Returns:
        Elements (tokens, next tokens), both int32 [streams, window].
    """
    _check_window(tokens, window)
    targets = len(tokens) - 1
    steps = max(1, targets // (streams * window))
    starts = np.arange(streams) * (targets - steps * window) // max(1, streams - 1)  # [streams]

    def positions(step: int) -> np.ndarray:
        return (starts + step * window)[:, None] + np.arange(window + 1)  # [streams, window + 1]

    return _windows(tf.data.Dataset.range(steps), tokens, positions, streams, window)


def _windows(steps, tokens, positions, streams, window) -> tf.data.Dataset:
    return batches(
        steps,
        lambda step: (tokens[positions(step)].astype(np.int32),),
        [tf.TensorSpec([streams, window + 1], tf.int32)],
        lambda step, rows: (rows[:, :-1], rows[:, 1:]),
    )


def _check_window(tokens: np.ndarray, window: int) -> None:
    if len(tokens) < window + 1:
        raise DataError(f"{len(tokens)} tokens are fewer than one window of {window} and one")
