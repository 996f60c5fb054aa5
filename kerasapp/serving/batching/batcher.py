"""Dynamic batching: concurrent requests run as one, and each gets its own rows back.

Follows TF Serving's tensorflow_serving/batching/batching_session.cc. All differences serve one rule: an
answer never depends on what else is in the batch.
"""

import threading
import time
from collections.abc import Callable, Collection, Hashable, Mapping

import numpy as np

from kerasapp.serving.batching.parameters import BatchingParameters
from kerasapp.serving.batching.queue import BatchQueue, Request
from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.protocol.errors import StatusError
from kerasapp.serving.protocol.signatures import DEFAULT_SIGNATURE

Arrays = Mapping[str, np.ndarray]


def batched_signatures(signature_defs: Mapping) -> frozenset[str]:
    """The names of the SignatureDef messages whose tensors all have a batch of free size first."""

    def is_batched(info) -> bool:
        shape = info.tensor_shape
        return not shape.unknown_rank and len(shape.dim) > 0 and shape.dim[0].size < 0

    return frozenset(
        name
        for name, definition in signature_defs.items()
        if definition.inputs
        and all(map(is_batched, definition.inputs.values()))
        and all(map(is_batched, definition.outputs.values()))
    )


class Batcher:
    """Runs the requests of one version in batches; safe to call from several threads.

    Requests share a batch if they ask for the same signature, with inputs of the same types and of the same
    shapes beyond the first axis. TF Serving can also pad shorter inputs with their first element
    (pad_variable_length_inputs). This is not done here: it changes the answer of a model without a mask.

    A request runs alone if its signature is not in `batched`, if its inputs differ in their number of rows,
    or if it has no rows or more than a batch may have: `enable_large_batch_splitting` cuts none, as only the
    model knows how to pad the answers of parts.

    An answer is the request's own rows. An output that is padded to the longest row, such as tokens, may have
    more padding than if the request had run alone.

    If a batch fails, its halves run, then theirs, until only requests fail that also fail alone. A request
    that nobody waits for leaves the queue, and its batch; a batch is stopped once nobody waits for any of it.

    Args:
        run: function (signature name, inputs, deadline) -> outputs, which `num_batch_threads` threads call at
            once.
        parameters: sizes, times and threads; None for TF Serving's defaults.
        batched: the signatures that may be batched, see `batched_signatures`; None for all.

    Example:
        >>> batcher = Batcher(lambda signature, inputs, deadline: {"y": inputs["x"] + 1})
        >>> batcher.predict("", {"x": np.float32([1, 2])})
        {'y': array([2., 3.], dtype=float32)}
        >>> batcher.close()
    """

    def __init__(
        self,
        run: Callable[[str, dict[str, np.ndarray], Deadline], Arrays],
        parameters: BatchingParameters | None = None,
        *,
        batched: Collection[str] | None = None,
    ):
        parameters = parameters or BatchingParameters()
        self._run, self._parameters, self._batched = run, parameters, batched
        self.queue = BatchQueue(parameters)  # the requests that wait for a thread
        self._not_batched = set()  # signatures whose outputs proved to have other rows than their inputs
        self._threads = [
            threading.Thread(target=self._work, name=f"{parameters.thread_pool_name}_{index}", daemon=True)
            for index in range(parameters.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def predict(self, signature_name: str, inputs: Arrays, deadline: Deadline | None = None) -> Arrays:
        """Waits for all outputs of one request, by name. The arguments are those of `Bundle.predict`.

        Raises:
            StatusError: RESOURCE_EXHAUSTED at once if the queue is full, the deadline's once it is over,
                UNAVAILABLE after `close`.
            Exception: what `run` raises for this request.
        """
        name, deadline = signature_name or DEFAULT_SIGNATURE, deadline or Deadline()
        rows = _count_rows(inputs)
        request = Request(name, inputs, max(rows, 1), self._key(name, inputs, rows))

        def give_up() -> None:
            request.settle(deadline.error())
            self.queue.drop(request)

        self.queue.add(request)
        try:
            with deadline.calls(give_up):
                return request.future.result()
        except StatusError:
            give_up()  # it may have been over before there was anything to call
            raise

    def close(self, seconds: float | None = None) -> bool:
        """Takes no more requests, answers those in the queue, then ends the threads.

        Waits for the threads for at most `seconds`, and gives whether all have ended; a later call waits on.
        """
        self.queue.close()
        end = None if seconds is None else time.monotonic() + seconds
        for thread in self._threads:
            thread.join(None if end is None else max(end - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def _key(self, name: str, inputs: Arrays, rows: int) -> Hashable | None:
        """Requests of one key may share a batch; None for a request that runs alone."""
        if not self._is_batched(name) or not 0 < rows <= self._parameters.batch_limit:
            return None
        return name, tuple((key, array.dtype.str, array.shape[1:]) for key, array in sorted(inputs.items()))

    def _is_batched(self, name: str) -> bool:
        return (self._batched is None or name in self._batched) and name not in self._not_batched

    def _work(self) -> None:
        while batch := self.queue.take():
            self._answer(batch)
            self.queue.done(batch)

    def _answer(self, batch: list[Request]) -> None:
        batch = [request for request in batch if not request.future.done()]  # the others have given up
        if not batch:
            return
        deadline = _deadline(batch)
        try:
            together = len(batch) > 1
            answers = self._run_together(batch, deadline) if together else [self._run_one(batch[0], deadline)]
        except Exception as error:  # what the model raises is the answer
            answers = None if together else [error]
        if answers is None:
            middle = len(batch) // 2
            self._answer(batch[:middle])
            self._answer(batch[middle:])
            return
        for request, answer in zip(batch, answers, strict=True):
            request.settle(answer)

    def _run_together(self, batch: list[Request], deadline: Deadline) -> list[Arrays] | None:
        """The answer to each request of a batch; None if the signature proves to have no batch axis."""
        name = batch[0].signature_name
        if not self._is_batched(name):
            return None
        inputs = {key: np.concatenate([request.inputs[key] for request in batch]) for key in batch[0].inputs}
        outputs = self._run_padded(name, inputs, deadline)
        if outputs is None:
            return None
        ends = np.cumsum([request.rows for request in batch]).tolist()
        return [
            {key: array[end - request.rows : end] for key, array in outputs.items()}
            for request, end in zip(batch, ends, strict=True)
        ]

    def _run_one(self, request: Request, deadline: Deadline) -> Arrays:
        outputs, name = None, request.signature_name
        if request.key is not None and self._is_batched(name):
            outputs = self._run_padded(name, request.inputs, deadline)
        return self._run(name, dict(request.inputs), deadline) if outputs is None else outputs

    def _run_padded(self, name: str, inputs: Arrays, deadline: Deadline) -> Arrays | None:
        """Runs rows that fit a batch, filled up to an allowed size with the last; None as `_run_together`."""
        rows = _count_rows(inputs)
        sizes = self._parameters.allowed_batch_sizes or (rows,)
        padding = next(size for size in sizes if size >= rows) - rows
        padded = {
            key: np.concatenate([array, np.repeat(array[-1:], padding, axis=0)]) if padding else array
            for key, array in inputs.items()
        }
        outputs = self._run(name, padded, deadline)
        if any(_count_rows({key: array}) != rows + padding for key, array in outputs.items()):
            self._not_batched.add(name)
            return None
        return {key: array[:rows] for key, array in outputs.items()} if padding else outputs


def _deadline(batch: list[Request]) -> Deadline:
    """That of a batch: over once all of its requests have an answer or have given up."""
    deadline = Deadline()

    def settled(_) -> None:
        if all(request.future.done() for request in batch):
            deadline.leave()

    for request in batch:
        request.future.add_done_callback(settled)
    return deadline


def _count_rows(arrays: Arrays) -> int:
    """The length of the first axis, if all arrays share it; otherwise 0."""
    lengths = {array.shape[0] if array.ndim else 0 for array in arrays.values()}
    return lengths.pop() if len(lengths) == 1 else 0
