"""Numbers in words against the library num2words, called for each number."""

import random

import num2words
import pytest
import tensorflow as tf

from pipelines.speech.numerals import read


def words(numerals):
    return [words.decode() for words in read(tf.constant(numerals)).numpy()]


def library(number, **form):
    """num2words's answer as Americans say it."""
    return num2words.num2words(number, **form).replace(" and ", " ")


@pytest.fixture(scope="module")
def numbers():
    rng = random.Random(7)
    edges = [
        0,
        1,
        9,
        10,
        19,
        20,
        21,
        99,
        100,
        101,
        110,
        999,
        1000,
        1001,
        1100,
        10**6,
        10**6 + 1,
        10**9,
        10**15 - 1,
    ]
    edges += [1_000_100, 1_001_000, 1_100_001, 10**12, 10**12 + 99]
    return edges + [rng.randrange(10 ** rng.randrange(1, 16)) for _ in range(500)]


def test_cardinals(numbers):
    assert words([f"{number:,}" for number in numbers]) == [library(number) for number in numbers]


def test_bare_cardinals(numbers):
    numbers = [number for number in numbers if not 1100 <= number <= 2099]
    assert words([str(number) for number in numbers]) == [library(number) for number in numbers]


def test_ordinals(numbers):
    expected = [library(number, to="ordinal") for number in numbers]
    assert words([f"{number}th" for number in numbers]) == expected
    assert words([f"{number:,}rd" for number in numbers]) == expected


def test_decimals(numbers):
    rng = random.Random(8)
    decimals = ["".join(rng.choices("0123456789", k=rng.randrange(1, 8))) for _ in numbers]
    digits = [" ".join(num2words.num2words(int(digit)) for digit in part) for part in decimals]
    expected = [f"{library(number)} point {part}" for number, part in zip(numbers, digits, strict=True)]
    assert words([f"{number}.{part}" for number, part in zip(numbers, decimals, strict=True)]) == expected


def test_years():
    years = range(1100, 2100)
    expected = [library(year, to="year").replace("oh-", "oh ") for year in years]
    assert words([str(year) for year in years]) == expected


@pytest.mark.parametrize("sign, names", [("$", ("dollar", "cent")), ("€", ("euro", "cent"))])
def test_money(sign, names, numbers):
    def amount(number, name):
        return f"{library(number)} {name}{'' if number == 1 else 's'}"

    for cents in (0, 1, 2, 10, 99):
        expected = [amount(number, names[0]) for number in numbers]
        if cents:
            hundredths = amount(cents, names[1])
            expected = [
                f"{whole}, {hundredths}" if number else hundredths for whole, number in zip(expected, numbers)
            ]
        assert words([f"{sign}{number:,}.{cents:02}" for number in numbers]) == expected
    assert words([f"{sign}{number}" for number in numbers]) == [
        amount(number, names[0]) for number in numbers
    ]


@pytest.mark.parametrize(
    ("numeral", "expected"),
    [
        ("1863", "eighteen sixty-three"),
        ("1905", "nineteen oh five"),
        ("2000", "two thousand"),
        ("2005", "two thousand five"),
        ("2024", "twenty twenty-four"),
        ("2100", "two thousand, one hundred"),
        ("1,863", "one thousand, eight hundred sixty-three"),
        ("1863.5", "one thousand, eight hundred sixty-three point five"),
        ("1863rd", "one thousand, eight hundred sixty-third"),
        ("1980s", "nineteen eighties"),
        ("1800s", "eighteen hundreds"),
        ("90s", "nineties"),
        ("6s", "sixes"),
        ("747s", "seven hundred forty-sevens"),
        ("007", "zero zero seven"),
        ("00", "zero zero"),
        ("007.50", "zero zero seven point five zero"),
        ("1234567890123456", "one two three four five six seven eight nine zero one two three four five six"),
        ("£1.01", "one pound, one penny"),
        ("£ 2.50", "two pounds, fifty pence"),
        ("$1863", "one thousand, eight hundred sixty-three dollars"),
        ("$1.5", "one point five dollars"),
        ("$1.50 million", "one point five zero million dollars"),
        ("$1 million", "one million dollars"),
        ("€1 hundred", "one hundred euros"),
        ("$0.00", "zero dollars"),
    ],
)
def test_by_hand(numeral, expected):
    assert words([numeral]) == [expected]


def test_no_numerals():
    assert words(tf.zeros([0], tf.string)) == []
