"""One version of a model: from its folder to a loaded SavedModel, and back."""

import gc
import time
from pathlib import Path


class Version:
    """One version of a model: START, LOADING, AVAILABLE, UNLOADING, END; `code` and `message` say why.

    Whoever answers a request holds the version (`Registry.acquire`), and with it the loaded SavedModel, until
    the answer is there.

    `bundle` is the SavedModel while it is loaded, `batcher` what gathers its requests, where batching is on,
    `labels` are those that mean this version, `in_flight` is how many requests hold it, `seconds` and
    `warmup_seconds` are what loading took.
    """

    def __init__(self, model: str, number: int, path: Path):
        self.model, self.number, self.path = model, number, path
        self.state, self.code, self.message = "START", "OK", ""
        self.bundle = None
        self.batcher = None
        self.labels: tuple[str, ...] = ()
        self.in_flight = 0
        self.seconds = self.warmup_seconds = 0.0
        self._fingerprint = None

    def is_broken(self, path: Path) -> bool:
        """Whether it could not be loaded, and what is at `path` has not changed since."""
        return self.code != "OK" and self._fingerprint == _fingerprint(path)

    def load(self, threads: int = 1) -> bool:
        """Loads, and warms up in so many threads; what goes wrong becomes `code` and `message`."""
        from kerasapp.serving.models.bundle import Bundle, status_code  # here, as it imports TensorFlow

        self.state, start = "LOADING", time.perf_counter()
        self._fingerprint = _fingerprint(self.path)  # first: a folder still being written changes
        try:
            bundle = Bundle(self.path)
            self.seconds = time.perf_counter() - start
            bundle.warm_up(self.path, threads)
        except Exception as error:  # a broken SavedModel may raise anything, and the others are to serve on
            self.code, self.message = status_code(error), getattr(error, "message", None) or str(error)
            return False
        self.warmup_seconds = time.perf_counter() - start - self.seconds
        self.bundle = bundle
        return True

    def unload(self) -> None:
        """Frees the SavedModel; nobody may hold the version."""
        if self.batcher is not None:
            self.batcher.close()
        self.bundle = self.batcher = None
        gc.collect()  # a SavedModel refers to itself


def _fingerprint(path: Path) -> tuple:
    """What changes when a file in the folder does."""
    found = []
    for file in sorted(path.rglob("*")):
        try:
            stat = file.stat()
        except OSError:  # gone meanwhile
            continue
        found.append((str(file), stat.st_size, stat.st_mtime_ns))
    return tuple(found)
