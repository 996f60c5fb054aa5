"""Files that commands write."""

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path


def write(path, content):
    """Writes the bytes `content` to a file, whole or not at all.

    A file keeps its mode; of a symbolic link the file it leads to is written. A device, a pipe or
    /dev/stdout gets the bytes.

    Raises: OSError where they cannot be written.
    """
    path = Path(path)
    if str(path).startswith("/dev/") or (path.exists() and not path.is_file()):
        path.write_bytes(content)
        return
    path = Path(os.path.realpath(path))
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError(13, "the file may not be written", str(path))
    beside = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        beside.write_bytes(content)
        if mode is not None:
            beside.chmod(mode)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
