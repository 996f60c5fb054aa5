"""Text files of any size, read in pieces of a few megabytes."""

import codecs
import gzip
import hashlib
import os
import unicodedata
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

from pipelines.errors import DataError
from pipelines.text.tokenizers import normalise_string

PIECE = 2**21  # bytes read at a time
SAMPLE = "sample:"


def locate(name: str | os.PathLike) -> Path:
    """The path of a file given as a path, or as "sample:NAME" for one shipped in pipelines/samples/."""
    name = os.fspath(name)
    if not name.startswith(SAMPLE):
        return Path(os.path.expanduser(name))  # leaves an unknown ~user as it is
    folder = Path(str(resources.files("pipelines"))) / "samples"
    known = {SAMPLE + path.name.split(".")[0]: path for path in sorted(folder.glob("*.gz"))}
    if name not in known:
        raise DataError(f"{name}: no such sample; there is {', '.join(known)}")
    return known[name]


def content_hash(path: Path) -> str:
    """A hexadecimal digest of the file as it is on disk.

    Raises:
        DataError: the file is missing or cannot be read.
    """
    with _opened(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def read_text(path: Path) -> Iterator[str]:
    """The text of a UTF-8 file, plain or gzip (told by its first bytes), piece by piece.

    A byte order mark at the start is dropped; line ends stay as they are.

    Raises:
        DataError: the file is missing, empty, unreadable, damaged gzip or not UTF-8. The last names the
            offset of the first bad byte in the decompressed text, counted from 0, and its line, from 1.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    size, lines, started, empty = 0, 1, False, True
    for block in _read_bytes(path):
        size += len(block)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            offset = size - len(error.object) + error.start
            line = lines + error.object.count(b"\n", 0, error.start)
            raise DataError(f"{path}: byte {offset}, line {line}: not UTF-8 ({error.reason})") from None
        lines += text.count("\n")
        if text and not started:
            text, started = text.removeprefix("\ufeff"), True
        if text:
            empty = False
            yield text
    if empty:
        raise DataError(f"{path}: the file is empty")


def normalised(pieces: Iterable[str], form: str) -> Iterator[str]:
    """The pieces of a text, normalised as if it were one string, and cut elsewhere."""
    held = ""
    for piece in pieces:
        held += piece
        if cut := _safe_cut(held):
            yield normalise_string(held[:cut], form)
            held = held[cut:]
    if held:
        yield normalise_string(held, form)


class StoredText:
    """A text on disk, in UTF-8, that can be read from any character on.

    Args:
        path: where to write it.
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


def _opened(path: Path):
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a directory; expected a text file, plain or gzip") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _read_bytes(path: Path) -> Iterator[bytes]:
    """The decompressed content; an empty block marks the end."""
    size = 0
    with _opened(path) as file:
        # No UTF-8 text starts with gzip's mark: its second byte may only continue a character.
        packed = file.peek(2)[:2] == b"\x1f\x8b"
        source = gzip.GzipFile(fileobj=file) if packed else file
        try:
            while block := source.read(PIECE):
                size += len(block)
                yield block
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(
                f"{path}: damaged or cut-off gzip data after byte {size} of the text ({error})"
            ) from None
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    yield b""


def _safe_cut(text: str) -> int:
    """The last position where `text` can be cut so that both parts can be normalised alone; 0 if none.

    That is before a character that never composes with an earlier one: any ASCII character, and any other
    that is no mark and no medial or final Hangul letter.
    """
    for position in range(len(text) - 1, 0, -1):
        character = text[position]
        if character < "\x80":
            return position
        # Unassigned ("Cn") to this Python may be a composing vowel sign to a newer Unicode.
        if unicodedata.category(character)[0] in "LNPSZ" and not "\u1160" <= character <= "\u11ff":
            return position
    return 0
