"""A server whose versions change, break and vanish under load, and that is killed. See serving_faults.py.

Each function gives a title, rows (what, value) of a table, and whether the target was met.
"""

import json
import os
import shutil
import signal
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf
from serving_deadlines import NAME, Slow
from serving_faults import both, failed, outcome_rows, serves_only
from serving_process import Examples, Served, wait_until

CLIENTS = 4  # over REST, and as many over gRPC
_POLL = ("--poll-seconds", "0.1")


@contextmanager
def releases():
    """The folder of a release with version 1 of a model, which the link "current" beside it leads to."""
    with tempfile.TemporaryDirectory(prefix="versions-") as folder:
        module, first = Slow(), Path(folder, "first")
        tf.saved_model.save(module, str(first / NAME / "1"), signatures={"serving_default": module.serve})
        Path(folder, "current").symlink_to("first")
        yield first


def examples():
    """A short request to the model."""
    return Examples(NAME, "serving_default", [{"steps": np.ones([1, 1], np.int32)}])


def versions(seconds):
    """A new version, its removal, a broken one, and a switch of the link to another release, under load."""
    with releases() as first, Served(first.parent / "current", *_POLL) as server:
        loads, taken = both(server, examples(), CLIENTS, 3600), []
        model, second = first / NAME, first.parent / "second"
        shutil.copytree(first, second)
        (second / NAME / "1").rename(second / NAME / "7")

        def step(name, number, change):
            time.sleep(seconds / 5)
            begun = time.monotonic()
            change()
            done = wait_until(lambda: serves_only(server, NAME, number))
            taken.append((name, f"after {time.monotonic() - begun:.1f} s" if done else "never"))

        step("version 2 serves", 2, lambda: _copy(model / "1", model / "2"))
        step("version 1 serves again", 1, lambda: shutil.rmtree(model / "2"))
        step("a broken version 3 is refused", 1, lambda: _break(server, model))
        step("the other release serves", 7, lambda: _switch(first.parent / "current", second.name))
        time.sleep(seconds / 5)
        for load in loads:
            load.stop()
        results = [load.result() for load in loads]
    met = not failed(results) and all(value != "never" for _, value in taken)
    return f"versions that change under load, {seconds:g} s", [*outcome_rows(results), *taken], met


def kills(count):
    """kill -9 under load and a restart at the same ports, again and again."""
    lost, ready = 0, []
    with releases() as first, Served(first, *_POLL) as server:
        for _ in range(count):
            loads = both(server, examples(), CLIENTS, 3600)
            wait_until(lambda: json.loads(server.ask(*_request()))["predictions"])
            server.end(signal.SIGKILL)
            begun = time.monotonic()
            server.start_again()
            ready.append(time.monotonic() - begun)
            begun = time.monotonic()
            time.sleep(1)
            for load in loads:
                load.stop()
            for result in (load.result() for load in loads):
                again = (result["ends"] > begun).any()
                late = [failure for failure in result["failures"] if failure[0] > begun + 0.5]
                lost += not again or bool(late) or "hung" in result["outcomes"]
    rows = [
        ("seconds until it is ready, median and most", f"{np.median(ready):.1f}, {max(ready):.1f}"),
        ("times that clients did not go on", str(lost)),
    ]
    return f"kill -9 and restart, {count} times", rows, not lost


def memory(count):
    """New versions, one after the other, each of which takes over from the one before."""
    sizes = []
    with releases() as first, Served(first, *_POLL) as server:
        model = first / NAME
        for number in range(1, count + 1):
            _copy(model / str(number), model / str(number + 1))
            if not wait_until(lambda number=number: serves_only(server, NAME, number + 1)):
                break
            server.ask(*_request())
            shutil.rmtree(model / str(number))
            sizes.append(server.memory())
    settled, end = np.median(sizes[count // 10 : count // 5 + 1]), np.median(sizes[-count // 10 - 1 :])
    growth = (end - settled) / max(0.8 * count, 1)
    rows = [
        ("versions that took over", f"{len(sizes):,}"),
        ("memory after a tenth, and at the end", f"{settled / 1e6:,.1f} MB, {end / 1e6:,.1f} MB"),
        ("per version", f"{growth / 1e3:.1f} kB; target: 50"),
    ]
    return f"memory over {count:,} versions", rows, len(sizes) == count and growth < 50e3


def _request():
    return f"/v1/models/{NAME}:predict", b'{"instances": [[1]]}'


def _copy(source, place):
    """Copies a version beside its place, and renames it."""
    shutil.copytree(source, place.with_name(".copied"))
    place.with_name(".copied").rename(place)


def _break(server, model):
    _copy(model / "1", model / "3")
    (model / "3" / "saved_model.pb").write_bytes(b"no model")

    def refused():
        states = json.loads(server.ask(f"/v1/models/{NAME}"))["model_version_status"]
        return ("3", "END") in [(state["version"], state["state"]) for state in states]

    wait_until(refused)


def _switch(link, target):
    """Makes a link lead elsewhere, at once."""
    link.with_name("new").symlink_to(target)
    os.replace(link.with_name("new"), link)
