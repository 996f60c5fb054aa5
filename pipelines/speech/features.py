"""Log-mel spectrograms of clips on disk, computed once, in shards that are each whole or not there.

A shard is a folder of the cache that is named by the content of its clips, in their order, and by what the
features depend on. So what a killed run has finished is kept, and no spectrogram is made twice while the
clips and `max_seconds` stay the same. A clip that changes has those of its shard made again; one that comes
or goes, those of all shards from its own on.
"""

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.cache import built_once, digest
from pipelines.errors import DataError, UnreadableError
from pipelines.speech import audio
from pipelines.speech.recordings import Recording

FORMAT = 1  # of a shard: raise it when the features of the same clips would differ
CLIPS = 128  # of a shard
_THREADS = min(8, os.cpu_count() or 1)


@dataclass(frozen=True)
class Shard:
    """Log-mels of clips, end to end.

    Attributes:
        folder: of the cache.
        frames: of each clip; 0 where it cannot be used.
        seconds: of sound, after trimming.
        problems: why each clip cannot be used; empty where it can.
    """

    folder: Path
    frames: list[int]
    seconds: list[float]
    problems: list[str]

    def mels(self) -> np.ndarray:
        """float32 [all frames, mels], memory-mapped, as `pipelines.speech.audio.log_mel` gives them."""
        return np.load(self.folder / "mels.npy", mmap_mode="r")


def relevant(settings) -> dict:
    """What of the audio settings the features depend on: all but the way back, Griffin-Lim."""
    items = dataclasses.asdict(settings).items()
    return {name: value for name, value in items if not name.startswith("griffin_lim")}


def shards(
    recordings: Sequence[Recording], settings, max_seconds: float, root: Path, say: Callable[[str], None]
) -> list[Shard]:
    """The features of clips, in their order, `CLIPS` to a shard.

    Args:
        recordings: with a clip each.
        settings: the audio settings, `AudioConfig` or what has its attributes.
        max_seconds: clips with more sound are not used.
        root: of the cache.
        say: called with a line about what is being done.

    Raises:
        DataError: the cache cannot be written.
        UnreadableError: a clip can no longer be read. Its shard is not kept, for the clip may be in order.
    """
    # As a graph, the mel filters are made once and not again for each clip.
    compute = tf.function(lambda wave: audio.log_mel(wave, settings), autograph=False)
    compute = compute.get_concrete_function(tf.TensorSpec([None], tf.float32))
    found = []
    for start in range(0, len(recordings), CLIPS):
        part = recordings[start : start + CLIPS]
        key = digest(
            {
                "shard": FORMAT,
                "audio": relevant(settings),
                "max_seconds": max_seconds,
                "clips": [recording.content for recording in part],
            }
        )

        def fill(folder: Path, part=part, start=start) -> None:
            say(f"spectrograms of clips {start + 1:,} to {start + len(part):,} of {len(recordings):,}")
            _build(folder, part, compute, settings, max_seconds)

        found.append(load(built_once(root, key, fill, intact)))
    return found


def _build(folder: Path, recordings: Sequence[Recording], compute, settings, max_seconds: float) -> None:
    with ThreadPoolExecutor(_THREADS) as pool:
        paths = [recording.path for recording in recordings]
        results = list(pool.map(lambda path: _mel(path, compute, settings, max_seconds), paths))
    mels, seconds, problems = zip(*results, strict=True)
    np.save(folder / "mels.npy", np.concatenate(mels))
    description = {
        "frames": [len(mel) for mel in mels],
        "seconds": seconds,
        "problems": problems,
        "bytes": (folder / "mels.npy").stat().st_size,
    }
    (folder / "shard.json").write_text(json.dumps(description))


def _mel(path: Path, compute, settings, max_seconds: float) -> tuple[np.ndarray, float, str]:
    """(log-mel [frames, mels], seconds, problem); no frames where there is a problem."""
    none = np.zeros([0, settings.mels], np.float32)
    try:
        wave = audio.prepared(audio.read(path, settings.sample_rate), settings)
    except UnreadableError:
        raise
    except DataError as error:
        return none, 0.0, str(error).removeprefix(f"{path}: ")
    seconds = len(wave) / settings.sample_rate
    if seconds > max_seconds:
        return none, 0.0, f"{seconds:.1f} s long; expected at most {max_seconds:g} s"
    return compute(tf.constant(wave)).numpy(), seconds, ""


def intact(folder: Path) -> bool:
    """Whether all that a shard consists of is there."""
    try:
        size = json.loads((folder / "shard.json").read_text())["bytes"]
        return (folder / "mels.npy").stat().st_size == size
    except (OSError, ValueError, KeyError):
        return False


def load(folder: Path) -> Shard:
    """A shard that is there."""
    description = json.loads((folder / "shard.json").read_text())
    return Shard(folder, *(description[name] for name in ("frames", "seconds", "problems")))
