"""Runs models for both interfaces: limits, deadlines, batching and metrics in one place."""

import math
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kerasapp import spec
from kerasapp.serving.admission import Admission, LargeBodies, Turns
from kerasapp.serving.batching.batcher import Batcher, batched_signatures
from kerasapp.serving.batching.parameters import BatchingParameters
from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.models.versions import Version
from kerasapp.serving.observing.metrics import Metrics
from kerasapp.serving.observing.request_record import count_rows
from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.spec import TaskSpec

_LENGTH = "length"  # the input that says how much to generate
_BODIES = 16  # largest bodies, or as many bytes of smaller ones, that are in memory at once
_MOST_AXES = 8  # of an input, as in TensorFlow's operations; over 32 axes of strings end the process


@dataclass(frozen=True)
class Limits:
    """The most that a request may ask for. More is refused before a model is run."""

    body: int = 64 * 2**20  # bytes of a request
    text: int = 2**20  # bytes of one string, for a model of kerasapp
    batch: int = 1024  # rows of a request: the first axis of an input, if the model leaves its size free
    length: int = 10_000  # the largest value of an input named "length", for a model of kerasapp
    work: int = 2_000_000  # rows x `TaskSpec.work` of a row, for a model of kerasapp
    requests: int = 256  # in flight; more are refused at once
    timeout: float = 60.0  # seconds that a request may take; a client can ask for less


class Engine:
    """Answers the requests of both interfaces; safe to call from several threads.

    Args:
        registry: the models.
        limits: the most that a request may ask for.
        batching: how concurrent requests are batched; None runs each by itself.
        metrics: counts the runs.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        limits: Limits | None = None,
        batching: BatchingParameters | None = None,
        metrics: Metrics | None = None,
    ):
        self.registry, self.limits, self.metrics = registry, limits or Limits(), metrics or Metrics()
        self.batching = batching
        self.admission = Admission(self.limits.requests)
        self.bodies = Admission(_BODIES * self.limits.body, "bytes of bodies")
        self.large_bodies = LargeBodies()
        self._turns = Turns(4 * (os.cpu_count() or 1))  # TF Serving's own number of threads
        self._starting = threading.Lock()
        self.metrics.gauge("requests_in_flight", lambda: self.admission.in_flight)
        self.metrics.gauge("requests_waiting", lambda: len(self._turns.waiting))
        self.metrics.gauge("rows_waiting", self._rows_waiting)

    def run(
        self,
        version: Version,
        signature_name: str,
        inputs: Mapping[str, np.ndarray],
        *,
        deadline: Deadline | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature of a version from `Registry.acquire`; the other arguments as in `Bundle.predict`.

        Raises:
            StatusError: INVALID_ARGUMENT for a limit, the deadline's if it is over, RESOURCE_EXHAUSTED if the
                queue is full, and what the model raises.
        """
        task = spec.of_signatures(version.bundle.signature_defs)
        self.check_limits(inputs, version.bundle.inputs(signature_name), task)
        deadline = deadline or Deadline.after(self.limits.timeout)
        deadline.check()
        if self.batching is None:
            with self._turns.take(deadline):
                return self._run(version, signature_name, inputs, deadline)
        return self._batcher(version).predict(signature_name, inputs, deadline)

    def check_limits(
        self, inputs: Mapping[str, np.ndarray], specs: Mapping | None = None, task: TaskSpec | None = None
    ) -> None:
        """Raises StatusError INVALID_ARGUMENT for inputs that ask for more than the limits allow.

        Args:
            inputs: the inputs of a request by name.
            specs: the signature's inputs by name. The first axis of an input without a spec counts as rows.
            task: that of the export. None for another model: what its inputs mean is not known.
        """
        limits, rows = self.limits, 1
        for name, array in inputs.items():
            if array.ndim > _MOST_AXES:
                raise _beyond(name, f"{array.ndim} axes", _MOST_AXES)
            shape = specs[name].shape if specs and name in specs else None
            if array.ndim and (not shape or shape[0] is None):
                rows = max(rows, len(array))
            if rows > limits.batch:
                raise _beyond(name, f"{rows} rows", limits.batch)
            if task is None:
                continue
            if array.dtype == object:
                longest = max(map(len, array.flat), default=0)
                if longest > limits.text:
                    raise _beyond(name, f"a string of {longest} bytes", limits.text)
            elif name == _LENGTH and array.size and array.max() > limits.length:
                raise _beyond(name, f"the value {array.max()}", limits.length)
        if task is not None and task.work and inputs.keys() >= set(task.work):
            found = rows * math.prod(_largest(inputs[name]) for name in task.work)
            if found > limits.work:
                product = " x ".join(["rows", *task.work])
                raise invalid(f"{product} is {found:.0f}; this server allows at most {limits.work}")

    def _run(self, version: Version, signature_name: str, inputs, deadline: Deadline) -> dict:
        start, seconds = time.perf_counter(), None
        rows = None if self.batching is None else count_rows(inputs)
        try:
            found = version.bundle.predict(signature_name, inputs, deadline)
            seconds = time.perf_counter() - start
        finally:
            self.metrics.run(version.model, seconds, rows)
        return found

    def _rows_waiting(self) -> int:
        """The rows in all queues of batches."""
        batchers = [version.batcher for version in self.registry.all_versions()]
        return sum(batcher.queue.rows for batcher in batchers if batcher is not None)

    def _batcher(self, version: Version) -> Batcher:
        def run(name: str, inputs: dict, deadline: Deadline) -> dict:
            return self._run(version, name, inputs, deadline)

        with self._starting:
            if version.batcher is None:
                batched = batched_signatures(version.bundle.signature_defs)
                version.batcher = Batcher(run, self.batching, batched=batched)
        return version.batcher


def _beyond(name: str, found: str, limit: int) -> StatusError:
    return invalid(f"Tensor name: {name} has {found}; this server allows at most {limit}")


def _largest(array: np.ndarray) -> float:
    """The largest value, or the bytes of the longest string."""
    if array.dtype == object:
        return max(map(len, array.flat), default=0)
    return float(array.max(initial=0))
