"""Sentences from a file or a pipe of any size, one per line, and answers, one per line."""

import contextlib
import gzip
import io
import os
import sys
from pathlib import Path

from kerasapp.errors import note
from pipelines.atomic import replacing
from pipelines.errors import DataError
from pipelines.packed import damage_named, unpacked

LONGEST = 2**18  # most bytes of a line
CHUNK_LINES, CHUNK_BYTES = 4096, 2**22  # most lines and bytes in memory, which are sorted by length


class Line(bytes):
    """A line without its end; of a line longer than LONGEST the beginning, and `whole` is False."""

    whole = True


class Source:
    """Lines to read, in chunks.

    Args:
        file: a binary file. name: of the file, in messages.
        place: the file whose position, of `size` bytes, shows the progress; None if that is unknown.
        chunk_lines: most lines of a chunk; 1 gives each line at once.
    """

    def __init__(self, file, name, place=None, size=None, chunk_lines=CHUNK_LINES):
        self._file, self._name, self._place, self._size = file, name, place, size
        self._chunk_lines = chunk_lines

    def share(self):
        """The share of the bytes that has been read; None if the size is unknown."""
        return None if not self._size else min(1.0, self._place.tell() / self._size)

    def chunks(self):
        """Yields lists of `Line`, in order. Raises: DataError for damaged packed data."""
        chunk, size = [], 0
        for line in self._lines():
            chunk.append(line)
            size += len(line)
            if len(chunk) >= self._chunk_lines or size >= CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def _lines(self):
        first = True
        with damage_named(self._name):
            while read := self._file.readline(LONGEST):
                line = Line(read.removesuffix(b"\n").removesuffix(b"\r"))
                if first and line.startswith(b"\xef\xbb\xbf"):
                    line = Line(line[3:])  # a byte order mark
                first = False
                while not read.endswith(b"\n") and (read := self._file.readline(LONGEST)):
                    line.whole &= read in (b"\n", b"\r\n")
                yield line


@contextlib.contextmanager
def reading(path):
    """A `Source` of the file at `path`, or of standard input for None: text, plain, gzip, bzip2 or xz.

    Raises: DataError if the file cannot be read.
    """
    if path is None:
        name, piped = "standard input", sys.stdin.buffer
        lines = unpacked(piped if hasattr(piped, "peek") else io.BufferedReader(piped), name)
        yield Source(lines, name, chunk_lines=1 if sys.stdin.isatty() else CHUNK_LINES)
        return
    path = Path(os.path.expanduser(path))
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    with file:
        yield Source(unpacked(file, path), path, file, path.stat().st_size)


@contextlib.contextmanager
def writing(path):
    """A function that writes a list of texts as lines: to `path`, whole or not at all, as gzip if it ends in
    .gz; for None to standard output, at once."""
    if path is None:
        yield _writer(sys.stdout.buffer)
        return
    with replacing(path) as file:
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=file, mode="wb") as packed:
                yield _writer(packed)
        else:
            yield _writer(file)


def _writer(file):
    def write(texts):
        # Bytes of the shell that are not UTF-8 are written as they came.
        file.write("".join(f"{text}\n" for text in texts).encode("utf-8", "surrogateescape"))
        file.flush()

    return write


def unusable(lines):
    """Yields for each `Line` why it is no text, or None."""
    for line in lines:
        if not line.whole:
            yield f"is longer than {LONGEST:,} bytes"
            continue
        try:
            line.decode()
        except UnicodeDecodeError as error:
            yield f"is not UTF-8 (byte {error.start + 1} of the line)"
        else:
            yield None


def texts_of(source, check, progress):
    """Yields for each chunk its lines as strings, and a function of the share of the chunk that is done.

    A line that cannot be answered is None; its number, from 1, and the reason go to standard error.

    Args:
        source: a `Source`. progress: function of the share of the source that is done.
        check: function of a list of strings -> for each the reason why it cannot be answered, or None.
    """
    count, read = 0, source.share()
    for chunk in source.chunks():
        before, read = read, source.share()
        reasons = list(unusable(chunk))
        texts = ["" if reason else line.decode() for line, reason in zip(chunk, reasons, strict=True)]
        reasons = [one or other for one, other in zip(reasons, check(texts), strict=True)]
        for number, reason in enumerate(reasons, count + 1):
            if reason:
                note(f"line {number}: {reason}")

        def inside(share, before=before, read=read):
            progress(None if read is None else before + share * (read - before))

        yield [None if reason else text for text, reason in zip(texts, reasons, strict=True)], inside
        count += len(chunk)


def report(count, failures, seconds, done):
    """Prints to standard error how many sentences were answered, and how fast; `done` as "translated"."""
    words = f"{count:,} sentence{'s' * (count != 1)} in {seconds:.1f} s"
    words += f": {count / max(seconds, 1e-9):,.1f} per second"
    note(words + f"; {failures:,} could not be {done}" * (failures > 0))
