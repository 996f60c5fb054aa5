"""Lines that nobody reads, or that find no room, hold nobody up."""

import os
import threading

from waiting import PATIENCE

from kerasapp.serving.observing import standard_error
from kerasapp.serving.observing.standard_error import StandardError


def test_lines_come_in_order_and_are_there_after_the_end():
    reading, writing = os.pipe()
    errors = StandardError(writing)
    for number in range(100):
        assert errors.write(f"{number} \ud800\n") > 0
    errors.flush()
    errors.close()
    os.close(writing)
    with open(reading, encoding="utf-8") as lines:
        assert [line.strip() for line in lines] == [f"{number} \\ud800" for number in range(100)]


def test_a_pipe_that_nobody_reads_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(standard_error, "_CLOSING", 0.1)
    monkeypatch.setattr(standard_error, "_LINES", 50)
    reading, writing = os.pipe()
    errors = StandardError(writing)

    def write():
        for _ in range(200):
            errors.write("x" * 10_000)
        errors.close()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    os.close(reading)  # which ends the writing


def test_a_full_disk_loses_lines_and_later_ones_are_written(monkeypatch):
    found, full = [], [True, False]

    def write(descriptor, data):
        if descriptor != 1000:  # of a test before
            return len(data)
        if full.pop(0):
            raise OSError(28, "No space left on device")
        full.append(False)
        found.append(data[:3])
        return 3

    monkeypatch.setattr(standard_error.os, "write", write)
    errors = StandardError(1000)
    errors.write("lost")
    errors.write("abcdef")
    errors.close()
    assert found == [b"abc", b"def"]
