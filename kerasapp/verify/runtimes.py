"""The runtimes of an export, each in a process of its own."""

import contextlib
import dataclasses
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kerasapp import spec
from kerasapp.export.precisions import PRECISIONS
from kerasapp.serving.client import Client
from kerasapp.verify.inputs import PORT
from kerasapp.verify.measuring import Measured, measure, one_line, peak_memory, signatures

EXACT = ("keras", "saved_model", "cc_loader", "rest", "grpc")  # the arithmetic of all is float32
ENGINES = {"tflite": "interpreter", "compiled": "compiled"}  # of LiteRT, by the first part of a name
LONGEST = 3600.0  # seconds that a runtime may take for all: what takes longer hangs
REQUEST = 600.0  # seconds of a request to a server
STARTING = 300.0  # seconds until a server answers
_READY = re.compile(r"Serving .*gRPC at (\S+), REST at http://(\S+)")


def names(version):
    """The runtimes that there are for a version, in the order in which they are asked."""
    bundle = version / "tflite"
    try:
        told = json.loads((bundle / "metadata.json").read_text("utf-8"))["precisions"]
    except (OSError, ValueError, KeyError, TypeError):
        told = {}
    found = list(EXACT)
    for precision in PRECISIONS:
        if precision in told or (bundle / f"{precision}.tflite").is_file():
            takes = told.get(precision, {}).get("engines", ["interpreter"])  # older bundles name none
            found += [f"{name}_{precision}" for name, engine in ENGINES.items() if engine in takes]
    return found


def limits(version):
    """The limits of a version's bundle by name; {} where its metadata have none."""
    try:
        return json.loads((version / "tflite" / "metadata.json").read_text("utf-8")).get("limits", {})
    except (OSError, ValueError, AttributeError):
        return {}


def phone(runtime):
    """The engine of LiteRT and the precision of a runtime that runs a bundle; None for any other."""
    name, _, precision = runtime.partition("_")
    return (ENGINES[name], precision) if name in ENGINES else None


def takes(runtime, item, task):
    """Whether a runtime can be asked an item: a bundle has fewer signatures, and may have fewer knobs."""
    if phone(runtime) is None:
        return item.signature != PORT
    module = spec.spec(task).load("phone")
    return item.signature in module.SIGNATURES and getattr(module, "takes", lambda item: True)(item)


def run(runtime, version, given, seconds=None, patience=0.0, first=None):
    """Asks one runtime, but for a server, in a new process.

    Args:
        runtime: of `names`, not "rest" or "grpc".
        version: the version's folder, which may be called anything.
        given: function without arguments -> items, specs (see `kerasapp.verify.measuring.measure` and
            `kerasapp.verify.loops`); the process starts and loads its model while it waits.
        seconds: see `kerasapp.verify.measuring.measure`.
        patience: seconds of the processor that the figure of the validation data may take, of Keras.
        first: a `Future` that gets the `Measured` before this figure is known; None for none.

    Returns: `Measured`.
    """

    def later():
        items, specs = given()
        plain = [dataclasses.replace(item, expected=None, reference=None, like=None) for item in items]
        return {"items": plain, "specs": specs, "seconds": seconds, "patience": patience}

    job = {"runtime": runtime, "folder": str(version), "started": time.time()}
    found = child("kerasapp.verify.worker", job, first=first, later=later)
    return found if isinstance(found, Measured) else Measured(error=found)


def child(module, job, timeout=LONGEST, first=None, later=None):
    """What a module of this package makes of a job in a process of its own, or a line that says why nothing.

    Where the time is over the process is ended, and what it has written by then counts.

    Args:
        job: a dict. later: function without arguments -> what is added to the job while the process starts,
            which gets it by `whole`; None for nothing.
        timeout: seconds, after that.
        first: a `Future` that gets what is written first; None for none.
    """
    with tempfile.TemporaryDirectory(prefix="kerasapp-verify-") as folder:
        job_file, result, log = (Path(folder, name) for name in ("job", "result", "log"))
        write(job_file, job)
        command = [sys.executable, "-P", "-m", module, str(job_file), str(result)]
        with log.open("wb") as errors:
            process = subprocess.Popen(command, env=_environment(), stdout=subprocess.DEVNULL, stderr=errors)
        with process:
            try:
                if later:
                    write(_added(job_file), later())
                end = time.monotonic() + timeout
                while process.poll() is None and time.monotonic() < end:
                    if first and not first.done() and result.is_file():
                        first.set_result(pickle.loads(result.read_bytes()))
                    time.sleep(0.02)
                over = process.poll() is None
            finally:
                process.kill()
        if result.is_file():
            return pickle.loads(result.read_bytes())
        return f"took more than {timeout:g} s" if over else _reason(process.returncode, log)


def whole(job_file, job):
    """A job with what was added later; waits for that as long as who started this process is there."""
    added, parent = _added(job_file), os.getppid()
    while not added.is_file():
        if os.getppid() != parent:
            sys.exit(1)
        time.sleep(0.01)
    return job | pickle.loads(added.read_bytes())


def _added(job_file):
    return Path(f"{job_file}.later")


def write(file, value):
    """Writes a pickle as a whole."""
    Path(f"{file}.new").write_bytes(pickle.dumps(value))
    os.replace(f"{file}.new", file)


def _environment():
    """That of this process, whose modules are the child's, too, wherever they come from."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _reason(code, log):
    if code < 0:
        return f"the process ended by {signal.Signals(-code).name}"
    lines = [line for line in log.read_text("utf-8", errors="replace").splitlines() if line.strip()]
    return one_line(lines[-1] if lines else f"the process ended with {code}")


class Served:
    """`kerasapp serve` on free ports, for as long as a block lasts. `ask` waits until it is ready.

    Args:
        version: the version's folder, which is served under another name.
    """

    NAME = "export"

    def __init__(self, version):
        self._version = Path(version)

    def __enter__(self):
        with contextlib.ExitStack() as self._stack:
            self._start()
            self._stack = self._stack.pop_all()  # nothing went wrong
        return self

    def _start(self):
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="kerasapp-verify-")))
        (folder / self.NAME).mkdir()
        (folder / self.NAME / "1").symlink_to(self._version.resolve(), target_is_directory=True)
        log = self._stack.enter_context((folder / "log").open("w+", encoding="utf-8", errors="replace"))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "kerasapp", "serve", str(folder), "--rest-port", "0",
             "--grpc-port", "0", "--poll-seconds", "0", "--timeout", str(REQUEST)],
            env=_environment(), stdout=log, stderr=log,
        )  # fmt: skip
        waiting = self._stack.enter_context(ThreadPoolExecutor(1))
        self._stack.callback(self._stop)  # before the wait, which it ends
        self._ready = waiting.submit(self._wait, folder / "log")

    def __exit__(self, *error):
        self._stack.close()

    def ask(self, protocol, items, specs):
        """The `Measured` of "rest" or "grpc". Its start is that of the server and of the first request, its
        memory the server's."""
        addresses, error, seconds = self._ready.result()
        if error:
            return Measured(error=error)
        address = addresses[protocol]

        with Client(address, timeout=REQUEST, retries=0) as client:

            def call(name, inputs):
                return client.predict(self.NAME, inputs, signature_name=name)

            started = time.time() - seconds  # as if the server had started only now
            found = measure(signatures(call, specs), items, started=started)
        found.peak = peak_memory(self._process.pid)
        return found

    def _wait(self, log):
        """The server's addresses, or None; why there are none, or None; the seconds until it was ready."""
        started = time.monotonic()
        while (seconds := time.monotonic() - started) < STARTING:
            code, text = self._process.poll(), log.read_text("utf-8", errors="replace")
            found = _READY.search(text)
            if found:
                return {"rest": found[2], "grpc": f"grpc://{found[1]}"}, None, seconds
            if code is not None:
                lines = [line for line in text.splitlines() if line.strip()]
                return None, one_line(lines[-1] if lines else f"the server ended with {code}"), seconds
            time.sleep(0.02)
        return None, f"the server did not answer after {STARTING:g} s", seconds

    def _stop(self):
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
