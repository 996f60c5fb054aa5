"""How many requests are taken, how many run, and who waits."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from waiting import PATIENCE, wait_until

from kerasapp.serving.admission import Admission, LargeBodies, Turns
from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.protocol.errors import QueueFullError, StatusError


def test_what_does_not_fit_is_refused_until_something_leaves():
    admission = Admission(10, "bytes of bodies")
    with admission.enter(7):
        admission.check(3)
        for full in (admission.check, lambda count: admission.enter(count).__enter__()):
            with pytest.raises(QueueFullError, match="has 7 bytes of bodies in flight"):
                full(4)
        with admission.enter(3), pytest.raises(QueueFullError):
            admission.check()
    assert admission.in_flight == 0


def test_as_many_run_as_may_and_the_others_follow_in_turn():
    turns, go, order = Turns(1), threading.Event(), []

    def run(name):
        with turns.take(Deadline()):
            order.append(name)
            go.wait(PATIENCE)

    with ThreadPoolExecutor(3) as executor:
        executor.submit(run, "first")
        wait_until(lambda: order)
        for waiting, name in enumerate(("second", "third")):
            executor.submit(run, name)
            wait_until(lambda waiting=waiting: len(turns.waiting) == waiting + 1)
        assert order == ["first"]
        go.set()
    assert order == ["first", "second", "third"]


def test_who_gives_up_leaves_the_line():
    turns, late = Turns(1), Deadline.after(0.1)
    with turns.take(Deadline()), ThreadPoolExecutor(2) as executor:
        gone = Deadline()
        runs = [executor.submit(turns.take(deadline).__enter__) for deadline in (late, gone)]
        with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"):
            runs[0].result()
        wait_until(lambda: len(turns.waiting) == 1)
        gone.leave()
        with pytest.raises(StatusError, match="CANCELLED"):
            runs[1].result()
        assert not turns.waiting
    with turns.take(Deadline.after(PATIENCE)):  # the turn has come back
        pass


def test_a_turn_that_comes_too_late_goes_to_the_next():
    turns = Turns(1)
    first = turns.take(Deadline())
    first.__enter__()

    class Late(Deadline):
        def calls(self, call):
            first.__exit__(None, None, None)  # the turn is free, and nobody waits for it any more
            return super().calls(call)

    with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"), turns.take(Late(0)):
        pass
    with turns.take(Deadline.after(1)):
        pass


def test_large_bodies_are_read_one_after_the_other():
    bodies, small, large = LargeBodies(), b"x", bytes(2**20 + 1)
    with bodies.read(large, Deadline()):
        assert not gc.isenabled()  # it would look through all that is read, again and again
        with bodies.read(small, Deadline()):
            pass
        with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"), bodies.read(large, Deadline.after(0.05)):
            pass
    assert gc.isenabled()
    with bodies.read(large, Deadline.after(PATIENCE)):
        pass
