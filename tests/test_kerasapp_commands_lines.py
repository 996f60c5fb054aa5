"""Lines of a file or a pipe, one by one; the tests of the tasks' commands have whole commands."""

import bz2
import gzip
import io
import lzma

import pytest

from kerasapp.commands import lines
from kerasapp.commands.lines import Source, reading, report, texts_of, unusable, writing
from pipelines.errors import DataError


def source(content, **options):
    return Source(io.BytesIO(content), "here", **options)


def read(content, **options):
    return [[bytes(line) for line in chunk] for chunk in source(content, **options).chunks()]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"a\nb", [[b"a", b"b"]]),
        (b"a\r\n\r\nb\r\n", [[b"a", b"", b"b"]]),
        (
            b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n",
            [[b"a", b"\xef\xbb\xbfb"]],
        ),  # a mark stands at the beginning alone
        ("a\u2028b\x85c\x0bd\n".encode(), [["a\u2028b\x85c\x0bd".encode()]]),
    ],
)
def test_a_line_ends_with_a_line_feed_alone(content, expected):
    assert read(content) == expected


def test_a_chunk_has_so_many_lines_or_bytes(monkeypatch):
    assert read(b"a\nb\nc\n", chunk_lines=2) == [[b"a", b"b"], [b"c"]]
    monkeypatch.setattr(lines, "CHUNK_BYTES", 4)
    assert read(b"abc\nde\nf\n") == [[b"abc", b"de"], [b"f"]]


def test_a_line_that_fills_the_memory_is_cut_and_told(monkeypatch):
    monkeypatch.setattr(lines, "LONGEST", 4)
    (chunk,) = source(b"abcd\nabcdefgh\nabcd\r\nok\n\xff\n").chunks()
    assert [line.whole for line in chunk] == [True, False, True, True, True]
    assert list(map(bytes, chunk)) == [b"abcd", b"abcd", b"abcd", b"ok", b"\xff"]
    assert list(unusable(chunk)) == [
        None, "is longer than 4 bytes", None, None, "is not UTF-8 (byte 1 of the line)"
    ]  # fmt: skip


@pytest.mark.parametrize("packed", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_file_is_unpacked_and_its_share_is_that_of_the_file(tmp_path, packed):
    (tmp_path / "in").write_bytes(packed(b"a\nb\n"))
    with reading(tmp_path / "in") as found:
        assert found.share() == 0.0 or packed is not bytes
        assert [bytes(line) for chunk in found.chunks() for line in chunk] == [b"a", b"b"]
        assert found.share() == 1.0


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(DataError, match="none: No such file or directory"), reading(tmp_path / "none"):
        pass


def test_each_line_that_cannot_be_answered_is_told_by_its_number(capsys):
    shares = []

    def check(texts):
        return ["is odd" if text == "c" else None for text in texts]

    content = b"a\n\xff\nc\nd\n"
    found = source(content, place=(place := io.BytesIO(content)), size=8, chunk_lines=2)
    answered = []
    for texts, inside in texts_of(found, check, shares.append):
        place.seek(place.tell() + 4)
        answered.append(texts)
        inside(0.5)
    assert answered == [["a", None], [None, "d"]]
    assert capsys.readouterr().err == "line 2: is not UTF-8 (byte 1 of the line)\nline 3: is odd\n"
    assert len(shares) == 2


def test_written_lines_are_whole_or_not_at_all(tmp_path):
    with pytest.raises(RuntimeError), writing(tmp_path / "out.txt") as write:
        write(["a"])
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    for name, unpack in (("out.txt", bytes), ("out.gz", gzip.decompress)):
        with writing(tmp_path / name) as write:
            write(["a\udcff", "人"])
            write([])
            write(["b"])
        assert unpack((tmp_path / name).read_bytes()) == b"a\xff\n\xe4\xba\xba\nb\n"


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((1, 0, 2.0), "1 sentence in 2.0 s: 0.5 per second\n"),
        ((2000, 0, 0.5), "2,000 sentences in 0.5 s: 4,000.0 per second\n"),
        ((0, 3, 1.0), "0 sentences in 1.0 s: 0.0 per second; 3 could not be read\n"),
    ],
)
def test_how_many_were_answered_and_how_fast(capsys, counts, said):
    report(*counts, "read")
    assert capsys.readouterr().err == said
