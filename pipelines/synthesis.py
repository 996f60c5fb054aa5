"""Recordings with transcripts to log-mels on disk, and those to batches for a model that reads aloud.

corpus = prepare(directory="sample:digits", settings=AudioConfig(sample_rate=8000, mels=64, f_max=4000))
train = training_batches(corpus.part("train"), reduction=2, batch_frames=6000, batch_size=32, seed=0)
for inputs, targets in train: ...   # for ever; {"tokens", "mel_in"}, {"mel_out", "stop", "alignment"}
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.batching import prefetched
from pipelines.cache import built_once, default_folder, digest
from pipelines.errors import DataError
from pipelines.files import SAMPLE
from pipelines.parallel.corpus import Sequences
from pipelines.speech import audio, digits, transcripts
from pipelines.speech.cleaning import Cleaner
from pipelines.speech.clips import PADDING, Clips
from pipelines.speech.corpus import ClipCorpus, build, floor_of, intact, load, made_by, usable
from pipelines.speech.features import relevant
from pipelines.speech.recordings import read_recordings
from pipelines.splits import SPLITS, checked_fractions
from pipelines.text.tokenizers import CharacterTokenizer, Tokenizer
from pipelines.token_batches import SortedBatches, cut_positions

FORMAT = 2  # of the cache: raise it when splits, tokens or statistics of the same clips would differ
_BLOCK = 1024  # transcripts cleaned at a time
_SHOWN = 5  # failures told in an error's line
_MOST_ROWS = 2**20  # no batch has more: the masks of a row are seeded by its number in the whole training
_ROWS = 2  # larger batches have a multiple of so many rows, which parallel loops share evenly


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
    map what the first one wrote. A call that is killed keeps the shards of log-mels that were finished.

    Clips that are missing, silent, too long, damaged, or whose text cannot be read aloud are in the corpus's
    `failures` instead. Clips of one cleaned transcript stay in one part: see `parallel.pairs.assign`.

    Args:
        directory: in the form of LJSpeech (see `pipelines.speech.recordings`), or "sample:digits".
        settings: the audio settings, `AudioConfig` or a dataclass with its attributes.
        language: how transcripts are cleaned, "english" or "none" (see `pipelines.speech.cleaning`).
        normalisation: of the tokenizer that is learned, "NFC", "NFKC" or "none".
        tokenizer: learned before; without it, the characters of the training part's cleaned transcripts.
        statistics: "mean" and "deviation" of each mel channel, from before; without them, those of the
            training part.
        split: the fractions for "train", "valid" and "test"; "train" may be 0 where `tokenizer` and
            `statistics` are given.
        max_seconds: clips with more sound than this, after trimming, are left out.
        max_failures: the share of the clips that may be left out.
        cache: the folder to keep log-mels in; by default `$XDG_CACHE_HOME/kerasapp` or `~/.cache/kerasapp`.
        progress: called with a line about what is being done, and about each clip that is left out.

    Raises:
        DataError: a folder, table or setting that cannot be used, more than `max_failures` left out, or a
            part without a clip though its fraction is above 0; the message is one line.
    """
    say = progress or (lambda line: None)
    fractions = checked_fractions(split)
    if fractions[0] == 0 and (tokenizer is None or statistics is None):
        raise DataError(f"split {tuple(split)} leaves no training clips to learn characters and levels from")
    root = Path(cache).expanduser() if cache else default_folder()
    folder = _located(os.fspath(directory), root, say)
    say(f"checking {folder}")
    recordings = read_recordings(folder)
    cleaner = Cleaner(language)
    texts = list(_cleaned(cleaner, [recording.transcript for recording in recordings]))
    content = digest([[recording.id, recording.transcript, recording.content] for recording in recordings])

    def fill(staging: Path) -> None:
        utterances, found, failures = usable(recordings, texts, settings, max_seconds, root, say)
        _check(failures, len(recordings), max_failures, folder)
        build(
            staging,
            utterances,
            found,
            failures,
            fractions,
            lambda training: tokenizer or CharacterTokenizer.learn(training, normalisation),
            lambda learned, rows: _encoded(cleaner, learned, rows),
        )

    made_of = {
        **{"format": FORMAT, "task": "synthesis", "content": content, "texts": digest(texts)},
        "problems": digest([recording.problem for recording in recordings]),
        **{"audio": relevant(settings), "max_seconds": max_seconds, "split": fractions},
    }
    key = digest({**made_of, "learned": normalisation})
    if tokenizer is not None and not made_by(tokenizer, root / key):  # otherwise it was learned here
        key = digest({**made_of, "tokenizer": tokenizer.fingerprint()})
    corpus = load(built_once(root, key, fill, intact), content, floor_of(settings), tokenizer, statistics)
    _check(corpus.failures, len(recordings), max_failures, folder)
    _report(corpus, len(recordings), say)
    for name, fraction in zip(SPLITS, fractions, strict=True):
        if fraction > 0 and not corpus.sizes[name]:
            raise DataError(
                f"{folder}: no clip is left for the {name} split, which is to have {fraction:g} of"
                f" {sum(corpus.sizes.values()):,}"
            )
    return corpus


def _located(directory: str, root: Path, say: Callable[[str], None]) -> Path:
    if directory == digits.NAME:
        return digits.folder_of(root, say)
    if directory.startswith(SAMPLE):
        raise DataError(f"{directory}: no such sample of recordings; there is {digits.NAME}")
    return Path(os.path.expanduser(directory))


def _cleaned(cleaner: Cleaner, rows: list[str]) -> Iterator[str]:
    for block in _blocks(rows):
        yield from (text.decode() for text in cleaner(block).numpy())


def _encoded(cleaner: Cleaner, tokenizer: Tokenizer, rows: list[str]) -> tuple[Sequences, int]:
    """The tokens of transcripts, as a model that answers gets them, and how many characters have none."""
    tokens, lengths, unknown = [np.zeros(0, np.int32)], [np.zeros(1, np.int64)], 0
    for block in _blocks(rows):
        ids = transcripts.encode(cleaner, tokenizer, block)
        ids = tf.ragged.boolean_mask(ids, ids != tokenizer.end_id)  # `Sequences` add it
        tokens.append(ids.flat_values.numpy())
        lengths.append(ids.row_lengths().numpy())
        unknown += int(tf.reduce_sum(transcripts.left_out(cleaner, tokenizer, block)))
    return Sequences(np.concatenate(tokens), np.cumsum(np.concatenate(lengths))), unknown


def _blocks(rows: list[str]) -> Iterator[tf.Tensor]:
    return (tf.constant(rows[start : start + _BLOCK]) for start in range(0, len(rows), _BLOCK))


def _check(failures: Sequence[tuple[str, str]], count: int, most: float, folder: Path) -> None:
    if len(failures) > most * count or len(failures) == count:
        limit = "none is left" if len(failures) == count else f"max_failures allows a share of {most:g}"
        raise DataError(
            f"{folder}: {len(failures):,} of {count:,} clips cannot be used, and {limit}: {_listed(failures)}"
        )


def _listed(failures: Sequence[tuple[str, str]]) -> str:
    shown = "; ".join(f"{id}: {reason}" for id, reason in failures[:_SHOWN])
    return shown + (f"; and {len(failures) - _SHOWN:,} more" if len(failures) > _SHOWN else "")


def _report(corpus: ClipCorpus, count: int, say: Callable[[str], None]) -> None:
    if corpus.failures:
        say(f"{len(corpus.failures):,} of {count:,} clips are left out:")
        for id, reason in corpus.failures:
            say(f"  {id}: {reason}")
    for name in SPLITS:
        if unknown := corpus.unknown(name):
            say(f"{unknown:,} characters of the {name} split are left out: the tokenizer does not know them")


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
    """Endless batches of clips of like lengths, in other company and another order each pass.

    In a pass every clip comes once. The clips are sorted by their lengths, those of like lengths at random,
    and cut into batches, which come in a random order. A batch has at most `batch_size` rows, an even number
    unless it is the last of the sorted ones, and at most `batch_frames` frames, padding included, unless a
    single clip has more.

    Every element is a pure function of (seed, step), so a run that goes on at `start_step` sees what it would
    have seen. What is random in pass p comes from NumPy's `SeedSequence([seed, p])`, whose algorithm NumPy
    guarantees; the masks from TensorFlow's stateless generators.

    Args:
        clips: a part of a `ClipCorpus`.
        reduction: frames that the decoder gives at each step.
        seed: 0 or larger.
        start_step: the step of the first element.
        guide_steps: over so many steps the guided attention fades out, linearly from weight 1; 0: none.
        time_mask: steps of "mel_in" hidden at most, in one block: see `pipelines.speech.audio.masked`.
        frequency_mask: mel channels of "mel_in" hidden at most, in one block.

    Returns:
        Elements ({"tokens", "mel_in"}, {"mel_out", "stop", "alignment"}): see `Clips.rows`.
    """
    plan = _plan(clips, reduction, batch_frames, batch_size)

    def guide(step: int) -> float:
        return max(0.0, 1 - step / guide_steps) if guide_steps else 0.0

    def hide(step, mel_in):
        if not time_mask and not frequency_mask:
            return mel_in
        return _hidden(mel_in, seed, step, time_mask, frequency_mask)

    return _batches(tf.data.Dataset.counter(start_step), clips, reduction, plan.rows_of(seed), guide, hide)


def steps_per_pass(clips: Clips, *, reduction: int, batch_frames: int, batch_size: int) -> int:
    """How many steps of `training_batches` go once over the clips."""
    return _plan(clips, reduction, batch_frames, batch_size).steps


def padding_ratio(
    clips: Clips, *, reduction: int, batch_frames: int, batch_size: int, seed: int = 0
) -> float:
    """The share of the decoder's steps of a training pass that are padding."""
    plan = _plan(clips, reduction, batch_frames, batch_size)
    return plan.padding_ratio(seed, [clips.steps(reduction) - 1])


def validation_batches(
    clips: Clips, *, reduction: int, batch_frames: int, batch_size: int
) -> tf.data.Dataset:
    """One pass over all clips, in the same batches each time, longest first.

    Returns:
        Elements as those of `training_batches`, with "alignment" 0 and nothing hidden.
    """
    steps = clips.steps(reduction)
    order = np.lexsort((clips.token_lengths, steps))[::-1]
    cuts = cut_positions([steps[order] * reduction], batch_frames, batch_size, _ROWS)
    batches = np.split(order, cuts[1:-1])
    return _batches(tf.data.Dataset.range(len(cuts) - 1), clips, reduction, batches.__getitem__)


def _plan(clips: Clips, reduction: int, batch_frames: int, batch_size: int) -> SortedBatches:
    def cutting(_, groups: np.ndarray) -> np.ndarray:
        return cut_positions([(groups + 1) * reduction], batch_frames, batch_size, _ROWS)

    return SortedBatches(np.arange(len(clips)), [clips.token_lengths, clips.steps(reduction) - 1], cutting)


def _batches(
    steps: tf.data.Dataset,
    clips: Clips,
    reduction: int,
    rows_of: Callable[[int], np.ndarray],
    guide: Callable[[int], float] = lambda step: 0.0,
    hide: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = lambda step, mel_in: mel_in,
) -> tf.data.Dataset:
    def gather(step: np.ndarray) -> tuple[np.ndarray, ...]:
        inputs, targets = clips.rows(rows_of(int(step)), reduction, guide(int(step)))
        return *inputs.values(), *targets.values()

    def load_batch(step):
        # numpy_function reads the memory map; it stays in the pipeline and is in nothing that is exported.
        types = [tf.int32] + [tf.float32] * 4
        parts = tf.numpy_function(gather, [step], types, stateful=False)
        shapes = ([None] * 2, [None, None, clips.mels], [None, None, clips.mels], [None] * 2, [None] * 3)
        tokens, mel_in, mel_out, stop, alignment = map(tf.ensure_shape, parts, shapes)
        inputs = {"tokens": tokens, "mel_in": hide(step, mel_in)}
        return inputs, {"mel_out": mel_out, "stop": stop, "alignment": alignment}

    return steps.map(load_batch, num_parallel_calls=tf.data.AUTOTUNE).apply(prefetched)


def _hidden(mel_in: tf.Tensor, seed: int, step: tf.Tensor, time_mask: int, frequency_mask: int) -> tf.Tensor:
    """`mel_in` [n, t, mels] with a block of steps and one of channels at the mean, in each row others."""
    steps = tf.reduce_sum(tf.cast(mel_in[:, :, 0] != PADDING, tf.int32), axis=1)  # [n]
    rows = tf.range(tf.shape(mel_in, out_type=tf.int64)[0])
    seeds = tf.fill(tf.shape(rows), tf.constant(seed, tf.int64))
    keys = tf.stack([seeds, step * _MOST_ROWS + rows], axis=1)  # [n, 2]

    def hide(row):
        mel, key, count = row
        masked = audio.masked(mel[:count], key, time_mask=time_mask, frequency_mask=frequency_mask)
        return tf.concat([masked, mel[count:]], axis=0)  # [t, mels]

    spec = tf.TensorSpec([None, mel_in.shape[-1]], tf.float32)
    return tf.map_fn(hide, (mel_in, keys, steps), fn_output_signature=spec)
