"""The data report of pairs: how many are left out and why, and what would keep them."""

import pytest

from pipelines.parallel.report import report
from pipelines.text.tokenizers import CharacterTokenizer
from pipelines.translation import prepare


@pytest.fixture
def found(tmp_path, write):
    """The report of pairs, and their corpus."""

    def run(pairs, max_length=10, max_dropped=0.5, **given):
        path = write("".join("\t".join(pair) + "\n" for pair in pairs), "pairs.tsv")
        settings = {"kind": "characters", "split": (1, 0, 0), **given}
        corpus = prepare(pairs=path, cache=tmp_path / "cache", **settings)
        return report(corpus, ["pairs.tsv"], max_length, max_dropped, "the cure", False), corpus

    return run


def letters(length, number):
    """A text of `length` characters, another one for each number."""
    return f"{number:03d}" + "x" * (length - 3)


@pytest.mark.parametrize(
    ("long", "told", "refused"), [(0, 0, False), (9, 0, False), (12, 1, False), (50, 1, False), (51, 0, True)]
)
def test_pairs_above_the_limit(found, long, told, refused):
    """Of 100 pairs: up to 10% are counted, up to half are told, more are refused."""
    pairs = [(letters(20 if i < long else 5, i), letters(4, i)) for i in range(100)]
    data, _ = found(pairs)
    assert sum(row["count"] for row in data.dropped) == long
    assert len(data.warnings) == told and bool(data.refusals) == refused
    for line in data.warnings + data.refusals:
        assert line.startswith(f"{long} of 100 training pairs ({long}%) are left out")
        assert "--data.max_length 20 keeps 99%" in line and "--data.tokenizer subwords" in line
    assert found(pairs, max_dropped=1.0)[0].refusals == []


def test_the_advice_keeps_99_percent(found):
    lengths = [*range(5, 104), 900]
    data, corpus = found([(letters(length, i), letters(4, i)) for i, length in enumerate(lengths)])
    assert "--data.max_length 103 keeps 99%" in data.refusals[0]
    assert (corpus.split("train").longest <= 103).mean() == 0.99


def test_repeated_pairs_and_those_of_other_files(found, write):
    pairs = [(letters(4, i), letters(5, i)) for i in range(20)]
    files = {"valid": (write("abcd\nx\n", "s"), write("bcde\ny\n", "t"))}
    data, _ = found(pairs + pairs[:3], split=(0.9, 0.05, 0.05), **files)
    assert data.read["pairs"] == 25 and [row["count"] for row in data.dropped] == [3]
    assert {name: row["pairs"] for name, row in data.tables["splits"].items()} == {
        "train": 19, "valid": 2, "test": 1
    }  # fmt: skip
    unknown = {str(one.where): dict(one.letters) for one in data.unknown}
    assert unknown["the valid split's source"] == {"a": 1, "b": 1, "c": 1, "d": 1}
    assert unknown["the valid split's target"] == {"b": 1, "c": 1, "d": 1, "e": 1, "y": 1}


@pytest.mark.parametrize(
    ("same", "told"), [(0, None), (1, None), (2, "2 of 100 test pairs (2%)"), (100, "100 of")]
)
def test_held_out_pairs_that_are_training_pairs_are_told(found, write, same, told):
    """One of 100 may be there by chance. A sentence with another translation is another pair."""
    pairs = [(letters(4, i), letters(5, i)) for i in range(200)]
    held_out = pairs[:same] + [(pairs[i][0], letters(6, i)) for i in range(same, 100)]
    sides = zip(*held_out, strict=True)
    files = [
        write("".join(f"{text}\n" for text in side), name) for side, name in zip(sides, "st", strict=True)
    ]
    for _ in range(2):  # also from the cache
        warnings = [line for line in found(pairs, test=files)[0].warnings if "training files" in line]
        assert len(warnings) == (told is not None)
        assert told is None or warnings[0].startswith(told)


def test_a_line_that_is_missing_on_a_side_is_told(found):
    sources = [letters(3 + (i * 37) % 50, i) for i in range(200)]
    targets = [letters(3 + (i * 37) % 50, i + 500) for i in range(200)]
    assert not any("missing on a side" in line for line in found(list(zip(sources, targets)), 60)[0].warnings)
    for _ in range(2):  # also from the cache
        slipped = found(list(zip(sources[1:], targets, strict=False)), 60)[0]
        assert sum("missing on a side" in line for line in slipped.warnings) == 1


def test_a_tenth_of_copies_is_told(found):
    def told(copies):
        pairs = [(letters(4, i), letters(4 if i < copies else 5, i)) for i in range(100)]
        return [line for line in found(pairs)[0].warnings if "same text twice" in line]

    assert told(10) == [] and told(11)[0].startswith("11 of 100 pairs have the same text twice")


def test_an_autoencoders_repeated_sentences_are_counted(found):
    data, _ = found([("abc", "x"), ("abc", "y"), ("abd", "z")], autoencode=True)
    assert data.read["pairs"] == 3 and data.dropped[0]["count"] == 1


def test_examples_are_the_tokens_of_the_model(found):
    pairs = [("a b", "bad"), ("ba", "d a")]
    data, _ = found(pairs, tokenizers=(CharacterTokenizer("ab "), CharacterTokenizer("ab")))
    assert data.examples == ["a ▁ b </s> → b a <unk> </s>", "b a </s> → <unk> <unk> a </s>"]
    assert data.vocabulary == {"source": 7, "target": 6}
    assert data.tables["lengths"]["train target"] == {"median": 3, "95%": 3, "longest": 3, "limit": 10}


def test_blank_lines_are_counted_and_not_taken_for_repeated_pairs(found):
    pairs = [(letters(4, i), letters(5, i)) for i in range(20)]
    data, _ = found([*pairs, ("", "x"), ("y", ""), *pairs[:3]], skip_blank=True)
    reasons = {row["reason"]: (row["count"], row["of"]) for row in data.dropped}
    assert reasons == {"a side is blank": (2, 25), "they are there already": (3, 25)}


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (("source", "target"), True),
        (("English", "Chinese"), True),
        (("src_text", "trg_text"), True),
        (("question", "answer"), True),
        (("Deutscher Satz", "English sentence"), True),
        (("Source of life", "Target of love"), False),
        (("Hi.", "嗨。"), False),
        (("text", "Guten Tag"), False),
    ],
)
def test_names_of_columns_are_told(found, first, told):
    data, _ = found([first, *((letters(4, i), letters(5, i)) for i in range(20))], max_length=99)
    assert any("looks like names of columns" in line for line in data.warnings) == told


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (lambda i: (f"{i}", letters(4, i)), "20 of 20 pairs have no letter in the first sentence: are these"),
        (lambda i: (letters(4, i), f"0.{i}"), "20 of 20 pairs have no letter in the second sentence"),
        (lambda i: (letters(4, i),) * 2, "20 of 20 pairs have the same text twice"),
        (lambda i: (f'"{letters(4, i)}"', f"{letters(3, i)}y"), "20 of 20 pairs have quotes around a"),
        (lambda i: (letters(4, i), f'"{letters(3, i)}y"'), "20 of 20 pairs have quotes around a"),
        (lambda i: (f"de-{i}", f"{letters(4, i)} y"), "20 of 20 pairs have an id or the like for the first"),
        (lambda i: (letters(4, i) + "\ufffd", letters(5, i)), "20 replacement characters (U+FFFD)"),
    ],
)
def test_pairs_that_are_no_translations_are_told(found, pair, words):
    pairs = [pair(i) for i in range(20)]
    data, _ = found(pairs, max_length=99)
    assert [line[: len(words)] for line in data.warnings] == [words]
    assert found(pairs, max_length=99, autoencode=True)[0].warnings == data.warnings * ("U+FFFD" in words)
