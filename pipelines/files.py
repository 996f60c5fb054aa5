"""Files of any size: found, digested, and read as text in pieces of a few megabytes."""

import codecs
import contextlib
import hashlib
import os
import shlex
import stat
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import BinaryIO

from pipelines.errors import DataError
from pipelines.packed import damage_named, unpacked

PIECE = 2**21  # bytes read at a time
_OTHER_SCRIPT = 0.3  # share of bytes above 127 that no text in Latin letters has
SAMPLE = "sample:"  # begins the name of data that are shipped


def locate(name: str | os.PathLike) -> Path:
    """The path of a file: a path, or "sample:NAME" for a file in pipelines/samples/.

    Raises:
        DataError: there is no such sample.
    """
    name = os.fspath(name)
    if not name.startswith(SAMPLE):
        return Path(os.path.expanduser(name))  # leaves an unknown ~user as it is
    known = {SAMPLE + path.name.split(".")[0]: path for path in sorted(samples().glob("*.gz"))}
    if name not in known:
        raise DataError(f"{name}: no such sample; there is {', '.join(known)}")
    return known[name]


def samples() -> Path:
    """The folder pipelines/samples/."""
    return Path(str(resources.files("pipelines"))) / "samples"


def content_hash(path: Path) -> str:
    """A hexadecimal digest of the file as it is on disk.

    Raises:
        DataError: the file is missing or cannot be read, or is a pipe, which can be read only once.
    """
    with contextlib.suppress(OSError):  # opening a pipe would wait for who writes
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise DataError(f"{path}: is a pipe or device; a file is expected, which is read several times")
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_text(path: Path) -> Iterator[str]:
    """The text of a UTF-8 file, piece by piece. It is plain, gzip, bzip2 or xz, told by its first bytes.

    A byte order mark at the start is dropped; line ends stay as they are.

    Raises:
        DataError: the file is missing, empty, unreadable, damaged or not UTF-8. The last names the
            offset of the first bad byte in the decompressed text, counted from 0, and its line, from 1.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    size, line_number, started, empty = 0, 1, False, True
    for block in _read_bytes(path):
        size += len(block)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            offset = size - len(error.object) + error.start
            line = line_number + error.object.count(b"\n", 0, error.start)
            where, name = f"{path}: byte {offset}, line {line}", shlex.quote(str(path))
            if b"\0" in error.object:
                raise DataError(f"{where}: not UTF-8, nor any other text: it has zero bytes") from None
            high = sum(byte > 127 for byte in error.object)
            if high > _OTHER_SCRIPT * len(error.object):
                encoding, kind = "ENCODING", "if it is text (ENCODING: GB18030, SHIFT_JIS, WINDOWS-1251, ...)"
            else:
                encoding, kind = "WINDOWS-1252", "of Windows or Latin-1 text"
            raise DataError(
                f"{where}: not UTF-8 ({error.reason}); {kind}: iconv -f {encoding} -t UTF-8 {name} > utf8.txt"
            ) from None
        line_number += text.count("\n")
        if text and not started:
            text, started = text.removeprefix("\ufeff"), True
        if text:
            empty = False
            yield text
    if empty:
        raise DataError(f"{path}: the file is empty")


def lines(pieces: Iterable[str]) -> Iterator[str]:
    """The lines of a text that comes in pieces, without their ends.

    Lines end at "\\n" alone (a "\\r" before it stays), not at the other characters that Python's
    `str.splitlines` knows: U+2028 or U+0085 may stand in a sentence.
    """
    held: list[str] = []  # the parts of a line whose end has not come yet
    for piece in pieces:
        first, *others = piece.split("\n")
        held.append(first)
        for part in others:
            yield "".join(held)
            held = [part]
    if last := "".join(held):
        yield last


def lines_of(path: Path, pieces: Iterable[str]) -> Iterator[str]:
    """`lines` of the text of a file.

    Raises:
        DataError: carriage returns alone end the lines.
    """
    found = lines(pieces)
    first, second = next(found, None), next(found, None)
    if second is None and "\r" in (first or "").strip("\r"):
        name = shlex.quote(str(path))
        raise DataError(f"{path}: lines end with CR alone; expected LF: tr '\\r' '\\n' < {name} > lf.txt")
    yield from (line for line in (first, second) if line is not None)
    yield from found


class StoredText:
    """A text on disk, in UTF-8, that can be read from any character.

    Args:
        path: the file to write.
        pieces: the text.
    """

    def __init__(self, path: Path, pieces: Iterable[str]):
        self.path = path
        self._characters, self._bytes = [0], [0]  # where each piece starts, and the end of the last
        with open(path, "wb") as file:
            for piece in pieces:
                encoded = piece.encode()
                file.write(encoded)
                self._characters.append(self._characters[-1] + len(piece))
                self._bytes.append(self._bytes[-1] + len(encoded))

    def __len__(self) -> int:
        """The number of characters."""
        return self._characters[-1]

    def read(self, start: int, stop: int) -> Iterator[str]:
        """The characters from `start` to `stop`, piece by piece."""
        with open(self.path, "rb") as file:
            index = bisect_right(self._characters, start) - 1
            while start < min(stop, len(self)):
                file.seek(self._bytes[index])
                piece = file.read(self._bytes[index + 1] - self._bytes[index]).decode()
                first = self._characters[index]
                yield piece[start - first : stop - first]
                index += 1
                start = self._characters[index]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The open file. Errors of the system, also those of reading it, become DataError."""
    try:
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise DataError(
            f"{path}: is a directory; expected a file: give those in it, such as {path}/*"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _read_bytes(path: Path) -> Iterator[bytes]:
    """The decompressed content; an empty block marks the end."""
    with _opened(path) as file:
        source = unpacked(file, path)
        with damage_named(path):
            while block := source.read(PIECE):
                yield block
    yield b""
