"""The queue of dynamic batching: which requests share a batch, and how long they wait.

The rules are those of TF Serving's queue, tensorflow/core/kernels/batching_util/shared_batch_scheduler.h. One
more rule keeps batches large if several run at once (see `BatchQueue`).
"""

import threading
import time
from collections import deque
from collections.abc import Hashable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from kerasapp.serving.batching.parameters import BatchingParameters
from kerasapp.serving.protocol.errors import QueueFullError, StatusError

BESIDE = 0.1  # seconds; see `BatchQueue`


@dataclass(eq=False)
class Request:
    """One request in the queue."""

    signature_name: str
    inputs: Mapping[str, np.ndarray]
    rows: int  # of a batch, that it takes
    key: Hashable | None  # requests of one key may share a batch; None: it runs alone
    queued: float = field(default_factory=time.monotonic)
    future: Future = field(default_factory=Future)

    def settle(self, answer: Mapping[str, np.ndarray] | Exception) -> None:
        """Gives the answer or the error, unless there is one already."""
        with suppress(InvalidStateError):
            if isinstance(answer, Exception):
                self.future.set_exception(answer)
            else:
                self.future.set_result(answer)


class _Group(deque):
    """Requests that may share a batch, oldest first."""

    rows = 0


class BatchQueue:
    """Requests that wait for a thread; safe to use from several threads.

    A group of requests is due once it fills a batch, or once its oldest has waited for
    `batch_timeout_micros`. The group that has been due longest goes first.

    While a batch of its key runs, a smaller group waits to become as large, for at most `BESIDE` seconds.
    Otherwise the first client to return from a batch would be served alone: with 32 clients and two threads,
    8 requests shared a batch instead of 16.
    """

    def __init__(self, parameters: BatchingParameters):
        self._limit = parameters.batch_limit
        self._room = parameters.max_enqueued_batches * parameters.batch_limit
        self._timeout = parameters.batch_timeout_micros / 1e6
        self._groups: dict[Hashable, _Group] = {}
        self._running: dict[Hashable, list[int]] = {}  # rows of the batches that run, by key
        self.rows = 0  # that wait
        self._closed = False
        self._changed = threading.Condition()

    def add(self, request: Request) -> None:
        """Queues a request; StatusError RESOURCE_EXHAUSTED if there is no room, UNAVAILABLE if closed."""
        with self._changed:
            if self._closed:
                raise StatusError("UNAVAILABLE", "The version is being unloaded")
            # An empty queue takes a request of any size, as otherwise a large one could never be answered.
            if self.rows and self.rows + request.rows > self._room:
                raise QueueFullError(
                    "The batch scheduling queue to which this task was submitted is full; currently "
                    f"{self.rows} rows enqueued and room for {self._room}",
                )
            group = self._groups.setdefault(_key(request), _Group())
            group.append(request)
            group.rows += request.rows
            self.rows += request.rows
            self._changed.notify()

    def drop(self, request: Request) -> None:
        """Drops a request that nobody waits for, unless it runs already."""
        with self._changed:
            group = self._groups.get(_key(request), ())
            if request in group:
                self._remove(request, group)

    def take(self) -> list[Request]:
        """Waits for a batch that is due; an empty list once the queue is closed and empty."""
        with self._changed:
            while self._groups or not self._closed:
                group, seconds = self._most_urgent()
                if seconds > 0:
                    self._changed.wait(seconds if group else None)
                elif batch := self._take_from(group):
                    self._running.setdefault(_key(batch[0]), []).append(_total_rows(batch))
                    return batch
            return []

    def done(self, batch: list[Request]) -> None:
        """Tells the queue that a batch of `take` has ended."""
        with self._changed:
            running = self._running[_key(batch[0])]
            running.remove(_total_rows(batch))
            if not running:
                del self._running[_key(batch[0])]

    def close(self) -> None:
        """Takes no more requests; those in the queue are due at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _most_urgent(self) -> tuple[_Group | None, float]:
        """The group to run next, and the seconds until it is due; None and infinity if there is no group."""
        now = time.monotonic()
        best, least = None, float("inf")
        for key, group in self._groups.items():
            larger = group.rows < max(self._running.get(key, (0,)))
            seconds = group[0].queued + (max(self._timeout, BESIDE) if larger else self._timeout) - now
            if self._closed or group.rows >= self._limit or group[0].key is None:  # nothing to wait for
                seconds = min(seconds, 0.0)
            if seconds < least:
                best, least = group, seconds
        return best, least

    def _take_from(self, group: _Group) -> list[Request]:
        """The group's first requests that fit one batch, without those that nobody waits for."""
        batch, rows = [], 0
        while group and (not batch or rows + group[0].rows <= self._limit):
            request = group[0]
            self._remove(request, group)
            if not request.future.done():
                batch.append(request)
                rows += request.rows
        if self._groups:  # more may be due, and another thread is free
            self._changed.notify()
        return batch

    def _remove(self, request: Request, group: _Group) -> None:
        group.remove(request)
        group.rows -= request.rows
        self.rows -= request.rows
        if not group:
            del self._groups[_key(request)]


def _total_rows(batch: list[Request]) -> int:
    return sum(request.rows for request in batch)


def _key(request: Request) -> Hashable:
    return id(request) if request.key is None else request.key
