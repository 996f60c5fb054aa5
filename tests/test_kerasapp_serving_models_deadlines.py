"""What is called at a deadline, and what is not."""

import threading
import time

import pytest
from waiting import PATIENCE, wait_until

from kerasapp.serving.models.deadlines import Deadline, Watchdog
from kerasapp.serving.protocol.errors import StatusError


def test_calls_at_the_deadline_whichever_was_set_first():
    watchdog, called = Watchdog(), []
    second, first = threading.Event(), threading.Event()
    start = time.monotonic()
    with (
        watchdog.at(start + 2 * PATIENCE, lambda: called.append("never")),
        watchdog.at(start + 0.2, lambda: (called.append("second"), second.set())),
        watchdog.at(start + 0.1, lambda: (called.append("first"), first.set())),
    ):
        assert first.wait(PATIENCE) and second.wait(PATIENCE)
    assert called == ["first", "second"]
    assert time.monotonic() >= start + 0.2


def test_a_nearer_deadline_wakes_the_thread():
    watchdog, called = Watchdog(), threading.Event()
    with watchdog.at(time.monotonic() + 2 * PATIENCE, called.set):
        wait_until(lambda: watchdog._changed._waiters)  # it sleeps until then
        with watchdog.at(time.monotonic() + 0.05, called.set):
            assert called.wait(PATIENCE)


def test_several_that_are_late_are_called_in_the_order_of_their_deadlines():
    watchdog, called, held, last = Watchdog(), [], threading.Event(), threading.Event()
    now = time.monotonic()
    with (
        watchdog.at(now, lambda: held.wait(PATIENCE)),  # the thread is busy while the others become late
        watchdog.at(now + 0.02, last.set),
        watchdog.at(now + 0.01, lambda: called.append(last.is_set())),
    ):
        time.sleep(0.05)
        held.set()
        assert last.wait(PATIENCE)
    assert called == [False]


def test_what_is_done_in_time_is_left_alone():
    watchdog, called, later = Watchdog(), [], threading.Event()
    in_time = False
    while not in_time:  # a busy machine may be late with a block that does nothing
        called.clear()
        deadline = time.monotonic() + 0.05
        with watchdog.at(deadline, lambda: called.append("done")):
            pass
        in_time = time.monotonic() < deadline
    with watchdog.at(time.monotonic() + 0.1, later.set):
        assert later.wait(PATIENCE)
    assert called == []


def test_a_deadline_ends_by_time_or_when_the_client_leaves():
    late, patient = Deadline.after(0.1), Deadline()
    over, gone = threading.Event(), threading.Event()
    with late.calls(over.set), patient.calls(gone.set):
        assert over.wait(PATIENCE) and time.monotonic() >= late.at
        assert not gone.is_set() and not patient.is_over()
        patient.leave()
        assert gone.is_set() and patient.is_over()
    assert (late.error().code, patient.error().code) == ("DEADLINE_EXCEEDED", "CANCELLED")
    for deadline in (late, patient):
        with pytest.raises(StatusError), deadline.calls(over.clear):
            pass
    assert over.is_set()


def test_what_is_done_is_not_called_when_the_client_leaves():
    deadline, called = Deadline(), []
    with deadline.calls(lambda: called.append("done")):
        pass
    deadline.leave()
    assert called == []
