"""Watches the configuration and the models' folders."""

import logging
import threading
from collections.abc import Callable, Mapping

from kerasapp.serving.models.model_config import ModelConfig
from kerasapp.serving.models.registry import Registry, Report
from kerasapp.serving.protocol.errors import ServingError

_logger = logging.getLogger(__name__)


class Watcher:
    """Keeps a registry in line with its configuration and folders, in a thread of its own.

    A configuration that cannot be read is reported once, and the one before stays.

    Args:
        read: gives the configuration; may raise ServingError or OSError.
        seconds: between two polls.
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
        """Starts to poll."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; waits for a version that is being loaded, as that cannot be stopped."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def poll(self) -> None:
        """Polls once: reads the configuration, if it can be read, and updates the registry."""
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
                self.poll()
            except Exception:  # requests are answered, and the next poll may succeed
                _logger.exception("looking for new versions failed")
