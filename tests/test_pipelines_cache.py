"""Folders that are built once, by one process, or not at all."""

import threading
import time
from pathlib import Path

import pytest

from pipelines.cache import built_once, cache_root
from pipelines.errors import DataError


def intact(folder):
    return (folder / "file").read_text() == "whole"


def build(folder):
    (folder / "file").write_text("whole")


def test_builds_once(tmp_path):
    calls = []
    for _ in range(2):
        folder = built_once(tmp_path / "new", "key", lambda f: (calls.append(f), build(f)), intact)
    assert len(calls) == 1
    assert (folder / "file").read_text() == "whole"
    assert folder == tmp_path / "new" / "key"


def test_a_failed_build_leaves_nothing(tmp_path):
    def fail(folder):
        (folder / "file").write_text("half")
        raise DataError("bad text")

    with pytest.raises(DataError, match="bad text"):
        built_once(tmp_path, "key", fail, intact)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_damaged_folder_and_the_remains_of_a_killed_build_are_replaced(tmp_path):
    (tmp_path / "key").mkdir()
    (tmp_path / "key" / "file").write_text("half")
    (tmp_path / ".key-dead").mkdir()
    folder = built_once(tmp_path, "key", build, intact)
    assert intact(folder)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [folder]


def test_of_several_at_once_one_builds(tmp_path):
    calls = []

    def slow(folder):
        calls.append(folder)
        time.sleep(0.2)
        build(folder)

    threads = [threading.Thread(target=built_once, args=(tmp_path, "key", slow, intact)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file/below: cannot write the cache folder"):
        built_once(tmp_path / "file" / "below", "key", build, intact)


def test_the_default_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "kerasapp"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_root() == tmp_path / ".cache" / "kerasapp"


def test_without_a_home_folder_the_way_out_is_named(monkeypatch):
    def missing():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", missing)
    with pytest.raises(DataError, match=r"no home folder .*: --data\.cache DIR, or .*XDG_CACHE_HOME"):
        cache_root()
    assert cache_root("~nobody-knows/a") == Path("~nobody-knows/a")


def test_whatever_keeps_the_folder_from_being_written_the_message_names_the_flag(write):
    with pytest.raises(
        DataError, match=r"cannot write the cache folder: Not a directory; .*--data\.cache DIR"
    ):
        built_once(write("a file") / "cache", "key", lambda folder: None, lambda folder: True)
