"""TF Serving's batching parameters, and the file that holds them."""

import logging
import os
from dataclasses import dataclass, fields

from kerasapp.serving.protocol.errors import ServingError
from kerasapp.serving.protocol.text_proto import REPEATED, Field, message_class, parse_file

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchingParameters:
    """How concurrent requests are batched.

    The names are those of BatchingParameters in
    tensorflow_serving/servables/tensorflow/session_bundle_config.proto, the defaults those of
    SharedBatchScheduler in tensorflow/core/kernels/batching_util/shared_batch_scheduler.h.
    """

    max_batch_size: int = 1000  # rows; a request of more rows runs alone
    batch_timeout_micros: int = 0  # that a request waits for others while a thread is free (see `BatchQueue`)
    max_enqueued_batches: int = 10  # the queue holds this many times the rows of the largest batch
    num_batch_threads: int = os.cpu_count() or 1  # batches that run at once
    thread_pool_name: str = "batch"  # the prefix of the threads' names
    allowed_batch_sizes: tuple[int, ...] = ()  # ascending; a batch is filled up to the next of these sizes
    pad_variable_length_inputs: bool = False  # no effect: see `Batcher`
    enable_large_batch_splitting: bool = (
        False  # for `max_execution_batch_size`; cuts no request: see `Batcher`
    )
    max_execution_batch_size: int | None = None  # rows of a batch with splitting; None: `max_batch_size`

    def __post_init__(self):
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise ServingError(f"{name} must be at least 1; it is {getattr(self, name)}")
        if self.batch_timeout_micros < 0:
            raise ServingError(
                f"batch_timeout_micros must not be negative; it is {self.batch_timeout_micros}"
            )
        if self.enable_large_batch_splitting and not 1 <= self.batch_limit <= self.max_batch_size:
            raise ServingError(
                "max_execution_batch_size must be from 1 to max_batch_size, "
                f"{self.max_batch_size}; it is {self.batch_limit}"
            )
        sizes = self.allowed_batch_sizes
        if sizes and (list(sizes) != sorted(set(sizes)) or sizes[0] < 1 or sizes[-1] != self.batch_limit):
            raise ServingError(
                "allowed_batch_sizes must ascend and end with the largest batch, "
                f"{self.batch_limit}; they are {', '.join(map(str, sizes))}"
            )

    @property
    def batch_limit(self) -> int:
        """The most rows of a batch: GetMaxExecutionBatchSize in shared_batch_scheduler.h."""
        if self.enable_large_batch_splitting and self.max_execution_batch_size is not None:
            return self.max_execution_batch_size
        return self.max_batch_size


def read_parameters(path: str | os.PathLike) -> BatchingParameters:
    """Reads a batching_parameters file, the text form of TF Serving's BatchingParameters message.

    A field that is not in the file has TF Serving's default.

    Raises:
        ServingError: one line that names the file, and the line or the field that is wrong.
    """
    message = parse_file(path, _message()())
    found = {}
    for field, value in message.ListFields():
        if field.message_type is not None:
            value = value.value
        found[field.name] = tuple(value) if field.is_repeated else value
    try:
        parameters = BatchingParameters(**found)
    except ServingError as error:
        raise ServingError(f"{path}: {error}") from None
    if parameters.pad_variable_length_inputs:
        _logger.warning(
            "%s: pad_variable_length_inputs has no effect: requests whose inputs differ in shape run in "
            "batches of their own, so that an answer never depends on other requests",
            path,
        )
    return parameters


def _message() -> type:
    """The message BatchingParameters of session_bundle_config.proto."""
    int64, string, boolean = (f".google.protobuf.{name}Value" for name in ("Int64", "String", "Bool"))
    types = {
        "max_batch_size": (1, int64),
        "batch_timeout_micros": (2, int64),
        "max_enqueued_batches": (3, int64),
        "num_batch_threads": (4, int64),
        "thread_pool_name": (5, string),
        "allowed_batch_sizes": (6, Field.TYPE_INT64, REPEATED),
        "pad_variable_length_inputs": (7, Field.TYPE_BOOL),
        "enable_large_batch_splitting": (8, boolean),
        "max_execution_batch_size": (9, int64),
    }
    assert types.keys() == {field.name for field in fields(BatchingParameters)}
    return message_class({"BatchingParameters": types})
