"""Writing files that others may read at the same time."""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")  # of this process
_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a UTF-8 file whole or not at all: see `replacing`.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """A temporary binary file whose content `path` has at the end, and never in part: after an exception
    nothing is written.

    A file is replaced and keeps its mode; a new one has that of the umask. Of a symbolic link the file it
    leads to is written. A pipe, a device or an open descriptor such as /dev/stdout gets the bytes.

    Raises:
        OSError: the file cannot be written; the error names it.
    """
    try:
        with _replacing(Path(path)) as file:
            yield file
    except OSError as error:
        if error.filename is None and error.errno not in (None, errno.EPIPE):  # as of a full disk
            error.filename = str(path)
        raise


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    if _takes_bytes(path):
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            with _opened(path) as out:
                shutil.copyfileobj(file, out)
        return
    path = Path(os.path.realpath(path))
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError(13, "the file may not be written", str(path))
    beside = path.with_name(f".{secrets.token_hex(8)}.tmp")
    with open(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), "w+b") as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if mode is not None:
                os.chmod(beside, mode)
            os.replace(beside, path)
        except BaseException:
            os.unlink(beside)
            raise


def _takes_bytes(path: Path) -> bool:
    """Whether something is at `path` that bytes are written to and that must not be replaced."""
    if _descriptor(path) is not None:
        return True
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:  # there is nothing, or who writes will hear why not
        return False


def _descriptor(path: Path) -> int | None:
    match = _DESCRIPTOR.fullmatch(str(path))
    return int(match[1]) if match else _STREAMS.get(str(path))


def _opened(path: Path) -> BinaryIO:
    """What is at `path`, open for writing; a descriptor goes on where it stands."""
    number = _descriptor(path)
    return path.open("wb") if number is None else open(os.dup(number), "wb")
