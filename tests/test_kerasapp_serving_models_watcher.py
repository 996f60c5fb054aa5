"""A registry that follows its configuration and folders; TensorFlow has no part in it."""

import threading

import pytest
from waiting import PATIENCE, wait_until

from kerasapp.serving.models import versions
from kerasapp.serving.models.model_config import find_models, folder_reader
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.models.watcher import Watcher
from kerasapp.serving.protocol.errors import ServingError


@pytest.fixture(autouse=True)
def _nothing_is_loaded(monkeypatch):
    monkeypatch.setattr(versions.Version, "load", lambda self, threads: True)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "one" / "1").mkdir(parents=True)
    return tmp_path


def test_models_and_versions_come_and_go(folder):
    registry = Registry(find_models(folder))
    registry.update()
    watcher = Watcher(registry, folder_reader(folder), seconds=1)
    (folder / "one" / "2").mkdir()
    (folder / "two" / "1").mkdir(parents=True)
    (folder / "three").mkdir()
    watcher.poll()
    assert registry.available() == {"one": [2], "two": [1]}
    (folder / "one").rename(folder / ".one")
    watcher.poll()
    assert registry.available() == {"two": [1]}
    assert [version.state for version in registry.versions("one")] == ["END", "END"]
    (folder / "two").rename(folder / ".two")
    watcher.poll()
    assert registry.available() == {}


def test_a_link_to_another_release(folder):
    (folder / "two" / "2").mkdir(parents=True)
    link = folder / "links" / "current"
    link.parent.mkdir()
    link.symlink_to(folder / "one")
    registry = Registry(find_models(link))
    registry.update()
    watcher = Watcher(registry, folder_reader(link), seconds=1)
    (link.parent / "new").symlink_to(folder / "two")
    (link.parent / "new").rename(link)
    watcher.poll()
    assert registry.available() == {"current": [2]}


def test_the_folder_of_one_model(folder):
    registry = Registry(find_models(folder / "one"))
    registry.update()
    (folder / "one" / "2").mkdir()
    Watcher(registry, folder_reader(folder / "one"), seconds=1).poll()
    assert registry.available() == {"one": [2]}


def test_a_configuration_that_cannot_be_read_changes_nothing(folder):
    registry, lines = Registry(find_models(folder)), []
    registry.update()
    errors = [ServingError("line 1"), ServingError("line 1"), OSError("away")]

    def read():
        if errors:
            raise errors.pop(0)
        return {}

    watcher = Watcher(registry, read, seconds=1, report=lines.append)
    (folder / "one" / "2").mkdir()
    watcher.poll()
    assert registry.available() == {"one": [2]}  # versions are followed all the same
    watcher.poll()
    watcher.poll()
    assert [line for line in lines if "configuration" in line] == [
        "the configuration stays as it was: line 1",
        "the configuration stays as it was: away",
    ]
    watcher.poll()
    assert registry.available() == {}


def test_a_problem_that_comes_back_is_told_again(folder):
    answers = [ServingError("line 1"), {}, ServingError("line 1")]

    def read():
        answer = answers.pop(0)
        if isinstance(answer, ServingError):
            raise answer
        return answer

    lines = []
    watcher = Watcher(Registry({}), read, seconds=1, report=lines.append)
    while answers:
        watcher.poll()
    assert lines == ["the configuration stays as it was: line 1"] * 2


def test_what_nobody_expected_does_not_end_it(caplog):
    errors, looked = [RuntimeError("odd")], threading.Event()

    def read():
        if errors:
            raise errors.pop()
        looked.set()
        return {}

    watcher = Watcher(Registry({}), read, seconds=0.01)
    watcher.start()
    wait_until(lambda: looked.is_set() or not watcher._thread.is_alive())
    watcher.stop()
    assert looked.is_set() and "looking for new versions failed" in caplog.text


def test_it_looks_by_itself_until_it_is_stopped(folder):
    looked = threading.Event()
    registry = Registry(find_models(folder))
    watcher = Watcher(registry, lambda: looked.set() or find_models(folder), seconds=0.01)
    watcher.start()
    assert looked.wait(PATIENCE)
    watcher.stop()
    looked.clear()
    assert not looked.wait(0.1)
