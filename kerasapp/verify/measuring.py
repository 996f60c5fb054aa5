"""Asking a runtime, alone and in batches, with a clock. Needs NumPy alone."""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from kerasapp.verify.outcomes import Outcome, outcomes

BATCH = 8  # inputs in one request: from so many on the servable samples in another way
LEAST = 3  # inputs that are asked alone, however long they take


@dataclass
class Measured:
    """What came of a runtime.

    alone: an `Outcome` for each item, of the first ones where the time was over. batched: (place of the item,
    `Outcome`); None where the runtime takes one input at a time. latencies: seconds per token or frame, of
    each input alone. startup: seconds from the start of the process to its first answer. peak: bytes of
    memory. error: why there is no more, in one line.
    """

    alone: list = field(default_factory=list)
    batched: list | None = None
    latencies: list = field(default_factory=list)
    startup: float | None = None
    peak: int | None = None
    error: str | None = None


def signatures(call):
    """A function (items of one signature) -> (seconds, list of `Outcome`).

    Args:
        call: function (signature, inputs name -> array) -> outputs name -> array or nested list.
    """
    from kerasapp.verify.inputs import columns

    def ask(items):
        inputs = columns(items)
        started = time.perf_counter()
        outputs = call(items[0].signature, inputs)
        return time.perf_counter() - started, outcomes(items[0].task, items[0].signature, outputs, len(items))

    return ask


def measure(ask, items, *, started, seconds=None, batches=True):
    """Asks for each item alone, then for several at once.

    Args:
        ask: see `signatures`.
        items: list of `Item`.
        started: the value of `time.time()` when the runtime's process began.
        seconds: after the first answer, and again for batches, after which no further request is sent; None:
            all are sent.
        batches: whether the runtime takes several inputs in a request.

    Returns: `Measured`, without peak.
    """
    found, seen, end = Measured(), set(), float("inf")
    for i, item in enumerate(items):
        if i >= LEAST and time.monotonic() >= end:
            break
        taken, (outcome,) = _asked(ask, [item])
        if found.startup is None:
            found.startup = time.time() - started
            end = time.monotonic() + seconds if seconds else end
        elif outcome.count and item.signature in seen:  # the first one of a signature prepares its graph
            found.latencies.append(taken / outcome.count)
        seen.add(item.signature)
        found.alone.append(outcome)
    if batches:
        found.batched = _batched(ask, items, found.alone, seconds)
    return found


def _batched(ask, items, alone, seconds):
    answered = [i for i, outcome in enumerate(alone) if outcome.refused is None]
    names = dict.fromkeys(items[i].signature for i in answered)
    groups = [[i for i in answered if items[i].signature == name] for name in names]
    batches = [group[start : start + BATCH] for group in groups for start in range(0, len(group), BATCH)]
    found, end = [], time.monotonic() + seconds if seconds else float("inf")
    for n, places in enumerate(batches):
        if n and time.monotonic() >= end:
            break
        _, answers = _asked(ask, [items[i] for i in places])
        found += zip(places, answers, strict=True)
    return found


def _asked(ask, items):
    """Seconds and outcomes; an input that is refused is an outcome, too."""
    try:
        return ask(items)
    except Exception as error:  # each runtime has its own
        return 0.0, [Outcome(refused=one_line(error))] * len(items)


def one_line(error):
    """An error's message, in one line of a bearable length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:299]}…"


def peak_memory(process="self"):
    """The most memory that a process has held, in bytes; None where the system does not tell.

    Not by getrusage, where there is another way: under Linux it counts what the process that started this one
    held, too.
    """
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    if process != "self" or sys.platform != "darwin":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # of bytes, there
