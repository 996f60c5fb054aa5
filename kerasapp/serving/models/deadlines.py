"""Calls functions at deadlines, with one thread for all deadlines of a server."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watchdog:
    """Calls a function at a deadline, unless the work that it belongs to is done by then.

    Its thread starts with the first deadline and sleeps until the nearest one.

    Example:
        >>> with Watchdog().at(time.monotonic() + 10, lambda: print("too late")):
        ...     pass
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._waiting: dict[object, tuple[float, Callable[[], None]]] = {}
        self._wake = float("inf")
        self._thread = None

    @contextmanager
    def at(self, deadline: float, call: Callable[[], None]) -> Iterator[None]:
        """Calls `call` from another thread if the block still runs at `deadline`, of `time.monotonic()`."""
        key = object()
        with self._changed:
            self._waiting[key] = deadline, call
            if deadline < self._wake:  # most new deadlines are the latest of all, and the thread can sleep on
                self._wake = deadline
                self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._waiting.pop(key, None)

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(min(self._wake - time.monotonic(), threading.TIMEOUT_MAX))
                now = time.monotonic()
                late = [key for key, (deadline, _) in self._waiting.items() if deadline <= now]
                late.sort(key=lambda key: self._waiting[key][0])
                calls = [self._waiting.pop(key)[1] for key in late]
                self._wake = min((deadline for deadline, _ in self._waiting.values()), default=float("inf"))
            for call in calls:
                call()
