"""Until when somebody waits for an answer. One thread stops what is too late, for all requests."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kerasapp.serving.protocol.errors import StatusError, deadline_exceeded


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
        self._wake = math.inf
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
                self._wake = min((deadline for deadline, _ in self._waiting.values()), default=math.inf)
            for call in calls:
                call()


_watchdog = Watchdog()


class Deadline:
    """Until when somebody waits for the answer to a request: up to a time, and no longer than the client.

    It goes with the request from the socket to the run of the model; safe to use from several threads.

    Args:
        at: a value of `time.monotonic()`.

    Example:
        >>> deadline = Deadline.after(60)
        >>> deadline.is_over()
        False
        >>> deadline.leave()
        >>> deadline.is_over()
        True
    """

    def __init__(self, at: float = math.inf):
        self.at = at
        self._gone = False
        self._lock = threading.Lock()
        self._calls: dict[object, Callable[[], None]] = {}

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """The deadline in so many seconds."""
        return cls(time.monotonic() + seconds)

    def leave(self) -> None:
        """The client has gone: nobody waits any more."""
        with self._lock:
            self._gone = True
            calls = list(self._calls.values())
            self._calls.clear()
        for call in calls:
            call()

    def is_over(self) -> bool:
        """Whether nobody waits any more."""
        return self._gone or time.monotonic() >= self.at

    def check(self) -> None:
        """Raises `error` if nobody waits any more."""
        if self.is_over():
            raise self.error()

    def error(self) -> StatusError:
        """Why nobody waits: CANCELLED if the client left, otherwise DEADLINE_EXCEEDED."""
        return StatusError("CANCELLED", "The client has gone") if self._gone else deadline_exceeded()

    @contextmanager
    def calls(self, call: Callable[[], None]) -> Iterator[None]:
        """Calls `call` from another thread once nobody waits, if the block still runs then.

        Raises:
            StatusError: `error`, if nobody waits to begin with.
        """
        key = object()
        with self._lock:
            self.check()
            self._calls[key] = call
        try:
            with _watchdog.at(self.at, call):
                yield
        finally:
            with self._lock:
                self._calls.pop(key, None)
