"""Processes of their own: what they write first and last, and why there is nothing."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from kerasapp.verify import runtimes

MODULE = """
import os, pickle, sys, time
job, result = sys.argv[1:]
job = pickle.load(open(job, "rb"))

def write(value):
    pickle.dump(value, open(result + ".new", "wb"))
    os.replace(result + ".new", result)

if "first" in job:
    write(job["first"])
while "wait" in job and not os.path.exists(job["wait"]):
    time.sleep(0.01)
if "more" in job:
    from kerasapp.verify.runtimes import whole
    open(job["more"], "w").write(str(os.getpid()))
    job = whole(sys.argv[1], job)
exec(job.get("do", ""))
write("last")
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "a_module_of_this_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    return "a_module_of_this_test"


def test_what_is_written_first_is_known_before_the_end(module, tmp_path):
    first, found, file = Future(), [], tmp_path / "go on"
    job = {"first": "first", "wait": str(file)}
    work = threading.Thread(target=lambda: found.append(runtimes.child(module, job, first=first)))
    work.start()
    try:
        assert first.result(60) == "first" and not found
    finally:
        file.touch()
        work.join(60)
    assert found == ["last"]


@pytest.mark.parametrize(
    ("job", "seconds", "found"),
    [
        ({"do": "raise ValueError('a reason')"}, 60, "ValueError: a reason"),
        ({"do": "sys.exit(3)"}, 60, "the process ended with 3"),
        ({"do": "os.kill(os.getpid(), 9)"}, 60, "the process ended by SIGKILL"),
        ({"wait": "/nowhere"}, 0.5, "took more than 0.5 s"),
        ({"first": "first", "wait": "/nowhere"}, 4, "first"),
        ({"first": "first", "do": "os._exit(1)"}, 60, "first"),
        ({"do": "sys.stderr.write('x' * 1_000_000)"}, 60, "last"),
    ],
)
def test_a_process_that_ends_early_leaves_what_it_has_written_or_a_reason(module, job, seconds, found):
    first = Future()
    assert runtimes.child(module, job, seconds, first) == found
    assert not first.done() or first.result() in ("first", "last")


def wait_for(file):
    """The process number that a child has written."""
    end = time.monotonic() + 60
    while not (file.is_file() and file.read_text()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return int(file.read_text())


def test_a_process_starts_before_its_job_is_known(module, tmp_path):
    file = tmp_path / "started"

    def later():
        wait_for(file)
        return {"do": "raise ValueError('it came')"}

    assert runtimes.child(module, {"more": str(file)}, later=later) == "ValueError: it came"


def test_a_process_whose_job_cannot_be_made_is_ended(module, tmp_path):
    file = tmp_path / "started"

    def later():
        wait_for(file)
        raise OSError("no data")

    with pytest.raises(OSError, match="no data"):
        runtimes.child(module, {"more": str(file)}, later=later)
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


def test_a_process_that_waits_for_its_job_ends_with_the_one_that_started_it(module, tmp_path):
    file = tmp_path / "started"
    code = f"""
        from kerasapp.verify import runtimes
        import os, threading, time
        def later():
            time.sleep(600)
        job = threading.Thread(target=runtimes.child, args=[{module!r}, {{"more": {str(file)!r}}}],
                               kwargs={{"later": later}}, daemon=True)
        job.start()
        while not (os.path.exists({str(file)!r}) and open({str(file)!r}).read()):
            time.sleep(0.01)
        os._exit(0)
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=environment, check=True, timeout=60)
    waiting, end = wait_for(file), time.monotonic() + 60
    while Path(f"/proc/{waiting}").exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_files_of_the_current_folder_are_no_modules(module, tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "pickle.py").write_text("raise SystemExit('a file of the user')")
    monkeypatch.chdir(folder)
    assert runtimes.child(module, {}) == "last"
