"""Text files to a memory-mapped array of tokens, and that to batches of windows for a language model.

corpus = prepare(["sample:tinyshakespeare"], split=(0.9, 0.1, 0.0))
train = training_windows(corpus.part("train"), streams=64, window=100, seed=0)
for tokens, next_tokens in train:    # int32 [64, 100] each, for ever
    ...
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.batching import prefetched
from pipelines.cache import built_once, default_folder, digest
from pipelines.errors import DataError
from pipelines.files import content_hash, locate
from pipelines.splits import SPLITS, checked_fractions
from pipelines.text.corpus import Corpus, build, intact, load
from pipelines.text.tokenizers import CharacterTokenizer, SubwordTokenizer, Tokenizer

FORMAT = 1  # of the cache: raise it when tokens of the same text would differ


def prepare(
    files: Sequence[str | os.PathLike],
    *,
    tokenizer: Tokenizer | None = None,
    kind: str = "characters",
    vocabulary_size: int = 8000,
    model_type: str = "unigram",
    normalisation: str = "NFC",
    split: Sequence[float] = (0.9, 0.05, 0.05),
    cache: str | os.PathLike | None = None,
    minimum: int = 101,
    progress: Callable[[str], None] | None = None,
) -> Corpus:
    """Files to tokens, once: later calls with the same content and settings map what the first one wrote.

    The files are read as one text, each normalised on its own. It is split by position: the first
    `int(length * split[0])` characters are for training, and so on.

    Args:
        files: paths of UTF-8 text, plain or gzip, or names as "sample:tinyshakespeare". Each may be larger
            than memory.
        tokenizer: one learned before; `kind`, `vocabulary_size`, `model_type` and `normalisation` then only
            help to find what was tokenised when it was learned. Without it one is learned from the training
            split alone.
        kind: "characters" or "subwords". Subwords are learned from the whole training split up to 8 million
            characters, above that from 128 parts evenly spread over it.
        vocabulary_size: of subwords, at most.
        model_type: of subwords, "unigram" or "bpe".
        normalisation: "NFC", "NFKC" or "none".
        split: the fractions for "train", "valid" and "test".
        cache: the folder to keep tokens in; by default `$XDG_CACHE_HOME/kerasapp` or `~/.cache/kerasapp`.
        minimum: the tokens that every split with a fraction above 0 must have: one window and one.
        progress: called with a line about what is being done.

    Raises:
        DataError: a file or a setting that cannot be used; the message is one line.
    """
    say = progress or (lambda line: None)
    fractions = checked_fractions(split)
    if kind not in ("characters", "subwords"):
        raise ValueError(f"kind is {kind!r}: expected characters or subwords")
    if not files:
        raise DataError("no files given: expected at least one text file")
    if tokenizer is None and fractions[0] == 0:
        raise DataError(f"split {tuple(split)} leaves no training text to learn a tokenizer from")
    paths = [locate(name) for name in files]

    say(f"checking {_names(paths)}")
    settings = {"files": [content_hash(path) for path in paths], "split": fractions, "format": FORMAT}
    learned = [kind, normalisation] + ([model_type, vocabulary_size] if kind == "subwords" else [])
    key = digest({**settings, "learned": learned})
    root = Path(cache).expanduser() if cache else default_folder()
    content = digest(settings["files"])

    def learn(train: Iterator[str]) -> Tokenizer:
        if tokenizer is not None:
            return tokenizer
        try:
            if kind == "characters":
                return CharacterTokenizer.learn(train, normalisation)
            return SubwordTokenizer.learn(train, vocabulary_size, model_type, normalisation)
        except DataError as error:
            raise DataError(f"{_names(paths)}: {error}") from error

    sampled = tokenizer is None and kind == "subwords"

    def fill(folder: Path) -> None:
        build(folder, paths, fractions, normalisation, learn, sampled, say)

    if tokenizer is not None and not _made_by(tokenizer, root / key):  # otherwise it was learned here
        key = digest({**settings, "tokenizer": tokenizer.fingerprint()})
        normalisation = tokenizer.normalisation
    corpus = load(built_once(root, key, fill, intact), content, tokenizer)
    for name, fraction in zip(SPLITS, fractions, strict=True):
        if fraction > 0 and len(corpus.splits[name]) < minimum:
            raise DataError(
                f"{_names(paths)}: the {name} split has {len(corpus.splits[name])} tokens;"
                f" at least {minimum} are needed (one window and one)"
            )
    return corpus


def _made_by(tokenizer: Tokenizer, folder: Path) -> bool:
    if not intact(folder):
        return False
    return Tokenizer.load(folder / "tokenizer.json").fingerprint() == tokenizer.fingerprint()


def steps_per_pass(count: int, *, streams: int, window: int) -> int:
    """How many steps of `training_windows` go once over `count` tokens."""
    return max(1, count // (streams * window))


def training_windows(
    tokens: np.ndarray, *, streams: int, window: int, seed: int, start_step: int = 0
) -> tf.data.Dataset:
    """Endless batches of windows in parallel streams, for truncated backpropagation through time.

    The tokens are taken as a ring. A pass starts at a random offset in it, with the streams evenly spaced
    from there; each step, every stream goes on exactly where its last window ended. After `steps_per_pass`
    steps a new pass starts elsewhere. It leaves out fewer than `streams * window` tokens; where there are
    fewer than that in all, streams overlap.

    Every element is a pure function of (seed, step), so a run that goes on at `start_step` sees what it would
    have seen. The offset of pass p is word 0 of NumPy's `SeedSequence([seed, p])`, whose algorithm NumPy
    guarantees, modulo the number of tokens.

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
    count, steps = len(tokens), steps_per_pass(len(tokens), streams=streams, window=window)
    starts = np.arange(streams) * count // streams  # [streams]

    def gather(step: np.ndarray) -> np.ndarray:
        number, step_of_pass = divmod(int(step), steps)
        offset = int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] % count)
        first = starts + offset + step_of_pass * window
        positions = (first[:, None] + np.arange(window + 1)) % count  # [streams, window + 1]
        return tokens[positions].astype(np.int32)

    return _windows(tf.data.Dataset.counter(start_step), gather, streams, window)


def validation_windows(tokens: np.ndarray, *, streams: int, window: int) -> tf.data.Dataset:
    """One pass over a split in fixed batches, the same each time, for `validation_data` of Keras's `fit`.

    The streams are evenly spaced from the first token to the last, and each goes on where its last window
    ended. Fewer than `streams * window` tokens are left out; where there are fewer than that in all, streams
    overlap. (`kerasapp evaluate` is exact instead: it reads the whole split once.)

    Returns:
        Elements (tokens, next tokens), both int32 [streams, window].
    """
    _check_window(tokens, window)
    targets = len(tokens) - 1
    steps = max(1, targets // (streams * window))
    starts = np.arange(streams) * (targets - steps * window) // max(1, streams - 1)  # [streams]

    def gather(step: np.ndarray) -> np.ndarray:
        positions = (starts + int(step) * window)[:, None] + np.arange(window + 1)  # [streams, window + 1]
        return tokens[positions].astype(np.int32)

    return _windows(tf.data.Dataset.range(steps), gather, streams, window)


def _windows(steps: tf.data.Dataset, gather: Callable, streams: int, window: int) -> tf.data.Dataset:
    def load(step):
        # numpy_function reads the memory map; it stays in the pipeline and is in nothing that is exported.
        rows = tf.numpy_function(gather, [step], tf.int32, stateful=False)
        rows = tf.ensure_shape(rows, [streams, window + 1])
        return rows[:, :-1], rows[:, 1:]

    return steps.map(load, num_parallel_calls=tf.data.AUTOTUNE).apply(prefetched)


def _check_window(tokens: np.ndarray, window: int) -> None:
    if len(tokens) < window + 1:
        raise DataError(f"{len(tokens)} tokens are fewer than one window of {window} and one")


def _names(paths: Sequence[Path]) -> str:
    return str(paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
