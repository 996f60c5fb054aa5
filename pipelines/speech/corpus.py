"""Recordings with transcripts as characters and log-mels on disk: written once, and mapped afterwards."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pipelines.parallel.corpus import Sequences
from pipelines.parallel.pairs import Digesting, assign
from pipelines.speech import features
from pipelines.speech.clips import Clips
from pipelines.speech.features import Shard
from pipelines.speech.paragraphs import LONGEST
from pipelines.speech.recordings import Recording
from pipelines.splits import SPLITS
from pipelines.text.tokenizers import Tokenizer

_SMALLEST = 0.01  # deviation of a mel channel, in nats: one that never changes is not blown up


@dataclass(frozen=True)
class ClipCorpus:
    """Recordings with transcripts as characters and log-mels.

    Attributes:
        folder: of the cache, where the tokens are, and where it says which shards have the log-mels.
        tokenizer: of the cleaned transcripts.
        content: a digest of the transcripts and of the clips' files.
        sizes: how many clips "train", "valid" and "test" have.
        seconds: of sound that each of them has, after trimming.
        failures: (id, reason) of the clips that cannot be used.
        statistics: "mean" and "deviation" of each mel channel, over the frames of the training part unless
            others were given, in nats, float32 [mels].
        floor: the smallest value of a log-mel, in nats.
    """

    folder: Path
    tokenizer: Tokenizer
    content: str
    sizes: dict[str, int]
    seconds: dict[str, float]
    failures: list[tuple[str, str]]
    statistics: dict[str, np.ndarray]
    floor: float

    def part(self, name: str) -> Clips:
        """The clips of "train", "valid" or "test", memory-mapped."""
        tokens, offsets, places = (
            np.load(self.folder / f"{name}.{kind}.npy") for kind in ("tokens", "offsets", "places")
        )
        return Clips(Sequences(tokens, offsets), self._mels, places, self.statistics, self.floor)

    def ids(self, name: str) -> list[str]:
        """The ids of a part's clips, in its order."""
        return self._description["ids"][name]

    def texts(self, name: str) -> list[str]:
        """The cleaned transcripts of a part's clips, in its order."""
        return self._description["texts"][name]

    def unknown(self, name: str) -> int:
        """How many characters of a part's texts have no token, and were left out."""
        return self._description["unknown"][name]

    @cached_property
    def _description(self) -> dict:
        return description(self.folder)

    @cached_property
    def _mels(self) -> list[np.ndarray]:
        return [features.load(folder).mels() for folder in shard_folders(self.folder)]


@dataclass(frozen=True)
class Utterance:
    """A clip that can be used.

    Attributes:
        id, transcript, text: its name, what is written, and the same cleaned.
        shard, start, frames: where its log-mel is: the number of its shard, and the frames there.
        seconds: of sound.
    """

    id: str
    transcript: str
    text: str
    shard: int
    start: int
    frames: int
    seconds: float


def usable(
    recordings: Sequence[Recording],
    texts: Sequence[str],
    settings,
    max_seconds: float,
    root: Path,
    say: Callable[[str], None],
) -> tuple[list[Utterance], list[Shard], list[tuple[str, str]]]:
    """What can be used, the shards with its log-mels, and (id, reason) of the others, in the order given.

    Args: see `pipelines.speech.features.shards`.
        texts: the cleaned transcripts.
    """
    problems = [
        recording.problem or _problem(len(text), "nothing of its transcript is left to be read")
        for recording, text in zip(recordings, texts, strict=True)
    ]
    readable = [index for index, problem in enumerate(problems) if not problem]
    found = features.shards([recordings[index] for index in readable], settings, max_seconds, root, say)
    utterances, indices = [], iter(readable)
    for number, shard in enumerate(found):
        start = 0
        for frames, seconds, problem in zip(shard.frames, shard.seconds, shard.problems, strict=True):
            index = next(indices)
            problems[index] = problem
            if not problem:
                recording = recordings[index]
                utterances.append(
                    Utterance(
                        recording.id, recording.transcript, texts[index], number, start, frames, seconds
                    )
                )
            start += frames
    failures = [(recording.id, p) for recording, p in zip(recordings, problems, strict=True) if p]
    return utterances, found, failures


def build(
    folder: Path,
    utterances: Sequence[Utterance],
    shards: Sequence[Shard],
    failures: Sequence[tuple[str, str]],
    fractions: Sequence[float],
    learn: Callable[[list[str]], Tokenizer],
    encode: Callable[[Tokenizer, list[str]], tuple[Sequences, int]],
) -> None:
    """Fills a folder: for each part tokens, offsets and places; the tokenizer; clips.json; and the statistics
    where there are training clips.

    Utterances of one text are in one part (see `parallel.pairs.assign`). Those that the tokenizer leaves
    nothing of are in none, and join the failures.

    Args:
        fractions: of "train", "valid" and "test".
        learn: makes the tokenizer from the texts of the training part.
        encode: transcripts to tokens, and to how many of their characters the tokenizer does not know.
    """
    digesting = Digesting()
    for _ in digesting.through((utterance.id, utterance.text) for utterance in utterances):
        pass
    numbers = assign(digesting.digests(), fractions)
    parts = {
        name: [utterance for utterance, number in zip(utterances, numbers, strict=True) if number == index]
        for index, name in enumerate(SPLITS)
    }
    tokenizer = learn([utterance.text for utterance in parts["train"]])
    tokenizer.save(folder / "tokenizer.json")
    unknown, failures = {}, list(failures)
    for name in SPLITS:
        parts[name], tokens, unknown[name], unread = _read(parts[name], tokenizer, encode)
        failures += unread
        places = [(utterance.shard, utterance.start, utterance.frames) for utterance in parts[name]]
        np.save(folder / f"{name}.tokens.npy", tokens.tokens)
        np.save(folder / f"{name}.offsets.npy", tokens.offsets)
        np.save(folder / f"{name}.places.npy", np.array(places, np.int64).reshape(-1, 3))  # [clips, 3]
    if parts["train"]:
        mels = [shard.mels() for shard in shards]
        trained = (mels[u.shard][u.start : u.start + u.frames] for u in parts["train"])
        np.save(folder / "statistics.npy", channel_statistics(trained))
    found = {
        "shards": [shard.folder.name for shard in shards],
        "ids": {name: [utterance.id for utterance in part] for name, part in parts.items()},
        "texts": {name: [utterance.text for utterance in part] for name, part in parts.items()},
        "seconds": {name: sum(utterance.seconds for utterance in part) for name, part in parts.items()},
        "failures": failures,
        "unknown": unknown,
        "bytes": {path.name: path.stat().st_size for path in folder.iterdir()},
    }
    (folder / "clips.json").write_text(json.dumps(found, indent=1))


def _read(
    part: Sequence[Utterance], tokenizer: Tokenizer, encode: Callable[..., tuple[Sequences, int]]
) -> tuple[list[Utterance], Sequences, int, list[tuple[str, str]]]:
    """(what of a part has tokens, and not too many; the tokens; how many of its characters have none; (id,
    reason) of the others)."""
    tokens, unknown = encode(tokenizer, [utterance.transcript for utterance in part])
    problems = [_problem(count, "none of its characters is known") for count in tokens.lengths.tolist()]
    unread = [(u.id, problem) for u, problem in zip(part, problems, strict=True) if problem]
    if not unread:
        return list(part), tokens, unknown, []
    kept = [utterance for utterance, problem in zip(part, problems, strict=True) if not problem]
    return kept, *encode(tokenizer, [utterance.transcript for utterance in kept]), unread


def _problem(characters: int, none: str) -> str:
    """Why a transcript of so many characters cannot be read aloud, `none` where it has none; or empty."""
    if characters > LONGEST:
        return f"{characters:,} characters; expected at most {LONGEST}"
    return "" if characters else none


def floor_of(settings) -> float:
    """The floor of the audio settings, in nats."""
    return settings.floor_db / 20 * math.log(10)


def channel_statistics(mels: Iterable[np.ndarray]) -> np.ndarray:
    """Mean and deviation of each channel over the frames of all `mels` [frames, mels]: float32 [2, mels]."""
    count, total, squares = 0, 0.0, 0.0
    for mel in mels:
        mel = mel.astype(np.float64)
        count, total, squares = count + len(mel), total + mel.sum(0), squares + (mel**2).sum(0)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, _SMALLEST**2))
    return np.stack([mean, deviation]).astype(np.float32)


def description(folder: Path) -> dict:
    """What `build` has written in clips.json."""
    return json.loads((folder / "clips.json").read_text())


def shard_folders(folder: Path) -> list[Path]:
    """Where the log-mels of a corpus are: beside its folder."""
    return [folder.parent / name for name in description(folder)["shards"]]


def intact(folder: Path) -> bool:
    """Whether all that a corpus consists of is there, its shards among it."""
    try:
        sizes = description(folder)["bytes"]
        complete = all((folder / name).stat().st_size == size for name, size in sizes.items())
        return complete and all(map(features.intact, shard_folders(folder)))
    except (OSError, ValueError, KeyError):
        return False


def made_by(tokenizer: Tokenizer, folder: Path) -> bool:
    """Whether the tokens in a folder, if there are any, are what the tokenizer would make."""
    return (
        intact(folder) and Tokenizer.load(folder / "tokenizer.json").fingerprint() == tokenizer.fingerprint()
    )


def load(
    folder: Path,
    content: str,
    floor: float,
    tokenizer: Tokenizer | None = None,
    statistics: Mapping[str, Sequence[float]] | None = None,
) -> ClipCorpus:
    """What is in a folder; `tokenizer` spares reading the same one again, and `statistics` take the place of
    those that are there: none where no clip is for training."""
    found = description(folder)
    if statistics is not None:
        mean, deviation = (np.asarray(statistics[name], np.float32) for name in ("mean", "deviation"))
    elif found["ids"]["train"]:
        mean, deviation = np.load(folder / "statistics.npy")
    else:
        mean = deviation = np.zeros(0, np.float32)
    return ClipCorpus(
        folder=folder,
        tokenizer=tokenizer or Tokenizer.load(folder / "tokenizer.json"),
        content=content,
        sizes={name: len(found["ids"][name]) for name in SPLITS},
        seconds=found["seconds"],
        failures=[tuple(failure) for failure in found["failures"]],
        statistics={"mean": mean, "deviation": deviation},
        floor=floor,
    )
