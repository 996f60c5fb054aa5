"""The Keras backend that a file of the home folder names, and a user without one."""

import pwd

import pytest

from kerasapp.backend import require_tensorflow
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
