"""Batching parameters that fit a model on this machine: times batches, and chooses by a rule.

The rule, for a server that answers waiting people:

- `max_batch_size`: the least size that gives `ENOUGH` of the best rows per second, but at least `ROWS`, which
  a request may have. A larger request is refused and not split (`enable_large_batch_splitting`): TensorFlow
  Serving joins the answers of the parts, which fails for outputs that are padded to the longest row.
- `batch_timeout_micros`: a request waits for others for a twentieth of the time of one row, at most 10 ms.
- `num_batch_threads`: the number of cores.
- `max_enqueued_batches`: the number of full batches that run in `QUEUE` seconds, but at least one per thread.
  More requests are refused at once, so that another server can answer them.

Source: tensorflow/serving, tensorflow_serving/batching/README.md.
"""

import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasapp.serving.protocol.errors import ServingError, StatusError
from kerasapp.serving.protocol.signatures import DEFAULT_SIGNATURE

LARGEST = 256  # the most rows that are tried
ENOUGH = 0.9
QUEUE = 5.0  # seconds
ROWS = 256  # any request may have as many: the commands count the tokens of so many texts at once
BUDGET = 10.0  # seconds for all batches together
NO_GAIN = 1.05  # with twice the rows, a smaller factor of rows per second is no gain

_TEMPLATE = """\
# How requests are batched; read at the start. Fitted to {model}, version {version}:
{how}
#
# The most rows of a batch and of a request{why_size}.
max_batch_size {{ value: {max_batch_size} }}
# The longest that a request waits for others{why_timeout}.
batch_timeout_micros {{ value: {batch_timeout_micros} }}
# Batches that run at once: the cores of the machine that measured. Set the number of the server's cores.
num_batch_threads {{ value: {num_batch_threads} }}
# Batches that wait{why_queue}; more requests are refused at once.
max_enqueued_batches {{ value: {max_enqueued_batches} }}
# Inputs of different lengths do not share a batch: padding repeats their first element, which changes answers
# (tensorflow/serving#1279). Texts are single strings and need no padding.
pad_variable_length_inputs: false
"""
_REASONS = {
    "why_size": f": the least that gives {ENOUGH:.0%} of the best rows per second, but at least {ROWS}",
    "why_timeout": ": a twentieth of the time of one row, at most 10 ms",
    "why_queue": f": as many as run in {QUEUE:g} seconds",
}


@dataclass(frozen=True)
class Timing:
    """The median time of a batch of `rows` rows, in seconds."""

    rows: int
    seconds: float

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds


def measured(version: Path, cores: int | None = None, budget: float = BUDGET) -> str:
    """The text of a batching_parameters.txt for an exported version, after timing it for some seconds.

    Args:
        version: `.../NAME/NUMBER`, with warm-up requests.
        cores: of the server; by default of this machine.
        budget: seconds for all batches together.

    Raises:
        ServingError: the version cannot be loaded, or does not answer its own warm-up requests.
    """
    from kerasapp.serving.models.bundle import Bundle, warmup_requests  # imports TensorFlow

    cores = cores or os.cpu_count() or 1
    try:
        bundle = Bundle(version)
        signature, inputs = _example(bundle.inputs(""), warmup_requests(version), version)
        timings = time_batches(lambda rows: bundle.predict(signature, _tiled(inputs, rows)), budget)
    except StatusError as error:
        raise ServingError(f"{version}: cannot be measured: {error.message}") from None
    return text(version, timings, cores, signature or DEFAULT_SIGNATURE)


def time_batches(run: Callable[[int], object], budget: float = BUDGET) -> list[Timing]:
    """Times batches of 1, 2, 4 ... rows, until more rows bring no gain or `budget` seconds are over.

    Args:
        run: runs a batch of so many rows.
    """
    run(1)  # builds the graphs
    started, timings, flat, rows = time.perf_counter(), [], 0, 1
    while rows <= LARGEST and flat < 2:
        run(rows)  # warms up
        taken, least = [], time.perf_counter() + budget / 40
        while len(taken) < 3 or (time.perf_counter() < least and len(taken) < 100):
            start = time.perf_counter()
            run(rows)
            taken.append(time.perf_counter() - start)
        best = max((timing.rate for timing in timings), default=0.0)
        timings.append(Timing(rows, statistics.median(taken)))
        flat = flat + 1 if timings[-1].rate < NO_GAIN * best else 0
        left = budget - (time.perf_counter() - started)
        if left < 8 * timings[-1].seconds:  # twice the rows, four times
            break
        rows *= 2
    return timings


def choose(timings: list[Timing], cores: int) -> dict[str, int]:
    """The parameters that the rule gives, by name.

    Example:
        >>> choose([Timing(1, 0.1), Timing(2, 0.11), Timing(4, 0.21)], cores=2)["max_batch_size"]
        256
    """
    most = max(timing.rate for timing in timings)
    best = next(timing for timing in timings if timing.rate >= ENOUGH * most)
    size = max(best.rows, ROWS)
    return {
        "max_batch_size": size,
        "batch_timeout_micros": min(10_000, round(timings[0].seconds * 1e6 / 20)),
        "num_batch_threads": cores,
        "max_enqueued_batches": min(1000, max(cores, math.floor(QUEUE * best.rate / size))),
    }


def text(version: Path, timings: list[Timing], cores: int, signature: str) -> str:
    """The text of a batching_parameters.txt, with the measurement as comments."""
    table = "\n".join(
        f"#   {timing.rows:4d} rows {1000 * timing.seconds:10.1f} ms {timing.rate:10.1f} rows per second"
        for timing in timings
    )
    how = f"# example texts for {signature}, on {cores} cores, median of several batches\n{table}"
    return _filled(version, how, choose(timings, cores), _REASONS)


def unmeasured(version: Path) -> str:
    """The text of a batching_parameters.txt without a measurement: values to start with."""
    how = "# nothing was measured; these are values to start with (`kerasapp export --production` measures)"
    values = {
        "max_batch_size": ROWS,
        "batch_timeout_micros": 1000,
        "num_batch_threads": os.cpu_count() or 1,
        "max_enqueued_batches": 100,
    }
    return _filled(version, how, values, dict.fromkeys(_REASONS, ""))


def _filled(version: Path, how: str, values: dict[str, int], reasons: dict[str, str]) -> str:
    return _TEMPLATE.format(model=version.parent.name, version=version.name, how=how, **values, **reasons)


def _example(default, requests, version: Path) -> tuple[str, dict[str, np.ndarray]]:
    """A signature, and inputs for it from the warm-up requests.

    It is the default signature if its only input (see `default`) is of strings, or else that of the first
    request.
    """
    for signature, inputs in requests:
        texts = [array for array in inputs.values() if array.dtype == object and array.ndim == 1]
        if texts and [spec.dtype for spec in default.values()] == ["string"]:
            return "", {next(iter(default)): texts[0]}
        return signature, inputs
    raise ServingError(f"{version}: has no warm-up requests to measure with")


def _tiled(inputs: dict[str, np.ndarray], rows: int) -> dict[str, np.ndarray]:
    """The inputs, repeated to so many rows."""
    return {name: array[np.arange(rows) % len(array)] for name, array in inputs.items()}
