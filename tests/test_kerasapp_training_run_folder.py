"""The folder of a run: its lock between real processes, what goes on in it, whole paths."""

import errno
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from tiny import SMALL
from waiting import PATIENCE

from kerasapp.cli import run
from kerasapp.config import parsing
from kerasapp.config.building import build
from kerasapp.config.presets import preset
from kerasapp.errors import ConfigError
from kerasapp.training.run_folder import absolute, clear, locked, opened, stored_config

# === The lock ===

HOLDER = """
import sys, time
from pathlib import Path
from kerasapp.training.run_folder import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process, which holds the lock of `tmp_path / "run"`."""
    words = [sys.executable, "-c", HOLDER, str(tmp_path / "run")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def train(folder, text_file, *flags):
    words = ["train", "generation", "--run", str(folder), "--data.files", str(text_file), *SMALL]
    return run([*words, "--training.steps", "2", *flags])


@pytest.mark.parametrize("flags", [[], ["--training.overwrite", "true"]])
def test_a_second_training_ends_at_once_and_names_the_first(tmp_path, text_file, holder, capsys, flags):
    assert train(tmp_path / "run", text_file, *flags) == 2
    line = capsys.readouterr().err
    assert re.fullmatch(
        rf"error: {tmp_path}/run: process {holder.pid} on {socket.gethostname()}, since "
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d, trains there; wait for its end, or name another "
        r"--run\n",
        line,
    )
    assert [entry.name for entry in (tmp_path / "run").iterdir()] == ["lock"]


def test_the_lock_of_a_process_that_was_killed_is_taken_over(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    lock = tmp_path / "run" / "lock"
    assert f"process {holder.pid} on" in lock.read_text()
    with locked(tmp_path / "run"):
        assert lock.read_text().startswith(f"process {os.getpid()} on {socket.gethostname()}, since ")
        with pytest.raises(ConfigError, match=f"process {os.getpid()} on"), locked(tmp_path / "run"):
            pass
    assert list((tmp_path / "run").iterdir()) == []


def test_a_training_that_is_killed_goes_on_and_holds_the_lock_meanwhile(tmp_path, text_file, capsys):
    words = ["-m", "kerasapp", "train", "generation", "--run", str(tmp_path / "run"), "--data.files"]
    words += [str(text_file), *SMALL, "--training.steps", "100000"]
    first = subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL)
    while not (tmp_path / "run" / "config.yaml").exists():
        assert first.poll() is None
        time.sleep(0.05)
    assert run(["train", "generation", "--run", str(tmp_path / "run")]) == 2
    assert f"process {first.pid} on" in capsys.readouterr().err
    first.kill()
    first.wait()
    again = subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE, text=True)
    assert again.stderr.readline() == f"{tmp_path}/run: going on with this run\n"
    again.kill()
    again.communicate()


CONTENDER = """
import os, sys, time
from pathlib import Path
from kerasapp.errors import ConfigError
from kerasapp.training.run_folder import locked
folder, taken = Path(sys.argv[1]), 0
while taken < 30:
    try:
        with locked(folder):
            os.close(os.open(folder.parent / "inside", os.O_CREAT | os.O_EXCL))  # fails if it is there
            os.unlink(folder.parent / "inside")
        taken += 1
    except ConfigError:
        time.sleep(0.001)
print("done")
"""


def test_never_two_processes_hold_it(tmp_path):
    words = [sys.executable, "-c", CONTENDER, str(tmp_path / "made" / "run")]
    contenders = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=PATIENCE)[0] for process in contenders] == ["done\n"] * 3
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch, capsys):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with locked(tmp_path / "run"):
        assert (tmp_path / "run" / "lock").exists()
    told = f"{tmp_path}/run: this file system has no locks; train there only once\n"
    assert capsys.readouterr().err == told


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder in which nobody can write")
def test_a_folder_that_cannot_be_written_is_one_line(text_file, capsys):
    assert train("/proc/run", text_file) == 2
    assert re.fullmatch(r"error: /proc/run: [\w ]+\n", capsys.readouterr().err)


def test_a_training_that_fails_leaves_nothing(tmp_path, text_file, capsys):
    assert train(tmp_path / "deep" / "run", text_file, "--data.split", "0", "0.5", "0.5") == 2
    (tmp_path / "empty.txt").write_text("")
    assert train(tmp_path / "deep" / "run", tmp_path / "empty.txt") == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["empty.txt"]


# === What is in the folder ===


def small(text_file, **training):
    return build(preset("generation"), {"data.files": [str(text_file)], "training": {"steps": 5, **training}})


def begin(folder, config):
    folder.mkdir()
    parsing.save(config, folder / "config.yaml")


def test_an_unfinished_run_goes_on(tmp_path, text_file, capsys):
    config = small(text_file)
    with opened(tmp_path / "run", config) as resuming:
        assert resuming is False
    begin(tmp_path / "run", config)
    with opened(tmp_path / "run", config) as resuming:
        assert resuming is True
    assert capsys.readouterr().err == f"{tmp_path}/run: going on with this run\n"


def test_what_does_not_change_the_weights_may_differ(tmp_path, text_file):
    begin(tmp_path / "run", small(text_file))
    other = small(text_file, save_seconds=1.0, callbacks=("a:B",))
    with opened(tmp_path / "run", other) as resuming:
        assert resuming is True


def test_another_configuration_and_a_finished_run_are_refused(tmp_path, text_file):
    begin(tmp_path / "run", small(text_file))
    other, differing = small(text_file, seed=7), r"another configuration \(training.seed: 0 -> 7\)"
    with pytest.raises(ConfigError, match=differing), opened(tmp_path / "run", other):
        pass
    (tmp_path / "run" / "finished").touch()
    with pytest.raises(ConfigError, match="this run is finished"), opened(tmp_path / "run", small(text_file)):
        pass
    with opened(tmp_path / "run", small(text_file, seed=7, overwrite=True)) as resuming:
        assert resuming is False
    assert (tmp_path / "run" / "finished").exists()  # opening deletes nothing


def test_what_is_no_run_is_refused_and_left_as_it_is(tmp_path, text_file):
    (tmp_path / "thesis.tex").write_text("")
    config = small(text_file, overwrite=True)
    with pytest.raises(ConfigError, match="neither empty nor a run"), opened(tmp_path, config):
        pass
    with pytest.raises(ConfigError, match="is a file"), opened(tmp_path / "thesis.tex", config):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_a_run_has_before_its_configuration_is_no_other_folder(tmp_path):
    for name in ("source_tokenizer.json", "target_tokenizer.json", "lock"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "logs").mkdir()
    (tmp_path / "lost+found").mkdir()  # of a volume that is mounted here
    assert stored_config(tmp_path) is None
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(ConfigError, match="neither empty nor a run"):
        stored_config(tmp_path)


def test_clearing_a_folder_leaves_its_lock_and_what_links_lead_to(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "text").touch()
    with locked(tmp_path / "run"):
        (tmp_path / "run" / "checkpoints").mkdir()
        (tmp_path / "run" / "checkpoints" / "one").touch()
        (tmp_path / "run" / "link").symlink_to(tmp_path / "data")
        (tmp_path / "run" / "config.yaml").touch()
        (tmp_path / "run" / "lost+found").mkdir()
        clear(tmp_path / "run")
        assert sorted(entry.name for entry in (tmp_path / "run").iterdir()) == ["lock", "lost+found"]
    assert (tmp_path / "data" / "text").exists()


# === Paths ===


def test_paths_become_whole_and_samples_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    config = build(preset("generation"), {"data.files": ["a.txt", "~/b.txt", "sample:tinyshakespeare"]})
    here = os.getcwd()
    assert absolute(config).data.files == (f"{here}/a.txt", "/home/somebody/b.txt", "sample:tinyshakespeare")

    given = {"source": "a.de", "target": "/b.en", "valid_source": "../v.de", "valid_target": "v.en"}
    config = build(preset("translation"), {"data": given})
    data = absolute(config).data
    assert (data.source, data.target) == (f"{here}/a.de", "/b.en")
    assert (data.valid_source, data.valid_target) == (f"{os.path.dirname(here)}/v.de", f"{here}/v.en")
    assert (data.pairs, data.test_source) == (None, None)
    chinese = preset("translation", "tatoeba-zh-en")
    assert absolute(chinese) == chinese
