"""One version of a model: loads and unloads its SavedModel."""

import gc
import time
from pathlib import Path

import yaml

from kerasapp.artefact import EXTRA

_STOPPING = 0.1  # seconds in which a batch that nobody waits for should have stopped


class Version:
    """One version of a model.

    A request holds its version, and with it the loaded SavedModel, until it is answered (`Registry.acquire`).
    """

    def __init__(self, model: str, number: int, path: Path):
        self.model, self.number, self.path = model, number, path
        self.state = "START"  # as in TF Serving: START, LOADING, AVAILABLE, UNLOADING, END
        self.code, self.message = "OK", ""  # why the version could not be loaded
        self.bundle = None  # the SavedModel while it is loaded
        self.settings: object = None  # what an export of kerasapp says of its model
        self.batcher = None  # gathers the requests if batching is on
        self.labels: tuple[str, ...] = ()  # those that mean this version
        self.in_flight = 0  # the number of requests that hold it
        self.seconds = self.warmup_seconds = 0.0  # of loading and of warming up
        self._fingerprint = None

    def is_broken(self, path: Path) -> bool:
        """Whether it could not be loaded, and the files at `path` have not changed since."""
        return self.code != "OK" and self._fingerprint == _fingerprint(path)

    def load(self, threads: int = 1) -> bool:
        """Loads, and warms up in so many threads. An error becomes `code` and `message`."""
        from kerasapp.serving.models.bundle import Bundle, status_code  # here, as it imports TensorFlow

        self.state, start = "LOADING", time.perf_counter()
        self._fingerprint = _fingerprint(self.path)  # before loading: the folder may still be written to
        try:
            bundle = Bundle(self.path)
            self.seconds = time.perf_counter() - start
            bundle.warm_up(self.path, threads)
        except Exception as error:  # a broken SavedModel may raise anything, and other models must serve on
            self.code, self.message = status_code(error), getattr(error, "message", None) or str(error)
            return False
        self.warmup_seconds = time.perf_counter() - start - self.seconds
        self.bundle, self.settings = bundle, _settings(self.path)
        return True

    def unload(self) -> bool:
        """Frees the SavedModel; no request may hold the version.

        Gives False if a batch that nobody waits for still runs. To be called again then.
        """
        if self.batcher is not None and not self.batcher.close(_STOPPING):
            return False
        self.bundle = self.batcher = None
        gc.collect()  # a SavedModel refers to itself
        return True


def _settings(path: Path) -> object:
    """The configuration of an export of kerasapp; None for any other SavedModel."""
    file = path / EXTRA / "config.yaml"
    try:
        return yaml.safe_load(file.read_text("utf-8")) if file.is_file() else None
    except (OSError, ValueError, yaml.YAMLError):
        return None


def _fingerprint(path: Path) -> tuple:
    """A value that changes when a file in the folder changes."""
    found = []
    for file in sorted(path.rglob("*")):
        try:
            stat = file.stat()
        except OSError:  # gone meanwhile
            continue
        found.append((str(file), stat.st_size, stat.st_mtime_ns))
    return tuple(found)
