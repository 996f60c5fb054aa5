"""The data report of a text: sizes, lines, letters that a vocabulary does not have."""

from pipelines.generation import prepare
from pipelines.text.report import report
from pipelines.text.tokenizers import CharacterTokenizer


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
    """1 of 100 is counted, 2 are told, 11 are refused; a tokenizer of subwords spells them."""
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
    spelt = write("abc de ж\n" * 200, "spelt.txt")
    assert not any(u.count for u in found(spelt, tmp_path, kind="subwords", vocabulary_size=300).unknown)


def test_a_text_without_line_breaks_has_no_lines(write, tmp_path):
    assert "lengths" not in found(write("abc" * 100), tmp_path).tables
