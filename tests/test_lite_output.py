"""`kerasapp_lite.output`: a file is written whole or not at all, and nothing but a file is replaced."""

import os
import stat
import threading

import pytest

from kerasapp_lite import output


def test_a_file_is_new_or_keeps_its_mode_and_links_stay(tmp_path):
    path, link = tmp_path / "out.bin", tmp_path / "link.bin"
    output.write(path, b"one")
    assert path.read_bytes() == b"one" and stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask()
    path.chmod(0o640)
    link.symlink_to(path)
    output.write(link, b"two")
    assert link.is_symlink() and path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link.bin", "out.bin"]


def test_a_link_to_itself_stays(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="symbolic links"):
        output.write(loop, b"text")
    assert list(tmp_path.iterdir()) == [loop] and loop.is_symlink()


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_file_that_was_there_stays_if_the_new_one_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "out.bin"
    path.write_bytes(b"before")

    def full(self, target):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space left"):
        output.write(path, b"after")
    assert path.read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1


def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "out.bin"
    path.write_bytes(b"before")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # for root, too
    with pytest.raises(PermissionError, match="may not be written"):
        output.write(path, b"after")
    assert path.read_bytes() == b"before"


def test_a_pipe_gets_the_bytes(tmp_path):
    path, got = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()), daemon=True)
    reader.start()
    output.write(path, b"bytes")
    reader.join(10)
    assert got == [b"bytes"] and stat.S_ISFIFO(path.stat().st_mode)
