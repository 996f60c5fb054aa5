"""Log-mel spectrograms of clips on disk, computed once, in shards that are each complete or absent.

A shard is a folder of the cache, named by the contents of its clips, in their order, and by what the log-mels
depend on. So the shards that a killed run finished are kept, and no spectrogram is computed twice while the
clips and `max_seconds` stay the same. A changed clip has its own shard made again; an added or removed one
has all shards from its own on made again.
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

FORMAT = 4  # of a shard: raise it when the log-mels of the same clips would differ
CLIPS = 128  # clips per shard
_THREADS = min(8, os.cpu_count() or 1)


@dataclass(frozen=True)
class Shard:
    """Log-mels of clips, end to end.

    Attributes:
        folder: of the cache.
        frames: of each clip; 0 if it cannot be used.
        seconds: of sound in each clip, after trimming.
        recorded: seconds of each clip as it was recorded.
        problems: why each clip cannot be used; empty if it can.
    """

    folder: Path
    frames: list[int]
    seconds: list[float]
    recorded: list[float]
    problems: list[str]

    def mels(self) -> np.ndarray:
        """float32 [all frames, mels], memory-mapped, as `pipelines.speech.audio.log_mel` gives them."""
        return np.load(self.folder / "mels.npy", mmap_mode="r")


def feature_settings(settings) -> dict:
    """The audio settings that log-mels depend on: all but those of Griffin-Lim, the way back."""
    items = dataclasses.asdict(settings).items()
    return {name: value for name, value in items if not name.startswith("griffin_lim")}


def shards(
    recordings: Sequence[Recording], settings, max_seconds: float, root: Path, progress: Callable[[str], None]
) -> list[Shard]:
    """The log-mels of clips, in their order, `CLIPS` per shard.

    Args:
        recordings: each with a clip.
        settings: the audio settings, `AudioConfig` or a dataclass with its attributes.
        max_seconds: clips with more sound are not used.
        root: of the cache.
        progress: called with a line about each step.

    Raises:
        DataError: the cache cannot be written.
        UnreadableError: a clip can no longer be read. Its shard is not kept, because the clip may be valid.
    """
    # In a graph the mel filters are made once, not again for each clip.
    compute = tf.function(lambda wave: audio.log_mel(wave, settings), autograph=False)
    compute = compute.get_concrete_function(tf.TensorSpec([None], tf.float32))
    made_of = {"shard": FORMAT, "audio": feature_settings(settings), "max_seconds": max_seconds}
    found = []
    for start in range(0, len(recordings), CLIPS):
        some = recordings[start : start + CLIPS]
        key = digest({**made_of, "clips": [recording.content for recording in some]})

        def fill(folder: Path, some=some, start=start) -> None:
            progress(f"spectrograms of clips {start + 1:,} to {start + len(some):,} of {len(recordings):,}")
            _build(folder, some, compute, settings, max_seconds)

        found.append(load(built_once(root, key, fill, intact)))
    return found


def _build(folder: Path, recordings: Sequence[Recording], compute, settings, max_seconds: float) -> None:
    with ThreadPoolExecutor(_THREADS) as pool:
        paths = [recording.path for recording in recordings]
        results = list(pool.map(lambda path: _mel(path, compute, settings, max_seconds), paths))
    mels, seconds, recorded, problems = zip(*results, strict=True)
    np.save(folder / "mels.npy", np.concatenate(mels))
    description = {
        "frames": [len(mel) for mel in mels],
        "seconds": seconds,
        "recorded": recorded,
        "problems": problems,
        "bytes": (folder / "mels.npy").stat().st_size,
    }
    (folder / "shard.json").write_text(json.dumps(description))


def _mel(path: Path, compute, settings, max_seconds: float) -> tuple[np.ndarray, float, float, str]:
    """(log-mel [frames, mels], seconds, seconds recorded, problem); no frames if there is a problem."""
    none = np.zeros([0, settings.mels], np.float32)
    recorded = 0.0
    try:
        wave = audio.read(path, settings.sample_rate)
        recorded = len(wave) / settings.sample_rate
        wave = audio.prepared(wave, settings)
    except UnreadableError:
        raise
    except DataError as error:
        return none, 0.0, recorded, str(error).removeprefix(f"{path}: ")
    seconds = len(wave) / settings.sample_rate
    if seconds > max_seconds:
        return none, 0.0, recorded, f"{seconds:.1f} s long; expected at most {max_seconds:g} s"
    return compute(tf.constant(wave)).numpy(), seconds, recorded, ""


def intact(folder: Path) -> bool:
    """Whether all that a shard consists of is there."""
    try:
        size = json.loads((folder / "shard.json").read_text())["bytes"]
        return (folder / "mels.npy").stat().st_size == size
    except (OSError, ValueError, KeyError):
        return False


def load(folder: Path) -> Shard:
    """The shard in a folder."""
    description = json.loads((folder / "shard.json").read_text())
    return Shard(folder, *(description[name] for name in ("frames", "seconds", "recorded", "problems")))
