"""The data report of a text: sizes, lines, letters that a vocabulary does not have."""

from pipelines.generation import prepare
from pipelines.text.report import report
from pipelines.text.tokenizers import CharacterTokenizer, SubwordTokenizer


def found(path, tmp_path, allowed=False, **given):
    settings = {"split": (0.8, 0.1, 0.1), "minimum": 1, **given}
    corpus = prepare([path], cache=tmp_path / "cache", **settings)
    return report(corpus, [str(path)], 10, "the cure", allowed)


def test_the_sizes_are_those_of_the_splits(write, tmp_path):
    data = found(write("abc\nde\n" * 100), tmp_path)
    assert data.read["characters"] == 700
    assert data.tables["splits"]["train"] == {
        "characters": 560, "tokens": 560, "characters per token": 1.0, "windows": 56
    }  # fmt: skip
    assert data.tables["lengths"]["train line, tokens"] == {"median": 2, "95%": 3, "longest": 3}
    assert data.examples == ['"abc⏎de⏎abc"', '"abc⏎de⏎abc"'] and data.vocabulary == {"tokens": 10}
    assert data.warnings == data.refusals == [] and "no character of any split" in "\n".join(data.lines())


def test_unknown_characters_are_counted_in_every_split(write, tmp_path):
    """1 of 100 is counted, 2 are told, 11 are refused."""
    known = CharacterTokenizer("a")
    for count, told, refused in ((1, 0, 0), (2, 1, 0), (10, 1, 0), (11, 0, 1)):
        path = write("a" * 900 + "ж" * (count - 1) + "\u00a0" + "a" * (100 - count), f"{count}.txt")
        data = found(path, tmp_path, tokenizer=known)
        assert [unknown.count for unknown in data.unknown] == [0, 0, count]
        assert (len(data.warnings), len(data.refusals)) == (told, refused)
        if count > 1:
            line = (data.warnings + data.refusals)[0]
            assert line.startswith(f"{count} of 100 characters of the test split ({count}%) are not in the")
            assert f"ж {count - 1}" in line and "U+00A0 1" in line and "the cure" in line
        assert found(path, tmp_path, allowed=True, tokenizer=known).refusals == []


def test_characters_that_subwords_spell_in_bytes_are_counted(write, tmp_path):
    """Told above a twentieth, and never refused."""
    learned = found(write("abc de ж\n" * 200), tmp_path, kind="subwords", vocabulary_size=300)
    assert [unknown.count for unknown in learned.unknown] == [0, 0, 0] and not learned.warnings
    tokenizer = SubwordTokenizer.learn(["abc de\n" * 200], 300)
    for count, told in ((5, 0), (6, 1), (90, 1)):
        path = write("abc de\n" * 200 + "ж" * count + "a" * (100 - count), f"{count}.txt")
        data = found(path, tmp_path, tokenizer=tokenizer, split=(14 / 15, 0, 1 / 15))
        assert data.unknown[-1].count == count and len(data.warnings) == told and not data.refusals
        shown = f"{count} of 100 characters of the test split ({count}%) are spelt in bytes: ж {count}"
        assert shown in " ".join("\n".join(data.lines()).split())
        assert not told or data.warnings[0].startswith(f"{shown}; each takes up to 4 tokens")


def test_a_text_without_line_breaks_has_no_lines(write, tmp_path):
    assert "lengths" not in found(write("abc" * 100), tmp_path).tables
