"""Folders built once, whole or not at all."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from pipelines.errors import DataError


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/kerasapp`, or `~/.cache/kerasapp`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kerasapp"


def digest(value: object) -> str:
    """A hexadecimal digest of anything that JSON can hold: a name for what depends on it alone."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def built_once(root: Path, key: str, build: Callable[[Path], None], intact: Callable[[Path], bool]) -> Path:
    """The folder `root / key`, made by `build` unless it is there.

    `build` fills a temporary folder beside it, which is renamed when complete: a killed run leaves nothing
    that is used, and its remains go at the next build of the same key. Of several processes, one builds and
    the others wait.

    Args:
        intact: says whether a folder found there can be used (a power cut can lose what was written last).

    Raises:
        DataError: the folder cannot be written.
    """
    done = root / key
    if done.is_dir() and intact(done):
        return done
    with _as_data_error(root):
        root.mkdir(parents=True, exist_ok=True)
        with open(root / f".{key}.lock", "w") as lock:
            fcntl.flock(
                lock, fcntl.LOCK_EX
            )  # the system lets go of it when the process ends, however it ends
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
    return done


@contextlib.contextmanager
def _as_data_error(root: Path):
    try:
        yield
    except OSError as error:
        raise DataError(f"{root}: cannot write the cache folder: {error.strerror or error}") from error
