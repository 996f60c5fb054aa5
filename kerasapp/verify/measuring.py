"""Asking a runtime, alone and in batches, with a clock. Needs NumPy alone."""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from kerasapp import spec
from kerasapp.verify.loops import runner
from kerasapp.verify.outcomes import Outcome, outcomes
from pipelines.errors import shortened

ASSERTION = "assertion failed"  # begins what TensorFlow says of `tf.debugging.Assert`
BATCH = 8  # inputs in one request: from so many on the servable samples in another way
LEAST = 40  # inputs that Keras is asked, however long they take


@dataclass
class Measured:
    """What came of a runtime.

    alone: an `Outcome` for each item, of the first ones where the time was over. batched: (place of the item,
    `Outcome`); None where the runtime takes one input at a time. latencies: seconds per token or frame, of
    each input alone. startup: seconds from the start of the process to its first answer. peak: bytes of
    memory. error: why there is no more, in one line. faults: what is wrong with files that no answer shows.
    """

    alone: list = field(default_factory=list)
    batched: list | None = None
    latencies: list = field(default_factory=list)
    startup: float | None = None
    peak: int | None = None
    error: str | None = None
    faults: list = field(default_factory=list)


def signatures(call, specs=None):
    """A function (items of one signature, or one item of a loop) -> (seconds, list of `Outcome`).

    Args:
        call: function (signature, inputs name -> array) -> outputs name -> array or nested list.
        specs: signature -> its inputs, for loops (see `kerasapp.verify.loops`).
    """
    from kerasapp.verify.inputs import columns

    specs = specs or {}

    def ask(items):
        inputs, (task, name) = columns(items), (items[0].task, items[0].signature)
        started = time.perf_counter()
        loop = loops(task).get(name)
        outputs = loop(runner(call, specs), inputs, specs.__getitem__) if loop else call(name, inputs)
        return time.perf_counter() - started, outcomes(task, name, outputs, len(items))

    return ask


def loops(task):
    """The loops of a task by name."""
    return getattr(spec.spec(task).load("verify"), "LOOPS", {})


def measure(ask, items, *, started, seconds=None, batches=True):
    """Asks for each item alone, then for several at once.

    Args:
        ask: see `signatures`.
        items: list of `Item`.
        started: the value of `time.time()` when the runtime's process began.
        seconds: of the processor for answers, after which no further request is sent, but for the first
            `LEAST` items; those that prepare the graph of a signature do not count. None: all are sent.
        batches: whether the runtime takes several inputs in a request.

    Returns: `Measured`, without peak.
    """
    found, seen, spent = Measured(), set(), 0.0
    for i, item in enumerate(items):
        if seconds and i >= LEAST and spent >= seconds:
            break
        before = time.process_time()  # on a busy machine no less is asked
        taken, (outcome,) = _asked(ask, [item])
        if found.startup is None:
            found.startup = time.time() - started
        if item.signature in seen:  # the first one of a signature prepares its graph
            spent += time.process_time() - before
            if item.signature == spec.spec(item.task).signature and outcome.count:
                found.latencies.append(taken / outcome.count)
        seen.add(item.signature)
        found.alone.append(outcome)
    if batches:
        found.batched = _batched(ask, items, found.alone)
    return found


def _batched(ask, items, alone):
    known = loops(items[0].task) if items else ()
    answered = [i for i, one in enumerate(alone) if not one.refused and items[i].signature not in known]
    names = dict.fromkeys(items[i].signature for i in answered)
    groups = [[i for i in answered if items[i].signature == name] for name in names]
    batches = [group[start : start + BATCH] for group in groups for start in range(0, len(group), BATCH)]
    found = []
    for places in batches:
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
    """An error's message, in one line of a bearable length: of TensorFlow's, from the assertion on."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = text[max(0, text.find(ASSERTION)) :]  # where it was built comes before, and takes a page
    return shortened(text, 300)


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
