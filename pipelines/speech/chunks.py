"""The chunks of WAV and AIFF files: whether the sound is as long as the file's header says.

libsndfile reads what is there of a file that was cut off, and shortens the header's length to it.
"""

import os
from collections.abc import Iterator
from typing import BinaryIO

_ORDERS = {b"RIFF": "little", b"RF64": "little", b"RIFX": "big", b"FORM": "big"}  # the order of bytes
_SOUND = (b"data", b"SSND")
_UNKNOWN = 0x7FFF0000  # bytes: from here on, and at 0, the writer did not know the length
_SIZES = b"ds64"  # the chunk of RF64 with sizes of 64 bits


def missing_bytes(path: str | os.PathLike) -> int:
    """How many bytes of its sound a WAV or AIFF file lacks; 0 for a whole one and for other formats."""
    total = os.path.getsize(path)
    with open(path, "rb") as file:
        order = _ORDERS.get(file.read(4))
        if order is None:
            return 0
        file.seek(12)
        long_size = 0
        for name, start, size in _chunks(file, order):
            if name == _SIZES:
                long_size = int.from_bytes(file.read(16)[8:], order)
            if name in _SOUND:
                size = long_size if long_size and size >= _UNKNOWN else size
                known = long_size or 0 < size < _UNKNOWN
                return max(0, start + size - total) if known else 0
    return 0


def _chunks(file: BinaryIO, order: str) -> Iterator[tuple[bytes, int, int]]:
    """The name, the start and the size of each chunk; the file stands at the start."""
    while len(head := file.read(8)) == 8:
        start, size = file.tell(), int.from_bytes(head[4:], order)
        yield head[:4], start, size
        file.seek(start + size + size % 2)
