"""The Keras backend that a file of the home folder names, a user without one, and what does not fit."""

import importlib.metadata
import pwd

import pytest

from kerasapp.backend import TOGETHER, require_tensorflow
from kerasapp.errors import ConfigError


def test_the_file_of_the_home_folder_counts(tmp_path, monkeypatch):
    for name in ("KERAS_BACKEND", "KERAS_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    require_tensorflow()
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text('{"backend": "torch"}')
    with pytest.raises(ConfigError, match=r"keras\.json: the Keras backend is 'torch'"):
        require_tensorflow()


def test_a_user_whom_the_system_does_not_know_has_tensorflow(monkeypatch):
    def unknown(uid):
        raise KeyError(uid)

    for name in ("KERAS_BACKEND", "KERAS_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    require_tensorflow()


def installed(monkeypatch, *versions):
    found = dict(zip(TOGETHER, versions, strict=True))

    def version(package):
        if found[package] is None:
            raise importlib.metadata.PackageNotFoundError(package)
        return found[package]

    monkeypatch.setattr(importlib.metadata, "version", version)


@pytest.mark.parametrize(
    "versions", [("2.20.0", "2.20.1", "2.20.0"), ("2.21.0", "2.21.1", "2.21.0"), (None, "2.21.1", "2.21.0")]
)
def test_packages_of_one_minor_version_are_taken(versions, monkeypatch):
    installed(monkeypatch, *versions)
    require_tensorflow()


@pytest.mark.parametrize(
    "versions", [("2.21.0", "2.20.1", "2.20.0"), ("2.21.0", "2.21.1", "2.20.0"), ("2.21.0", "2.20.1", None)]
)
def test_packages_of_two_minor_versions_are_refused_with_what_to_type(versions, monkeypatch):
    installed(monkeypatch, *versions)
    wanted = r"'tensorflow==2\.21\.\*' 'tensorflow-text==2\.21\.\*'.*$"
    with pytest.raises(ConfigError, match=rf"^tensorflow 2\.21\.0, .* pip install {wanted}"):
        require_tensorflow()
