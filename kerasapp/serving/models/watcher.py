"""Watches the configuration and the models' folders."""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from kerasapp.serving.models.model_config import ModelConfig, find_versions, model_folders
from kerasapp.serving.models.registry import Registry, Report
from kerasapp.serving.protocol.errors import ServingError

_logger = logging.getLogger(__name__)


def folder_reader(folder: Path) -> Callable[[], dict[str, ModelConfig]]:
    """A function that finds the models that are in a folder when it is called; there may be none.

    Whether the folder is one model or holds several is decided here, once.
    """
    folder = folder.resolve()
    one = bool(find_versions(folder))

    def read() -> dict[str, ModelConfig]:
        paths = [folder] if one else model_folders(folder)
        return {path.name: ModelConfig(path.name, path) for path in paths}

    return read


class Watcher:
    """Keeps a registry in line with its configuration and folders, in a thread of its own.

    A configuration that cannot be read is reported once, and the one before stays.

    Args:
        registry: is updated.
        read: gives the configuration; may raise ServingError or OSError.
        seconds: between two looks.
        report: gets a line per change and per problem.
    """

    def __init__(
        self,
        registry: Registry,
        read: Callable[[], Mapping[str, ModelConfig]],
        seconds: float,
        report: Report = lambda line: None,
    ):
        self._registry, self._read, self._seconds, self._report = registry, read, seconds, report
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._reported = ""

    def start(self) -> None:
        """Starts to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; waits for a version that is being loaded, as that cannot be stopped."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Looks once: reads the configuration, if it can be read, and updates the registry."""
        try:
            self._registry.configure(self._read())
        except (ServingError, OSError) as error:
            line = f"the configuration stays as it was: {error}"
            if line != self._reported:
                self._report(line)
            self._reported = line
        else:
            self._reported = ""
        self._registry.update(self._report)

    def _watch(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                self.look()
            except Exception:  # requests are answered, and the next look may succeed
                _logger.exception("looking for new versions failed")
