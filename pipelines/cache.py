"""Folders that are built once, whole or not at all."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from pipelines.errors import DataError

ELSEWHERE = "name a folder: --data.cache DIR, or the environment's XDG_CACHE_HOME"


def cache_root(folder: str | os.PathLike | None = None) -> Path:
    """The folder of the cache: the given one, `$XDG_CACHE_HOME/kerasapp`, or `~/.cache/kerasapp`.

    Raises:
        DataError: there is no home folder.
    """
    if folder:
        return Path(os.path.expanduser(folder))  # leaves an unknown ~user as it is
    if elsewhere := os.environ.get("XDG_CACHE_HOME"):
        return Path(elsewhere) / "kerasapp"
    try:
        return Path.home() / ".cache" / "kerasapp"
    except RuntimeError:  # no HOME, and a user whom the system does not know
        raise DataError(f"there is no home folder to keep tokens in; {ELSEWHERE}") from None


def digest(value: object) -> str:
    """A hexadecimal digest of anything that JSON can hold: a name for what depends on it alone."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def built_once(root: Path, key: str, build: Callable[[Path], None], intact: Callable[[Path], bool]) -> Path:
    """The folder `root / key`, made by `build` unless it is there.

    `build` fills a temporary folder beside it, which is renamed when it is complete. What a killed process
    leaves is never used, and the next build of the same key removes it. Of several processes, one builds and
    the others wait.

    Args:
        intact: tells whether a folder found there can be used (a power cut can lose the last writes).

    Raises:
        DataError: the folder cannot be written.
    """
    done = root / key
    if done.is_dir() and intact(done):
        return done
    try:
        root.mkdir(parents=True, exist_ok=True)
        with open(root / f".{key}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # released by the system, however the process ends
            if done.is_dir() and intact(done):
                return done
            for left in [done, *root.glob(f".{key}-*")]:
                shutil.rmtree(left, ignore_errors=True)
            staging = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=root))
            try:
                build(staging)
                staging.rename(done)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{root}: cannot write the cache folder: {reason}; {ELSEWHERE}") from error
    return done


def sizes_of(folder: Path) -> dict[str, int]:
    """The bytes of each file of a folder, for `has_sizes`."""
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def has_sizes(folder: Path, description: str) -> bool:
    """Whether the files of a folder have the sizes that its JSON file `description` holds under "bytes"."""
    try:
        sizes = json.loads((folder / description).read_text())["bytes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return False
