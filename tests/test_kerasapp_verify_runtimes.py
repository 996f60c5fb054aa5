"""Processes of their own: what they write first and last, and why there is nothing."""

import threading
from concurrent.futures import Future

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


def test_files_of_the_current_folder_are_no_modules(module, tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "pickle.py").write_text("raise SystemExit('a file of the user')")
    monkeypatch.chdir(folder)
    assert runtimes.child(module, {}) == "last"
