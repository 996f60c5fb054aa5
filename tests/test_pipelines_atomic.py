"""Files are written whole or not at all, and what stands at their place is not damaged."""

import os
import stat
import threading

import pytest

from pipelines.atomic import replacing, write_text


@pytest.fixture
def umask():
    """Function that sets the umask for the test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced_at_the_end_and_never_in_part(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    write_text(path, "new")
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_mode_of_the_umask(tmp_path, umask, mask, expected):
    umask(mask)
    write_text(tmp_path / "a.txt", "new")
    assert mode(tmp_path / "a.txt") == expected


@pytest.mark.parametrize("before", [0o600, 0o640, 0o755])
def test_a_file_keeps_its_mode(tmp_path, before):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(before)
    write_text(path, "new")
    assert path.read_text() == "new" and mode(path) == before


def test_a_link_stays_and_its_file_is_written(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.csv"
    link.symlink_to("real/target.csv")
    for text in ("first", "second"):  # at first the file is missing
        write_text(link, text)
        assert link.is_symlink() and (tmp_path / "real/target.csv").read_text() == text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.csv", "real"]


def test_a_link_to_itself_stays(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="symbolic links") as error:
        write_text(loop, "text")
    assert error.value.filename and list(tmp_path.iterdir()) == [loop] and loop.is_symlink()


def test_a_pipe_gets_the_whole_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    with replacing(pipe) as file:
        file.write(b"....text")
        file.seek(0)  # as who writes a WAV file does
        file.write(b"some")
    reader.join(20)
    assert got == [b"sometext"] and pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make devices")
def test_a_device_stays_one(tmp_path):
    node = tmp_path / "null"
    try:
        os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        node.write_bytes(b"")
    except OSError:
        pytest.skip("no devices may be made here")
    write_text(node, "gone")
    assert node.is_char_device() and list(tmp_path.iterdir()) == [node]


def test_a_descriptor_is_written_where_it_stands(tmp_path):
    """As `--output /dev/stdout > file` after a first line."""
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.write(b"first\n")
        file.flush()
        write_text(f"/dev/fd/{file.fileno()}", "second\n")
        file.write(b"third\n")
    assert path.read_bytes() == b"first\nsecond\nthird\n"


def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o444)
    if os.geteuid() == 0:  # root may write every file
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match="may not be written"):
        write_text(path, "new")
    assert path.read_text() == "old"


def test_an_error_of_the_system_names_the_file(tmp_path):
    """A write on a full disk does not say which file it was."""
    path = tmp_path / "a"
    with pytest.raises(OSError, match="No space left on device") as error, replacing(path):
        raise OSError(28, "No space left on device")
    assert error.value.filename == str(path) and os.listdir(tmp_path) == []
    with pytest.raises(OSError) as error, replacing(path):
        os.listdir(tmp_path / "nothere")
    assert str(error.value.filename) == str(tmp_path / "nothere")
