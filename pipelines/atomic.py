"""Writing files that others read."""

import os
import tempfile
from pathlib import Path


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a UTF-8 file whole or not at all: beside its place, then renamed.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(path)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="", dir=path.parent, prefix=f".{path.name}-", delete=False
    ) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o644)  # others may read it: mkstemp's files are for their owner alone
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
