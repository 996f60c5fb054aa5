"""Recordings with transcripts to log-mels on disk, and those to batches for a model that reads aloud.

corpus = prepare(directory="sample:digits", settings=AudioConfig(sample_rate=8000, mels=64, f_max=4000))
train = training_batches(corpus.split("train"), reduction=2, batch_frames=6000, batch_size=32, seed=0)
for inputs, targets in train: ...   # endless; {"tokens", "mel_in"}, {"mel_out", "stop", "alignment"}
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.batching import batches
from pipelines.cache import built_once, cache_root, digest
from pipelines.errors import DataError
from pipelines.files import SAMPLE
from pipelines.sorted_batches import SortedBatches, cut_batches
from pipelines.speech import audio, digits, features, transcripts
from pipelines.speech.cleaning import Cleaner
from pipelines.speech.clips import PADDING, Clips
from pipelines.speech.corpus import ClipCorpus, build, intact, load, made_with, usable_utterances
from pipelines.speech.recordings import read_recordings
from pipelines.splits import check_sizes, checked_fractions
from pipelines.text.sequences import Sequences
from pipelines.text.tokenizers import CharacterTokenizer, Tokenizer

FORMAT = 4  # of the cache: raise it when splits, tokens or statistics of the same clips would differ
_BLOCK = 1024  # transcripts cleaned at a time
_SHOWN = 5  # failures that an error's line names
_MOST_ROWS = 2**20  # no batch has more: a row's masks are seeded by its number in the whole training
_ROWS = 2  # a larger batch has a multiple of so many rows, which parallel loops share evenly


def prepare(
    *,
    directory: str | os.PathLike,
    settings,
    language: str = "english",
    normalisation: str = "NFC",
    tokenizer: Tokenizer | None = None,
    statistics: Mapping[str, Sequence[float]] | None = None,
    split: Sequence[float] = (0.9, 0.05, 0.05),
    max_seconds: float = 12.0,
    max_failures: float = 0.05,
    cache: str | os.PathLike | None = None,
    progress: Callable[[str], None] | None = None,
) -> ClipCorpus:
    """Clips to log-mels and transcripts to characters, once: later calls with the same content and settings
    map what the first one wrote. A call that is killed keeps the shards of log-mels that it has finished.

    A clip that is missing, silent, damaged, too long or too short for its text, or whose text cannot be read
    aloud, is left out and listed in the corpus's `failures`. Clips with the same cleaned transcript are in
    one split: see `pipelines.splits.assign_splits`.

    Args:
        directory: in the form of LJSpeech (see `pipelines.speech.recordings`), or "sample:digits".
        settings: the audio settings, `AudioConfig` or a dataclass with its attributes.
        language: how transcripts are cleaned, one of `pipelines.speech.cleaning.LANGUAGES`.
        normalisation: of the tokenizer that is learned, "NFC", "NFKC" or "none".
        tokenizer: learned before; without it, that of the characters in the training split's cleaned
            transcripts.
        statistics: "mean" and "deviation" of each mel channel, computed before; without them, those of the
            training split.
        split: the fractions for "train", "valid" and "test"; "train" may be 0 if `tokenizer` and `statistics`
            are given.
        max_seconds: clips with more sound than this, after trimming, are left out.
        max_failures: the share of the clips that may be left out.
        cache: the folder to keep log-mels in; see `pipelines.cache.cache_root`.
        progress: called with a line about each step.

    Raises:
        DataError: a folder, table or setting cannot be used, more than `max_failures` are left out, or a
            split is empty though its fraction is above 0; the message is one line.
    """
    progress = progress or (lambda line: None)
    fractions = checked_fractions(split)
    if fractions[0] == 0 and (tokenizer is None or statistics is None):
        raise DataError(f"split {tuple(split)} leaves no training clips to learn characters and levels from")
    root = cache_root(cache)
    folder = _located(os.fspath(directory), root, fractions, progress)
    progress(f"checking {folder}")
    recordings = read_recordings(folder)
    cleaner = Cleaner(language)
    texts = list(_cleaned(cleaner, [recording.transcript for recording in recordings]))
    content = digest([[recording.id, recording.transcript, recording.content] for recording in recordings])

    def fill(staging: Path) -> None:
        utterances, shards, failures = usable_utterances(
            recordings, texts, settings, max_seconds, root, progress
        )
        _check_failures(failures, len(recordings), max_failures, folder)
        build(
            staging,
            utterances,
            shards,
            failures,
            fractions,
            lambda training: tokenizer or CharacterTokenizer.learn(training, normalisation),
            lambda learned, rows: _encoded(cleaner, learned, rows),
        )

    made_of = {
        **{"format": FORMAT, "shard": features.FORMAT, "task": "synthesis"},
        **{"content": content, "texts": digest(texts)},
        "problems": digest([recording.problem for recording in recordings]),
        **{"audio": features.feature_settings(settings), "max_seconds": max_seconds, "split": fractions},
    }
    key = digest({**made_of, "learned": normalisation})
    if tokenizer is not None and not made_with(tokenizer, root / key):  # else it was learned here
        key = digest({**made_of, "tokenizer": tokenizer.fingerprint()})
    floor = audio.log_floor(settings)
    written = [recording.transcript for recording in recordings]
    corpus = load(built_once(root, key, fill, intact), content, floor, written, tokenizer, statistics)
    _check_failures(corpus.failures, len(recordings), max_failures, folder)
    check_sizes(folder, "clip", corpus.sizes, fractions)
    return corpus


def _located(directory: str, root: Path, fractions: Sequence[float], progress: Callable[[str], None]) -> Path:
    if directory == digits.NAME:
        return digits.folder_of(root, fractions, progress)
    if directory.startswith(SAMPLE):
        raise DataError(f"{directory}: no such sample of recordings; there is {digits.NAME}")
    return Path(os.path.expanduser(directory))


def _cleaned(cleaner: Cleaner, rows: list[str]) -> Iterator[str]:
    for block in _blocks(rows):
        yield from (text.decode() for text in cleaner(block).numpy())


def _encoded(cleaner: Cleaner, tokenizer: Tokenizer, rows: list[str]) -> Sequences:
    """The tokens of transcripts, as in serving."""
    tokens, lengths = [np.zeros(0, np.int32)], [np.zeros(1, np.int64)]
    for block in _blocks(rows):
        ids = transcripts.encode(cleaner, tokenizer, block)
        ids = tf.ragged.boolean_mask(ids, ids != tokenizer.end_id)  # `Sequences` add the end
        tokens.append(ids.flat_values.numpy())
        lengths.append(ids.row_lengths().numpy())
    return Sequences(np.concatenate(tokens), np.cumsum(np.concatenate(lengths)))


def _blocks(rows: list[str]) -> Iterator[tf.Tensor]:
    return (tf.constant(rows[start : start + _BLOCK]) for start in range(0, len(rows), _BLOCK))


def _check_failures(failures: Sequence[tuple[str, str]], count: int, most: float, folder: Path) -> None:
    """Raises DataError where too many of `count` clips are left out, or all."""
    if len(failures) > most * count or len(failures) == count:
        limit = "none is left" if len(failures) == count else f"--data.max_failures {most:g} allows fewer"
        listed = "; ".join(f"{id}: {reason}" for id, reason in failures[:_SHOWN])
        listed += f"; and {len(failures) - _SHOWN:,} more" if len(failures) > _SHOWN else ""
        raise DataError(
            f"{folder}: {len(failures):,} of {count:,} clips cannot be used, and {limit}: {listed}"
            " (--data.max_seconds takes longer clips, --data.max_failures 1 leaves out any number)"
        )


def training_batches(
    clips: Clips,
    *,
    reduction: int,
    batch_frames: int,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    guide_steps: int = 0,
    time_mask: int = 0,
    frequency_mask: int = 0,
) -> tf.data.Dataset:
    """Endless batches of clips of similar lengths; every pass has other batches in another order.

    A pass has every clip once. The clips are sorted by their lengths, those of similar lengths at random, and
    cut into batches, which come in a random order. A batch has at most `batch_size` rows, an even number
    unless it is the last of the sorted ones, and at most `batch_frames` frames, padding included, unless a
    single clip has more.

    Every element is a pure function of (seed, step), so a run that resumes at `start_step` sees the same
    elements: see `pipelines.sorted_batches`. TensorFlow's stateless generators draw the masks.

    Args:
        clips: a split of a `ClipCorpus`.
        reduction: frames of a decoder step.
        seed: 0 or larger.
        start_step: the step of the first element.
        guide_steps: the guided attention fades out linearly from weight 1 over so many steps; 0 for none.
        time_mask: decoder steps of "mel_in" to mask, at most, in one block: see
            `pipelines.speech.audio.spec_augment`.
        frequency_mask: mel channels of "mel_in" to mask, at most, in one block.

    Returns:
        Elements ({"tokens", "mel_in"}, {"mel_out", "stop", "alignment"}): see `Clips.rows`.
    """
    plan = _sorted_batches(clips, reduction, batch_frames, batch_size)

    def guide(step: int) -> float:
        return max(0.0, 1 - step / guide_steps) if guide_steps else 0.0

    def mask(step, mel_in):
        if not time_mask and not frequency_mask:
            return mel_in
        return _masked(mel_in, seed, step, time_mask, frequency_mask)

    return _batches(tf.data.Dataset.counter(start_step), clips, reduction, plan.batch_of(seed), guide, mask)


def steps_per_pass(clips: Clips, *, reduction: int, batch_frames: int, batch_size: int) -> int:
    """The number of steps in which `training_batches` goes once over the clips."""
    return _sorted_batches(clips, reduction, batch_frames, batch_size).steps


def validation_batches(
    clips: Clips, *, reduction: int, batch_frames: int, batch_size: int
) -> tf.data.Dataset:
    """One pass over all clips, in the same batches each time, longest first.

    Returns:
        Elements as those of `training_batches`, with "alignment" 0 and nothing masked.
    """
    steps = clips.steps(reduction)
    order = np.lexsort((clips.token_lengths, steps))[::-1]
    cuts = cut_batches([steps[order] * reduction], batch_frames, batch_size, _ROWS)
    indices = np.split(order, cuts[1:-1])
    return _batches(tf.data.Dataset.range(len(cuts) - 1), clips, reduction, indices.__getitem__)


def _sorted_batches(clips: Clips, reduction: int, batch_frames: int, batch_size: int) -> SortedBatches:
    def cut(_, groups: np.ndarray) -> np.ndarray:
        return cut_batches([(groups + 1) * reduction], batch_frames, batch_size, _ROWS)

    return SortedBatches(np.arange(len(clips)), [clips.token_lengths, clips.steps(reduction) - 1], cut)


def _batches(
    steps: tf.data.Dataset,
    clips: Clips,
    reduction: int,
    batch_of: Callable[[int], np.ndarray],
    guide: Callable[[int], float] = lambda step: 0.0,
    mask: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = lambda step, mel_in: mel_in,
) -> tf.data.Dataset:
    def read(step: int) -> tuple[np.ndarray, ...]:
        inputs, targets = clips.rows(batch_of(step), reduction, guide(step))
        return *inputs.values(), *targets.values()

    def arrange(step, tokens, mel_in, mel_out, stop, alignment):
        inputs = {"tokens": tokens, "mel_in": mask(step, mel_in)}
        return inputs, {"mel_out": mel_out, "stop": stop, "alignment": alignment}

    mel = tf.TensorSpec([None, None, clips.mels], tf.float32)
    stop, alignment = tf.TensorSpec([None] * 2, tf.float32), tf.TensorSpec([None] * 3, tf.float32)
    specs = [tf.TensorSpec([None] * 2, tf.int32), mel, mel, stop, alignment]
    return batches(steps, read, specs, arrange)


def _masked(mel_in: tf.Tensor, seed: int, step: tf.Tensor, time_mask: int, frequency_mask: int) -> tf.Tensor:
    """`mel_in` [n, t, mels] with a block of steps and one of channels at the mean, other ones in each row."""
    steps = tf.reduce_sum(tf.cast(mel_in[:, :, 0] != PADDING, tf.int32), axis=1)  # [n]
    rows = tf.range(tf.shape(mel_in, out_type=tf.int64)[0])
    seeds = tf.fill(tf.shape(rows), tf.constant(seed, tf.int64))
    keys = tf.stack([seeds, step * _MOST_ROWS + rows], axis=1)  # [n, 2]

    def mask(row):
        mel, key, count = row
        masked = audio.spec_augment(mel[:count], key, time_mask=time_mask, frequency_mask=frequency_mask)
        return tf.concat([masked, mel[count:]], axis=0)  # [t, mels]

    spec = tf.TensorSpec([None, mel_in.shape[-1]], tf.float32)
    return tf.map_fn(mask, (mel_in, keys, steps), fn_output_signature=spec)
