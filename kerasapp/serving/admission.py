"""How many requests a server takes at once, and how many of them run; more are refused at once."""

import gc
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import contextmanager, suppress

from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.protocol.errors import QueueFullError, StatusError

_LARGE = 2**20  # bytes of JSON, up to a tenth of a second


class Admission:
    """Counts the requests in flight, or what they take; safe to use from several threads.

    Args:
        most: in flight; more are refused.
        what: is counted.
    """

    def __init__(self, most: int, what: str = "requests"):
        self._most, self._what, self._lock = most, what, threading.Lock()
        self.in_flight = 0

    @contextmanager
    def enter(self, count: int = 1) -> Iterator[None]:
        """Takes so many until the end of the block.

        Raises:
            QueueFullError: at once, if they do not fit.
        """
        with self._lock:
            self.check(count)
            self.in_flight += count
        try:
            yield
        finally:
            with self._lock:
                self.in_flight -= count

    def check(self, count: int = 1) -> None:
        """Raises QueueFullError if so many do not fit now."""
        if self.in_flight + count > self._most:
            raise QueueFullError(f"The server has {self.in_flight} {self._what} in flight and takes no more")


class Turns:
    """Lets a number of requests run at once. The others wait, first come, first served.

    Args:
        most: requests that run at once.
    """

    def __init__(self, most: int):
        self._free, self._lock = most, threading.Lock()
        self.waiting: deque[Future] = deque()

    @contextmanager
    def take(self, deadline: Deadline) -> Iterator[None]:
        """Waits for a turn, which ends with the block; the deadline's StatusError if it is over before."""
        with self._lock:
            turn = None if self._free else Future()
            if turn is None:
                self._free -= 1
            else:
                self.waiting.append(turn)
        if turn is not None:
            self._wait(turn, deadline)
        try:
            yield
        finally:
            self._pass_on()

    def _wait(self, turn: Future, deadline: Deadline) -> None:
        with suppress(StatusError, CancelledError), deadline.calls(turn.cancel):
            turn.result()
            return
        if not turn.cancel():  # it came meanwhile
            self._pass_on()
        with self._lock, suppress(ValueError):
            self.waiting.remove(turn)
        raise deadline.error()

    def _pass_on(self) -> None:
        with self._lock:
            while self.waiting:
                with suppress(InvalidStateError):
                    self.waiting.popleft().set_result(None)
                    return
            self._free += 1


class LargeBodies:
    """Lets one large body be read at a time: its values take many times the memory of its text.

    Python's search for reference cycles stops meanwhile; among millions of new lists that are all in use it
    would take five times as long as the reading itself.
    """

    def __init__(self):
        self._turns = Turns(1)

    @contextmanager
    def read(self, body: bytes, deadline: Deadline) -> Iterator[None]:
        """Waits for the turn of a body, which ends with the block; StatusError where the deadline is over."""
        if len(body) <= _LARGE:
            yield
            return
        with self._turns.take(deadline):
            gc.disable()
            try:
                yield
            finally:
                gc.enable()
