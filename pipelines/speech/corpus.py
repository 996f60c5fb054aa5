"""Recordings with transcripts as characters and log-mels on disk: written once, and then mapped."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pipelines.cache import has_sizes, sizes_of
from pipelines.speech import features
from pipelines.speech.clips import Clips
from pipelines.speech.features import Shard
from pipelines.speech.paragraphs import LONGEST
from pipelines.speech.recordings import Recording, same_sounds
from pipelines.splits import SPLITS, PairDigests, assign_splits
from pipelines.text.sequences import Sequences
from pipelines.text.shifted import shifted
from pipelines.text.tokenizers import Tokenizer

FASTEST = 40  # characters per second of sound: nobody speaks as fast
_LEAST_DEVIATION = 0.01  # of a mel channel, in nats: a channel that hardly changes is not blown up


@dataclass(frozen=True)
class ClipCorpus:
    """Recordings with transcripts as characters and log-mels.

    Attributes:
        folder: the folder of the cache with the tokens; it names the shards with the log-mels.
        tokenizer: of the cleaned transcripts.
        content: a digest of the transcripts and of the clips' files.
        sizes: the number of clips of "train", "valid" and "test".
        seconds: of sound in each split, after trimming.
        recorded: seconds of each split as it was recorded.
        failures: (id, reason) of the clips that cannot be used.
        statistics: "mean" and "deviation" of each mel channel, in nats, float32 [mels]: over the frames of
            the training split, unless others were given.
        floor: the least value of a log-mel, in nats.
        transcripts: those of all clips in the table, as they were written.
        shifted: whether the transcripts seem to be those of the clips before or after.
    """

    folder: Path
    tokenizer: Tokenizer
    content: str
    sizes: dict[str, int]
    seconds: dict[str, float]
    recorded: dict[str, float]
    failures: list[tuple[str, str]]
    statistics: dict[str, np.ndarray]
    floor: float
    transcripts: Sequence[str]
    shifted: bool

    def split(self, name: str) -> Clips:
        """The clips of "train", "valid" or "test", memory-mapped."""
        tokens, offsets, locations = (
            np.load(self.folder / f"{name}.{kind}.npy") for kind in ("tokens", "offsets", "places")
        )
        return Clips(Sequences(tokens, offsets), self._mels, locations, self.statistics, self.floor)

    def ids(self, name: str) -> list[str]:
        """The ids of a split's clips, in its order."""
        return self._description["ids"][name]

    def texts(self, name: str) -> list[str]:
        """The cleaned transcripts of a split's clips, in its order."""
        return self._description["texts"][name]

    @cached_property
    def _description(self) -> dict:
        return _read_description(self.folder)

    @cached_property
    def _mels(self) -> list[np.ndarray]:
        return [features.load(folder).mels() for folder in _shard_folders(self.folder)]


@dataclass(frozen=True)
class Utterance:
    """A clip that can be used.

    Attributes:
        id, transcript, text: its name, its transcript, and the cleaned transcript.
        shard, start, frames: the location of its log-mel: number of the shard, first frame there, and length.
        seconds, recorded: of sound, after trimming and before.
    """

    id: str
    transcript: str
    text: str
    shard: int
    start: int
    frames: int
    seconds: float
    recorded: float


def usable_utterances(
    recordings: Sequence[Recording],
    texts: Sequence[str],
    settings,
    max_seconds: float,
    root: Path,
    progress: Callable[[str], None],
) -> tuple[list[Utterance], list[Shard], list[tuple[str, str]]]:
    """The utterances in the order of the recordings, the shards with their log-mels, and (id, reason) of the
    clips that cannot be used.

    Args: see `pipelines.speech.features.shards`.
        texts: the cleaned transcripts.
    """
    problems = [
        recording.problem or _problem(len(text), "its transcript has nothing to read")
        for recording, text in zip(recordings, texts, strict=True)
    ]
    readable = [index for index, problem in enumerate(problems) if not problem]
    shards = features.shards([recordings[index] for index in readable], settings, max_seconds, root, progress)
    utterances, indices, same = [], iter(readable), same_sounds(recordings)
    for number, shard in enumerate(shards):
        start = 0
        rows = zip(shard.frames, shard.seconds, shard.recorded, shard.problems, strict=True)
        for frames, seconds, recorded, problem in rows:
            index = next(indices)
            id, transcript, text = recordings[index].id, recordings[index].transcript, texts[index]
            problems[index] = problem or same.get(id, "") or _too_fast(len(text), seconds)
            if not problems[index]:
                utterances.append(Utterance(id, transcript, text, number, start, frames, seconds, recorded))
            start += frames
    failures = [(recording.id, p) for recording, p in zip(recordings, problems, strict=True) if p]
    return utterances, shards, failures


def build(
    folder: Path,
    utterances: Sequence[Utterance],
    shards: Sequence[Shard],
    failures: Sequence[tuple[str, str]],
    fractions: Sequence[float],
    learn: Callable[[list[str]], Tokenizer],
    encode: Callable[[Tokenizer, list[str]], Sequences],
) -> None:
    """Fills a folder: tokens, offsets and locations of each split; the tokenizer; clips.json; and, if there
    are training clips, the statistics.

    Utterances with the same text are in one split (see `pipelines.splits.assign_splits`). Those of whose
    characters the tokenizer knows none are in no split and join the failures.

    Args:
        fractions: of "train", "valid" and "test".
        learn: makes the tokenizer from the texts of the training split.
        encode: transcripts -> tokens.
    """
    digests = PairDigests()
    for _ in digests.through((utterance.id, utterance.text) for utterance in utterances):
        pass
    numbers = assign_splits(digests, fractions)
    splits = {
        name: [utterance for utterance, number in zip(utterances, numbers, strict=True) if number == index]
        for index, name in enumerate(SPLITS)
    }
    tokenizer = learn([utterance.text for utterance in splits["train"]])
    tokenizer.save(folder / "tokenizer.json")
    failures = list(failures)
    for name in SPLITS:
        splits[name], tokens, unread = _encoded(splits[name], tokenizer, encode)
        failures += unread
        locations = [(utterance.shard, utterance.start, utterance.frames) for utterance in splits[name]]
        np.save(folder / f"{name}.tokens.npy", tokens.tokens)
        np.save(folder / f"{name}.offsets.npy", tokens.offsets)
        np.save(folder / f"{name}.places.npy", np.array(locations, np.int64).reshape(-1, 3))  # [clips, 3]
    if splits["train"]:
        mels = [shard.mels() for shard in shards]
        trained = (mels[u.shard][u.start : u.start + u.frames] for u in splits["train"])
        np.save(folder / "statistics.npy", _channel_statistics(trained))
    description = {
        "shards": [shard.folder.name for shard in shards],
        "ids": {name: [utterance.id for utterance in split] for name, split in splits.items()},
        "texts": {name: [utterance.text for utterance in split] for name, split in splits.items()},
        "seconds": {name: sum(utterance.seconds for utterance in split) for name, split in splits.items()},
        "recorded": {name: sum(utterance.recorded for utterance in split) for name, split in splits.items()},
        "failures": failures,
        "shifted": shifted([len(u.text) for u in utterances], [u.seconds for u in utterances]),
        "bytes": sizes_of(folder),
    }
    (folder / "clips.json").write_text(json.dumps(description, indent=1))


def _encoded(
    split: Sequence[Utterance], tokenizer: Tokenizer, encode: Callable[..., Sequences]
) -> tuple[list[Utterance], Sequences, list[tuple[str, str]]]:
    """(the utterances that have tokens, and not too many; their tokens; (id, reason) of the others)."""
    tokens = encode(tokenizer, [utterance.transcript for utterance in split])
    problems = [_problem(count, "none of its characters is known") for count in tokens.lengths.tolist()]
    unread = [(u.id, problem) for u, problem in zip(split, problems, strict=True) if problem]
    if not unread:
        return list(split), tokens, []
    kept = [utterance for utterance, problem in zip(split, problems, strict=True) if not problem]
    return kept, encode(tokenizer, [utterance.transcript for utterance in kept]), unread


def _problem(characters: int, none: str) -> str:
    """Why a transcript of so many characters cannot be read aloud, `none` if it has none; or empty."""
    if characters > LONGEST:
        return f"{characters:,} characters; expected at most {LONGEST}"
    return "" if characters else none


def _too_fast(characters: int, seconds: float) -> str:
    """Why a clip of so many seconds cannot be that of its transcript; or empty."""
    if characters <= FASTEST * seconds:
        return ""
    return f"{seconds:.2f} s of sound for {characters} characters; expected at most {FASTEST} per second"


def _channel_statistics(mels: Iterable[np.ndarray]) -> np.ndarray:
    """Mean and deviation of each channel over the frames of all `mels` [frames, mels]: float32 [2, mels]."""
    count, total, squares = 0, 0.0, 0.0
    for mel in mels:
        mel = mel.astype(np.float64)
        count, total, squares = count + len(mel), total + mel.sum(0), squares + (mel**2).sum(0)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, _LEAST_DEVIATION**2))
    return np.stack([mean, deviation]).astype(np.float32)


def _read_description(folder: Path) -> dict:
    return json.loads((folder / "clips.json").read_text())


def _shard_folders(folder: Path) -> list[Path]:
    """The folders with the log-mels of a corpus, beside its own."""
    return [folder.parent / name for name in _read_description(folder)["shards"]]


def intact(folder: Path) -> bool:
    """Whether all that a corpus consists of is there, its shards included."""
    try:
        return has_sizes(folder, "clips.json") and all(map(features.intact, _shard_folders(folder)))
    except KeyError:
        return False


def made_with(tokenizer: Tokenizer, folder: Path) -> bool:
    """Whether a folder is intact and its tokens are those of `tokenizer`."""
    return intact(folder) and tokenizer.equals_saved(folder / "tokenizer.json")


def load(
    folder: Path,
    content: str,
    floor: float,
    transcripts: Sequence[str],
    tokenizer: Tokenizer | None = None,
    statistics: Mapping[str, Sequence[float]] | None = None,
) -> ClipCorpus:
    """The corpus that `build` wrote.

    Args:
        transcripts: of all clips, as they were written.
        tokenizer: the saved one, if it is at hand, to save reading it again.
        statistics: take the place of those in the folder, which has none if it has no training clips.
    """
    description = _read_description(folder)
    if statistics is not None:
        mean, deviation = (np.asarray(statistics[name], np.float32) for name in ("mean", "deviation"))
    elif description["ids"]["train"]:
        mean, deviation = np.load(folder / "statistics.npy")
    else:
        mean = deviation = np.zeros(0, np.float32)
    return ClipCorpus(
        folder=folder,
        tokenizer=tokenizer or Tokenizer.load(folder / "tokenizer.json"),
        content=content,
        sizes={name: len(description["ids"][name]) for name in SPLITS},
        seconds=description["seconds"],
        recorded=description["recorded"],
        failures=[tuple(failure) for failure in description["failures"]],
        statistics={"mean": mean, "deviation": deviation},
        floor=floor,
        transcripts=transcripts,
        shifted=description["shifted"],
    )
