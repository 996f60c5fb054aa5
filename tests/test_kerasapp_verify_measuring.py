"""What is told of a runtime: errors in a line, memory, and when it stops to be asked."""

import subprocess
import sys

import numpy as np
import pytest
from waiting import wait_until

from kerasapp.verify import measuring
from kerasapp.verify.inputs import main_item
from kerasapp.verify.measuring import measure, one_line, peak_memory
from kerasapp.verify.outcomes import Outcome

PLACES = "Detected at node 'x' defined at (most recent call last):\n  File a.py\n\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\n  two"), "one two"),
        (ValueError(), "ValueError"),
        (ValueError(f"{PLACES}assertion failed: [text: too long]"), "assertion failed: [text: too long]"),
    ],
)
def test_an_error_is_one_line(error, line):
    assert one_line(error) == line


def test_a_long_error_is_shortened():
    assert len(one_line(ValueError("x" * 10_000))) <= 300


def test_memory_is_that_of_the_process_that_is_asked_for():
    script = "x = bytearray(200 * 2**20); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as process:
        wait_until(lambda: (peak_memory(process.pid) or 0) >= 200 * 2**20)
        assert peak_memory(process.pid) < 2 * 200 * 2**20
        process.communicate(b"\n")
    assert peak_memory(process.pid) is None  # it is over
    assert peak_memory() > 10 * 2**20


def asked(monkeypatch, count, seconds):
    """What `measure` gives of a runtime that takes a second of the processor per answer."""
    now = [0.0]

    def ask(items):
        now[0] += len(items)
        return 0.5, [Outcome("x", {"text": "x"}, {}, 5)] * len(items)

    monkeypatch.setattr(measuring.time, "process_time", lambda: now[0])
    items = [main_item("generation", str(i), "data", seed=i) for i in range(count)]
    return measure(ask, items, started=measuring.time.time(), seconds=seconds)


def test_a_slow_runtime_is_asked_the_least_and_a_quick_one_all(monkeypatch):
    for seconds, most in ((5.0, measuring.LEAST), (45.5, 47), (None, 100), (1000.0, 100)):
        found = asked(monkeypatch, 100, seconds)
        assert len(found.alone) == len(found.batched) == most  # the first one prepares its graph
        assert len(found.latencies) == most - 1 and np.allclose(found.latencies, 0.1)
