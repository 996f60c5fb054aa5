"""Files that are packed, or of another kind than text, told by their first bytes."""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import shlex
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from pipelines.errors import DataError

LFS = b"version https://git-lfs."  # how the pointers of Git LFS begin
_HEAD = 4096  # bytes that are looked at
_PACKED = {  # how a file begins -> what reads it; no text begins so
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    **{b"BZh%d1AY&SY" % level: bz2.BZ2File for level in range(1, 10)},
}
_OTHERS = {  # how a file begins -> what it is, and the command that helps
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd -dc {path} | gzip > {path}.gz"),
    b"PK\x03\x04": ("a zip archive", "unzip -p {path} > {path}.txt"),
    b"\xd0\xcf\x11\xe0": ("an old office document", "save it as CSV or plain text, in UTF-8"),
    b"PAR1": ("Parquet", "pandas.read_parquet(...).to_csv(..., index=False)"),
    b"\xff\xfe\0\0": ("UTF-32", "iconv -f UTF-32 -t UTF-8 {path} > {path}.utf8"),
    b"\xff\xfe": ("UTF-16", "iconv -f UTF-16 -t UTF-8 {path} > {path}.utf8"),
    b"\xfe\xff": ("UTF-16", "iconv -f UTF-16 -t UTF-8 {path} > {path}.utf8"),
    b"\0\0\xfe\xff": ("UTF-32", "iconv -f UTF-32 -t UTF-8 {path} > {path}.utf8"),
    b"%PDF-": ("a PDF", "pdftotext {path} {path}.txt"),
    b"{\\rtf": ("RTF", "save it as plain text, in UTF-8"),
    LFS: ("a pointer of Git LFS", "git lfs pull fetches the file"),
}
_TAR = 257  # where the header of an archive says that it is one
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\r")
_OFFICE = {"[Content_Types].xml", "META-INF/manifest.xml"}  # files in archives that are office documents


def unpacked(file: BinaryIO, where: str | os.PathLike) -> BinaryIO:
    """The text in a file that is plain or packed with gzip, bzip2 or xz, whatever its name.

    Args:
        file: at its start; it can `peek`.
        where: its name.

    Raises:
        DataError: it is of a known other kind; names the kind and the command that helps.
    """
    head = file.peek(_HEAD)[:_HEAD]
    if head.startswith(b"PK\x03\x04") and _members(file) & _OFFICE:
        raise _other(where, "an office document", "save it as CSV or plain text, in UTF-8")
    for magic, (kind, cure) in _OTHERS.items():
        if head.startswith(magic):
            raise _other(where, kind, cure)
    packed = next((opened for magic, opened in _PACKED.items() if head.startswith(magic)), None)
    inside = file
    if packed:
        inside = io.BufferedReader(packed(file))
        with damage_named(where):
            head = inside.peek(_HEAD)[:_HEAD]
    if head[_TAR:].startswith(b"ustar"):
        raise _other(where, "a tar archive", "tar -xOf {path} > {path}.txt")
    if not packed and (kind := _utf16(head)):
        raise _other(where, kind, f"iconv -f {kind} -t UTF-8 {{path}} > {{path}}.utf8")
    return inside


def _members(archive: BinaryIO) -> set[str]:
    """The names of the files in a zip archive; none if it is damaged."""
    try:
        return set(zipfile.ZipFile(archive).namelist())
    except (zipfile.BadZipFile, NotImplementedError, OSError):
        return set()


@contextlib.contextmanager
def damage_named(where: str | os.PathLike) -> Iterator[None]:
    """Within, damaged packed bytes become a DataError that names the file."""
    try:
        yield
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's own
            raise
        raise DataError(f"{where}: damaged or cut-off gzip, bzip2 or xz data ({error})") from None


def _utf16(head: bytes) -> str | None:
    """The kind of UTF-16 that so many high bytes tell of: all of U+0000 to U+1FFF are below 32."""
    for kind, high, low in (("UTF-16LE", head[1::2], head[::2]), ("UTF-16BE", head[::2], head[1::2])):
        if len(head) >= 8 and _controls(high) > 0.8 * len(high) and _controls(low) < 0.8 * len(low):
            return kind
    return None


def _controls(half: bytes) -> int:
    return len(half) - len(half.translate(None, _CONTROLS))


def _other(where: str | os.PathLike, kind: str, cure: str) -> DataError:
    command = cure.format(path=shlex.quote(os.fspath(where)))
    return DataError(f"{where}: is {kind}; expected UTF-8 text, plain, gzip, bzip2 or xz: {command}")
