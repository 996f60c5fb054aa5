"""What is called at a deadline, and what is not."""

import threading
import time

from kerasapp.serving.models.deadlines import Watchdog


def test_calls_at_the_deadline_whichever_was_set_first():
    watchdog, called = Watchdog(), []
    second, first = threading.Event(), threading.Event()
    start = time.monotonic()
    with (
        watchdog.at(start + 600, lambda: called.append("never")),
        watchdog.at(start + 0.2, lambda: (called.append("second"), second.set())),
        watchdog.at(start + 0.1, lambda: (called.append("first"), first.set())),
    ):
        assert first.wait(60) and second.wait(60)
    assert called == ["first", "second"]
    assert time.monotonic() >= start + 0.2


def test_what_is_done_in_time_is_left_alone():
    watchdog, called, later = Watchdog(), [], threading.Event()
    with watchdog.at(time.monotonic() + 0.05, lambda: called.append("done")):
        pass
    with watchdog.at(time.monotonic() + 0.1, later.set):
        assert later.wait(60)
    assert called == []
