"""How many requests a server takes at once, and how many of them run; more are refused at once."""

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import ExitStack, contextmanager, suppress

from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.protocol.errors import QueueFullError, StatusError


class Admission:
    """Counts the requests in flight; safe to use from several threads.

    Args:
        most: requests in flight; more are refused.
    """

    def __init__(self, most: int):
        self._most, self._lock = most, threading.Lock()
        self.in_flight = 0

    @contextmanager
    def enter(self) -> Iterator[ExitStack]:
        """Takes a request until the end of the block, or later if what is given is moved: `pop_all`.

        Raises:
            QueueFullError: at once, if it does not fit.
        """
        with self._lock:
            if self.in_flight >= self._most:
                raise QueueFullError(f"The server has {self.in_flight} requests in flight and takes no more")
            self.in_flight += 1
        with ExitStack() as stack:
            stack.callback(self._leave)
            yield stack

    def _leave(self) -> None:
        with self._lock:
            self.in_flight -= 1


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
