"""Reading text in pieces against reading it whole."""

import bz2
import gzip
import lzma
import os
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipelines import files
from pipelines.errors import DataError
from pipelines.files import StoredText, content_hash, lines, lines_of, locate, read_text

TEXT = "Füße，春眠\r\n😀 e\u0301\u0323 naïve\n" * 7


@pytest.fixture(params=[1, 2, 3, 7, 2**21])
def piece(request, monkeypatch):
    """Sizes of pieces that cut characters, and one that takes all at once."""
    monkeypatch.setattr(files, "PIECE", request.param)
    return request.param


@pytest.mark.parametrize("packed", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_reads_plain_and_packed_alike_whatever_the_name(piece, packed, tmp_path):
    path = tmp_path / "text.any"
    path.write_bytes(packed(TEXT.encode()))
    assert "".join(read_text(path)) == TEXT


def test_drops_a_byte_order_mark_at_the_start_alone(piece, tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeffa\ufeffb".encode())
    assert "".join(read_text(path)) == "a\ufeffb"


@pytest.mark.parametrize("bad", [b"\xff", b"\xe6\x98", b"\xed\xa0\x80", b"\xc0\x80"])
@pytest.mark.parametrize("after", [b"", b"x\n"])
def test_malformed_bytes_are_located(piece, bad, after, tmp_path):
    path = tmp_path / "text.txt"
    before = "\ufeff" + TEXT
    path.write_bytes(before.encode() + bad + after)
    offset, line = len(before.encode()), TEXT.count("\n") + 1
    with pytest.raises(DataError, match=rf"text\.txt: byte {offset}, line {line}: not UTF-8"):
        list(read_text(path))


def test_malformed_bytes_in_gzip_are_located_in_the_text(tmp_path):
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\xff"))
    with pytest.raises(DataError, match=r"text\.gz: byte 7, line 2"):
        list(read_text(path))


def tars(mode):
    """Writes a tar archive that holds this file."""

    def write(path):
        with tarfile.open(path, mode) as archive:
            archive.add(__file__)

    return write


def archives(*names):
    """Writes a zip archive of files with these names, the first of 20 kB."""

    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, 20_000 * "x" if name == names[0] else name)

    return write


def writes(content):
    return lambda path: path.write_bytes(content)


def cut_gzip(path):
    path.write_bytes(gzip.compress(os.urandom(500).hex().encode())[:-200])


def corrupt_gzip(path):
    data = bytearray(gzip.compress(os.urandom(500).hex().encode()))
    data[-8] ^= 255  # in the check sum
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_bytes(b"\xef\xbb\xbf"), "empty"),
        (lambda path: path.write_bytes(gzip.compress(b"")), "empty"),
        (cut_gzip, "gzip"),
        (corrupt_gzip, "gzip"),
        (lambda path: path.write_bytes(b"\x1f\x8b"), "gzip"),
        (writes(lzma.compress(TEXT.encode())[:-20]), "cut-off gzip, bzip2 or xz"),
        (
            lambda path: path.write_bytes(bz2.compress(TEXT.encode())[:-8] + b"12345678"),
            "cut-off gzip, bzip2",
        ),
        (
            lambda path: path.write_bytes("Guten Tag".encode("utf-16")),
            r"is UTF-16; .* iconv -f UTF-16 -t UTF-8 '",
        ),
        (
            lambda path: path.write_bytes("Guten Tag".encode("utf-16-le")),
            "is UTF-16LE; .* iconv -f UTF-16LE ",
        ),
        (
            lambda path: path.write_bytes("Guten Tag".encode("utf-16-be")),
            "is UTF-16BE; .* iconv -f UTF-16BE ",
        ),
        (
            lambda path: path.write_bytes("schön".encode("latin-1")),
            "byte 3, line 1: not UTF-8 .*iconv -f WINDOWS",
        ),
        (writes(b"\x28\xb5\x2f\xfd...."), "is zstd; expected .*: zstd -dc '"),
        (writes(b"PK\x03\x04...."), "is a zip archive; expected UTF-8 text, plain"),
        (
            archives("xl/worksheets/sheet1.xml", "xl/workbook.xml", "[Content_Types].xml"),
            "is an office document; .*: save it as CSV or plain text, in UTF-8",
        ),
        (archives("mimetype", "content.xml", "META-INF/manifest.xml"), "is an office document"),
        (archives("notes.txt", "Content_Types.xml"), "is a zip archive; .*: unzip -p '"),
        (writes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + 600 * b"\0"), "is an old office document"),
        (writes(rb"{\rtf1\ansi Guten Tag}"), "is RTF; .*: save it as plain text"),
        (
            writes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
            "is a pointer of Git LFS; .*git lfs pull",
        ),
        (tars("w"), "is a tar archive; .*: tar -xOf '"),
        (tars("w:xz"), "is a tar archive; "),
        (
            lambda path: path.write_bytes("Schöne Grüße\n春眠不覺曉，處處聞啼鳥。\n".encode("gb18030")),
            r"not UTF-8 .*; if it is text \(ENCODING: GB18030, SHIFT_JIS, .*\): iconv -f ENCODING -t",
        ),
        (lambda path: path.mkdir(), r"is a directory; .*the file\.txt/\*"),
        (writes(b"PAR1" + 300 * b"\x15\x04"), "is Parquet; .*to_csv"),
        (writes("Добрый день".encode("utf-16-le")), "is UTF-16LE; "),
        (writes("สวัสดีครับผม".encode("utf-16-be")), "is UTF-16BE; "),
        (writes("Guten Tag".encode("utf-32")), "is UTF-32; .* iconv -f UTF-32 -t UTF-8 '"),
        (writes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "byte 0, line 1: not UTF-8, nor any other text"),
    ],
)
def test_unusable_files_are_named_in_one_line(make, message, tmp_path):
    path = tmp_path / "the file.txt"
    make(path)
    with pytest.raises(DataError, match=message) as error:
        list(read_text(path))
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "one", "one\n", "one\r\n", "one\rtwo\nthree", "one\ntwo\rthree"])
def test_lines_of_a_file_are_those_of_its_text(text, tmp_path):
    assert list(lines_of(tmp_path / "a.txt", [text])) == list(lines([text]))


@pytest.mark.parametrize("text", ["one\rtwo", "one\rtwo\rthree\r"])
def test_carriage_returns_alone_are_named(text, tmp_path):
    with pytest.raises(DataError, match=r"a\.txt: lines end with CR alone; expected LF: tr"):
        list(lines_of(tmp_path / "a.txt", [text]))


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe: is a pipe or device; a file is expected"):
        content_hash(tmp_path / "pipe")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_read_permission(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("text")
    path.chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        content_hash(path)


def test_stored_text_reads_as_slices_do(tmp_path):
    rng = random.Random(6)
    pieces = ["春眠", "a", "", "😀é\n" * 3, "xyz"]
    text, whole = StoredText(tmp_path / "text", pieces), "".join(pieces)
    assert len(text) == len(whole)
    for _ in range(50):
        start, stop = sorted(rng.choices(range(len(whole) + 1), k=2))
        assert "".join(text.read(start, stop)) == whole[start:stop]


def test_samples_are_found_by_name(tmp_path):
    assert "".join(read_text(locate("sample:tinyshakespeare"))).startswith(
        "First Citizen:\nBefore we proceed"
    )
    table = "".join(read_text(locate("sample:tatoeba-cmn-eng"))).split("\n")
    assert len(table) == 27371 + 1  # the last line has an end too
    assert table[0].split("\t")[:2] == ["Hi.", "嗨。"]
    assert all("CC-BY 2.0 (France) Attribution: tatoeba.org #" in line for line in table[:-1])
    assert locate(tmp_path / "sample.txt") == Path(tmp_path / "sample.txt")


def test_an_unknown_sample_is_answered_with_the_known():
    with pytest.raises(
        DataError, match=r"tinyshakespear: no such sample.*sample:tatoeba-cmn-eng, sample:tiny"
    ):
        locate("sample:tinyshakespear")
    with pytest.raises(DataError, match="no such sample"):
        locate("sample:tinyshakespeare.txt")
