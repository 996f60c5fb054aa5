"""Parameters of batching that fit a model on this machine: its batches are timed, and a rule chooses.

The rule, for a server that answers people as they wait:

- `max_batch_size`: the least size that gives `ENOUGH` of the most rows a second, but at least `ROWS`,
  which a request may have. A larger request is refused, not cut (`enable_large_batch_splitting`): TensorFlow
  Serving joins the answers of the parts, which fails for tokens and alignments, as wide as each part needs.
- `batch_timeout_micros`: a request waits for company a twentieth of the time of one row, 10 ms at most.
- `num_batch_threads`: the cores.
- `max_enqueued_batches`: as many full ones as are worked off in `QUEUE` seconds, at least one a thread; what
  comes on top is refused at once, for another server to answer.

Where these come from: tensorflow/serving, tensorflow_serving/batching/README.md.
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

LARGEST = 256  # rows that are tried at most
ENOUGH = 0.9
QUEUE = 5.0  # seconds
ROWS = 256  # that any request may have: the commands count the tokens of so many texts at once
BUDGET = 10.0  # seconds that all batches may take together
NOTHING_MORE = 1.05  # twice the rows: less than so many times the rows a second is no gain

_HEADER = """\
# How requests are gathered into batches; read at the start. Fitted to {model}, version {version}:
{how}
#
"""
_PARAMETERS = """\
# The most rows of a batch and of a request{why_size}.
max_batch_size {{ value: {size} }}
# The longest that a request waits for others{why_timeout}.
batch_timeout_micros {{ value: {timeout} }}
# Batches at work at the same time: the cores of the machine that measured. Set those of the server.
num_batch_threads {{ value: {threads} }}
# Batches that wait{why_queue}; a request beyond them is refused at once.
max_enqueued_batches {{ value: {queue} }}
# Requests of different lengths do not share a batch: padding would be a tensor's first element, which changes
# answers (tensorflow/serving#1279). Texts are single strings and need none.
pad_variable_length_inputs: false
"""


@dataclass(frozen=True)
class Timing:
    """How long a batch takes: `rows` in it, `seconds` in the median."""

    rows: int
    seconds: float

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


def measured(version: Path, cores: int | None = None, budget: float = BUDGET) -> str:
    """The text of a batching_parameters.txt for an exported version, after timing it for some seconds.

    Args:
        version: `.../NAME/NUMBER`, with warm-up requests.
        cores: those of the server; by default of this machine.
        budget: seconds that all batches may take together.

    Raises:
        ServingError: where the version cannot be loaded, or does not answer its own warm-up requests.
    """
    from kerasapp.serving.models.bundle import Bundle, warmup_requests  # imports TensorFlow

    cores = cores or os.cpu_count() or 1
    try:
        bundle = Bundle(version)
        signature, inputs = _example(bundle.inputs(""), warmup_requests(version), version)
        timings = time_batches(lambda rows: bundle.predict(signature, _tiled(inputs, rows)), budget)
    except StatusError as error:
        raise ServingError(f"{version}: cannot be measured: {error.message}") from None
    return text(version, timings, cores, signature or "serving_default")


def time_batches(run: Callable[[int], object], budget: float = BUDGET) -> list[Timing]:
    """Times batches of 1, 2, 4 ... rows, until more rows give nothing more or `budget` seconds are over.

    Args:
        run: runs a batch of so many rows.
    """
    run(1)  # prepares graphs, once
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
        flat = flat + 1 if timings[-1].rate < NOTHING_MORE * best else 0
        left = budget - (time.perf_counter() - started)
        if left < 8 * timings[-1].seconds:  # twice the rows, run four times
            break
        rows *= 2
    return timings


def choose(timings: list[Timing], cores: int) -> dict[str, int]:
    """The parameters by the rule above, by their names.

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
    """A batching_parameters.txt with what was measured as comments."""
    chosen = choose(timings, cores)
    table = "\n".join(
        f"#   {timing.rows:4d} rows {1000 * timing.seconds:10.1f} ms {timing.rate:10.1f} rows a second"
        for timing in timings
    )
    how = f"# example texts, each to {signature}, on {cores} cores, the median of several batches\n{table}"
    return _HEADER.format(model=version.parent.name, version=version.name, how=how) + _PARAMETERS.format(
        size=chosen["max_batch_size"],
        why_size=f": the least that gives {ENOUGH:.0%} of the most rows a second, {ROWS} at least",
        timeout=chosen["batch_timeout_micros"],
        why_timeout=": a twentieth of the time for one row, 10 ms at most",
        threads=chosen["num_batch_threads"],
        queue=chosen["max_enqueued_batches"],
        why_queue=f": what is worked off in {QUEUE:g} seconds",
    )


def unmeasured(version: Path) -> str:
    """A batching_parameters.txt without a measurement: values to begin with."""
    how = "# nothing was measured; these are values to begin with (`kerasapp export --production` measures)"
    values = {"size": ROWS, "timeout": 1000, "threads": os.cpu_count() or 1, "queue": 100}
    reasons = dict.fromkeys(("why_size", "why_timeout", "why_queue"), "")
    header = _HEADER.format(model=version.parent.name, version=version.name, how=how)
    return header + _PARAMETERS.format(**values, **reasons)


def _example(default, requests, version: Path) -> tuple[str, dict[str, np.ndarray]]:
    """A signature and inputs for it, from the warm-up requests: the default signature (whose inputs are
    `default`) where one of strings is all it takes, or else that of the first request."""
    for signature, inputs in requests:
        texts = [array for array in inputs.values() if array.dtype == object and array.ndim == 1]
        if texts and [spec.dtype for spec in default.values()] == ["string"]:
            return "", {next(iter(default)): texts[0]}
        return signature, inputs
    raise ServingError(f"{version}: has no warm-up requests to measure with")


def _tiled(inputs: dict[str, np.ndarray], rows: int) -> dict[str, np.ndarray]:
    """The inputs with so many rows: theirs over and over."""
    return {name: array[np.arange(rows) % len(array)] for name, array in inputs.items()}
