"""One version: the times and threads of loading, what is told of a failure, and what is left after it."""

import gc
import os
import weakref
from pathlib import Path

import pytest

from kerasapp.serving.models import bundle as bundle_module
from kerasapp.serving.models import versions
from kerasapp.serving.models.versions import Version
from kerasapp.serving.protocol.errors import StatusError


class Stub:
    """Stands for a SavedModel that takes 2 s to load and 5 s to warm up; it refers to itself, as one does."""

    now = 0.0

    def __init__(self, path):
        self.path, self.me = path, self
        Stub.now += 2

    def warm_up(self, path, threads):
        Stub.now += 5


@pytest.fixture
def version(monkeypatch, tmp_path):
    monkeypatch.setattr(bundle_module, "Bundle", Stub)
    monkeypatch.setattr(versions.time, "perf_counter", lambda: Stub.now)
    return Version("m", 1, tmp_path)


def test_loading_and_warming_up_are_timed_apart(version):
    assert version.load() and (version.seconds, version.warmup_seconds) == (2, 5)


def test_an_unloaded_version_frees_its_memory_at_once(version):
    version.load()
    model = weakref.ref(version.bundle)
    gc.disable()
    try:
        assert version.unload() and model() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (StatusError("NOT_FOUND", "so it is"), "NOT_FOUND", "so it is"),
        (KeyError("x"), "UNKNOWN", "'x'"),
        (OSError(13, "denied"), "UNKNOWN", "[Errno 13] denied"),
    ],
)
def test_whatever_goes_wrong_is_kept_in_words(version, monkeypatch, error, code, message):
    def fail(path):
        raise error

    monkeypatch.setattr(bundle_module, "Bundle", fail)
    assert not version.load() and (version.code, version.message) == (code, message)
    assert version.bundle is None


def test_a_broken_version_is_tried_again_once_a_file_has_changed(version, monkeypatch, tmp_path):
    (tmp_path / "variables").mkdir()
    file = tmp_path / "variables" / "data"
    file.write_text("half")
    version.load()
    assert not version.is_broken(tmp_path)
    monkeypatch.setattr(bundle_module, "Bundle", lambda path: 1 / 0)
    version.load()
    assert version.is_broken(tmp_path)
    file.write_text("whole")
    assert not version.is_broken(tmp_path)


def test_a_file_that_changes_while_it_is_read_counts_as_changed(version, monkeypatch, tmp_path):
    """It is not known which content was read."""

    def fail(path):
        (tmp_path / "saved_model.pb").write_text("whole")
        raise OSError("half")

    monkeypatch.setattr(bundle_module, "Bundle", fail)
    version.load()
    assert not version.is_broken(tmp_path)


def test_a_file_that_goes_meanwhile_is_no_error(version, monkeypatch, tmp_path):
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    monkeypatch.setattr(bundle_module, "Bundle", lambda path: 1 / 0)
    version.load()
    assert version.is_broken(Path(tmp_path))


@pytest.mark.parametrize(
    ("written", "settings"),
    [(b"audio:\n  f_min: 50\n", {"audio": {"f_min": 50}}), (b"a: [", None), (b"\xff", None), (None, None)],
)
def test_the_settings_of_an_export_are_read_when_it_is_loaded(version, written, settings):
    """Not at each look at the page, and never from a pipe, which may not end."""
    config = version.path / "assets.extra" / "kerasapp" / "config.yaml"
    config.parent.mkdir(parents=True)
    if written is None:
        os.mkfifo(config)
    else:
        config.write_bytes(written)
    assert version.load() and version.settings == settings
