"""Tables of transcripts: quotes, and third columns that hold something else."""

import pytest

from pipelines.errors import DataError
from pipelines.speech.transcript_table import read_table

TEXTS = [f"This is the sentence of number {number} in a long row." for number in range(30)]


@pytest.fixture
def table(tmp_path):
    """Reads a table with these lines."""

    def read(lines):
        (tmp_path / "metadata.csv").write_text("\n".join(lines) + "\n")
        return read_table(tmp_path / "metadata.csv")

    return read


def test_the_last_transcript_counts_and_blank_lines_at_the_end_do_not(table):
    assert table(["a|Dr. X|doctor x", "b|two|", "", " "]) == {"a": "doctor x", "b": "two"}


def test_quoted_fields_are_read_as_csv(table):
    assert table(['"a"|"x ""y"" | z"', '"b"|"w"']) == {"a": 'x "y" | z', "b": "w"}
    assert table(['a|"Go," he said.', 'b|"w"']) == {"a": '"Go," he said.', "b": '"w"'}


@pytest.mark.parametrize(
    ("third", "found"),
    [
        (lambda number: f"{1 + number / 7:.2f}", 'no letters, such as "1.00" for "This is'),
        (lambda number: len(TEXTS[number]), "no letters"),
        (lambda number: "linda", 'labels, such as "linda"'),
        (lambda number: ("linda", "a man whose name nobody here knows")[number % 2], "labels"),
        (lambda number: f"speaker{number}", "labels"),
    ],
)
def test_a_third_column_that_is_something_else_is_named_with_the_way_out(table, third, found):
    lines = [f"c{number}|{text}|{third(number)}" for number, text in enumerate(TEXTS)]
    with pytest.raises(DataError, match=f"line 1: the third column holds {found}") as error:
        table(lines)
    assert str(error.value).endswith("remove it: cut -d'|' -f1,2") and "\n" not in str(error.value)
    assert list(table([line.rpartition("|")[0] for line in lines]).values()) == TEXTS


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        (str, lambda number: " ".join(f"digit {digit}" for digit in str(number))),
        (lambda number: f"No. {number}", lambda number: f"number {number}"),
        (lambda number: f"clip {number % 3}", lambda number: f"the clip {number % 3}"),
        (lambda number: TEXTS[number], lambda number: "" if number % 2 else TEXTS[number].lower()),
        (lambda number: "...", lambda number: "5"),
    ],
)
def test_normalised_transcripts_are_believed(table, written, normalised):
    lines = [f"c{number}|{written(number)}|{normalised(number)}" for number in range(30)]
    found = table(lines)
    assert found == {f"c{n}": normalised(n) or written(n) for n in range(30)}


def test_the_speaker_may_stand_in_the_middle(table):
    assert list(table([f"c{n}|linda|{text}" for n, text in enumerate(TEXTS)]).values()) == TEXTS


@pytest.mark.parametrize(
    ("line", "cure"),
    [
        ("c1\tHello, world.", "tr '\\t' '|' < "),
        ("c1\tHello.", "tr '\\t' '|' < "),
        ("c1,Hello, world.", "sed 's/,/|/' "),
    ],
)
def test_of_other_separators_the_command_is_told(table, line, cure):
    with pytest.raises(DataError) as error:
        table([line])
    assert f"such as by {cure}" in str(error.value)
