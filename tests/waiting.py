"""Tests that wait for another thread or process: for a condition, not for a time, and patiently.

A test must pass on a busy machine, where everything may take twenty times as long. So it never sleeps for a
fixed time and hopes that something has happened by then: it waits for the thing itself. `PATIENCE` only ends
a test that would wait for ever.
"""

import time
from pathlib import Path

PATIENCE = 300.0  # seconds


def wait_until(condition, told=lambda: ""):
    """Waits until a condition holds; AssertionError with what `told` gives if it does not for `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"nothing happened for {PATIENCE:g} s: {told()}"
        time.sleep(0.01)


class Gate:
    """Holds back the answer of `held_model.Holder` until it is opened, or its block ends."""

    def __init__(self, folder, name="gate"):
        self.path = Path(folder, name)
        self._begun = Path(f"{self.path}.begun")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open()

    def is_reached(self):
        """Whether the model has begun to run."""
        return self._begun.exists()

    def wait_for_request(self):
        """Returns once the model runs."""
        wait_until(self.is_reached)

    def open(self):
        """Lets the model answer."""
        self.path.touch()
