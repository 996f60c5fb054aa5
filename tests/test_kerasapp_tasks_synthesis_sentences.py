"""Speech written as a file of sound."""

import contextlib
import io
from types import SimpleNamespace

import numpy as np
import pytest

from kerasapp.tasks.synthesis import sentences


class Full(io.BytesIO):
    """A file on a disk with room for a header."""

    def write(self, data):
        if len(data) > 100:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_a_full_disk_is_told_and_no_assertion(monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(sentences, "replacing", lambda path: contextlib.nullcontext(Full()))
    speech = SimpleNamespace(audio=np.zeros(5000, np.float32), sample_rate=8000)
    with pytest.raises(OSError, match="No space left on device"):
        sentences.write_speech(tmp_path / "a.wav", [speech], ["one"], "TEXT")
    assert capfd.readouterr().err == ""
