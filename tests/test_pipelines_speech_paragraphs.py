"""Splitting long text: cases by hand, and that nothing is ever lost."""

import random

import pytest

from pipelines.speech.paragraphs import split_sentences, split_spoken


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ('He said "Go." Then he (really!) left.', ['He said "Go."', "Then he (really!)", "left."]),
        ("Dr. Smith met J. R. Jones. They spoke.", ["Dr. Smith met J. R. Jones.", "They spoke."]),
        (
            "It costs 3.50 at No. 5 today. No. It does not.",
            ["It costs 3.50 at No. 5 today.", "No.", "It does not."],
        ),
        (
            "Tea, milk, etc. are sold. Bread etc. We like it.",
            ["Tea, milk, etc. are sold.", "Bread etc.", "We like it."],
        ),
        ("At 5 p.m. they left ... and came back.", ["At 5 p.m. they left ... and came back."]),
        ("lower case. text", ["lower case.", "text"]),
        (
            "The U.S. Senate met on Jan. 5, 2020, at 9:00am. See vol. 3, p. 45. It left the U.S. It did.",
            [
                "The U.S. Senate met on Jan. 5, 2020, at 9:00am.",
                "See vol. 3, p. 45.",
                "It left the U.S.",
                "It did.",
            ],
        ),
        ("Use e.g. Python, i.e. Guido's, etc.", ["Use e.g. Python, i.e. Guido's, etc."]),
        ("At 9 a.m. Monday it opens at 9 a.m. The end.", ["At 9 a.m. Monday it opens at 9 a.m.", "The end."]),
        ("See vol. III. No. I do not.", ["See vol. III.", "No.", "I do not."]),
        ("Jane Roe, Ph.D. Smith.", ["Jane Roe, Ph.D. Smith."]),
        ("1. First item. 2. Second.", ["1. First item.", "2. Second."]),
        ("One line\nof two.\n\nA title\n\nText", ["One line of two.", "A title", "Text"]),
        (
            "春眠不覺曉。處處聞啼鳥！！「夜來風雨聲。」花落",
            ["春眠不覺曉。", "處處聞啼鳥！！", "「夜來風雨聲。」", "花落"],
        ),
        ("", []),
        (" \n\t ", []),
        ("...", ["..."]),
    ],
)
def test_sentences(text, sentences):
    assert split_sentences(text) == sentences


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("aaaa; bbbb, cccc dddd", ["aaaa;", "bbbb,", "cccc dddd"]),
        ("aaaa, bbbb cccc dddd", ["aaaa,", "bbbb cccc", "dddd"]),
        ("aaaa bbbb cccc", ["aaaa bbbb", "cccc"]),
        ("aaaabbbbccccdddd", ["aaaabbbbcc", "ccdddd"]),
        ("aaaabbbbcce\u0301dddd", ["aaaabbbbcc", "e\u0301dddd"]),
        ("aaaabbbbce\u0301dddd", ["aaaabbbbc", "e\u0301dddd"]),
        ("一二三，四五六，七八九十", ["一二三，四五六，", "七八九十"]),
    ],
)
def test_a_long_sentence_is_cut_at_the_best_pause(text, pieces):
    assert split_sentences(text, longest=10) == pieces


def test_nothing_is_lost_and_no_piece_is_too_long():
    rng = random.Random(5)
    alphabet = [*"abcI.!?,;:- \n\"')…。，", "Dr. ", "\n\n", "e\u0301", "\u0301", "😀", "--"]
    for _ in range(500):
        text = "".join(rng.choices(alphabet, k=rng.randrange(80)))
        longest = rng.choice([1, 2, 7, 20, 200])
        pieces = split_sentences(text, longest)
        assert "".join("".join(pieces).split()) == "".join(text.split())
        assert all(0 < len(piece) <= longest for piece in pieces)
        assert all(piece == " ".join(piece.split()) for piece in pieces)


def test_a_number_stays_whole_unless_it_is_far_too_long():
    assert split_sentences("aaaaaa 123,456,789", longest=10) == ["aaaaaa", "123,456,789"]
    assert split_sentences("555-123-4567890", longest=10) == ["555-123-4567890"]
    assert split_sentences("a" * 8 + "12345", longest=10) == ["a" * 8, "12345"]
    assert [len(piece) for piece in split_sentences("1" * 90, longest=20)] == [20, 20, 20, 30]


def test_a_piece_is_cut_by_what_is_spoken_of_it():
    def measure(pieces):
        asked.append(pieces)
        return [sum(10 if character.isdigit() else 1 for character in piece) for piece in pieces]

    asked = []
    text = "In all " + ", ".join(["1234567"] * 6) + " were counted. The end."
    pieces = split_spoken(text, 160, measure)
    assert " ".join(pieces) == text
    assert all(length <= 160 for length in measure(pieces)) and len(pieces) == 5
    assert all("1234567" in piece for piece in pieces[:-1]) and len(asked) <= 5
    assert split_spoken("123456789 is one.", 20, measure) == ["123456789", "is one."]
    assert split_spoken("", 20, measure) == []


def test_ten_thousand_characters_without_a_pause():
    assert list(map(len, split_sentences("a" * 10_000, longest=150))) == [150] * 66 + [100]


def test_white_space_in_runs_takes_linear_time():
    assert len(split_sentences("No. A b. " * 100_000)) == 200_000
    assert split_sentences("a." + " " * 200_000 + "b" + "\n " * 100_000) == ["a.", "b"]  # else an hour


def test_no_length_is_an_error():
    with pytest.raises(ValueError, match="longest is 0"):
        split_sentences("a", longest=0)
