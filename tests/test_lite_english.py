"""The small runtime's words against those of the graph that prepares the texts of training."""

import gzip
import random
import unicodedata
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_text as tf_text

import kerasapp_lite
from kerasapp_lite.english import cardinals, ordinals, spoken, years
from pipelines.files import samples
from pipelines.speech import english, english_rules
from pipelines.speech.cleaning import Cleaner

TEXTS = [
    "Dr. Smith paid $1.50 in 1863.", "Mr.Jones & Co. of St. Ives, 5th st.", "At 10:05 and 10:00, not 23:59!",
    "½ of 3½ ft. is #7, no. 8", "“Élan” — ﬁve… ÆSIR ß", "192.168.0.1 1,2,3 12,34 1234,5 007 1000000000000000",
    "-5 -$5 $.5 5€ $5m £1 $1.00 £2.01 $0.50 ¢ 5¢", "the 1980s, the 90s, 21st 22nd 0th 1001st", "", " \t ",
    "☃ 日本 ²³", "1900 2000 2001 2010 2100 1100 1,863 18632", "£3 million; $2.5 billion", "a1b2 c3d 1st2nd",
    "etc. (etc.) inc", "four\0 zero \x1c5 \x1dxiv", "3 ≠ 4, 10⁶, 10⁻³, x²y², 1⅓, 3①, ™ § ㎡ ⅟8 1⁄2 3∄",
    "Call +1 555 123 4567, 555-0142, 978-3-16-148410-0 on 2023-05-06 or 31/12/99 at 3:30pm, 14:30:15.",
    "Louis XIV, King Charles I, World War II, MCMXCIX, Aug. 15, 15 May 1999, p. 45, 5 kg, 1 m², 6'2\", 2 5/8",
    "5 000 €, 5'000, ¥5, $-5, 5\u00a0000\u202f000, 1,00,000, 10-20%, й ά e\u0301\u0323 \u0301a İΣΑΣ",
]  # fmt: skip


def assert_same(texts, language="english"):
    """The runtime reads each of `texts` as the graph does."""
    words = Cleaner(language)(tf.constant(texts)).numpy()
    found = [spoken(text, one_by_one=language == "english_digits") for text in texts]
    differing = [row for row in zip(texts, found, words, strict=True) if row[1] != row[2].decode()]
    assert not differing, f"{len(differing)} of {len(texts)}: {differing[:5]}"


def drawn(count):
    draw = random.Random(0)
    signs = "0123456789,.$£€ st nd rdthks%-–:#½ft.no.mrAéß/⁶²³IVX¥kg°c'\"\0"
    return ["".join(draw.choice(signs) for _ in range(draw.randint(1, 14))) for _ in range(count)]


def english_lines():
    """Lines of tiny Shakespeare and of Tatoeba, as they were written."""
    with gzip.open(samples() / "tinyshakespeare.txt.gz", "rt", encoding="utf-8") as file:
        plays = [line for line in file.read().split("\n") if line]
    with gzip.open(samples() / "tatoeba-cmn-eng.tsv.gz", "rt", encoding="utf-8") as file:
        sentences = [field for line in file for field in line.rstrip("\n").split("\t")[:2]]
    return plays, sentences


@pytest.mark.parametrize("language", ["english", "english_digits"])
def test_spoken_is_what_training_prepares(language):
    assert_same([*TEXTS, *drawn(600)], language)


def test_lines_of_english_are_read_alike():
    plays, sentences = english_lines()
    assert_same([*plays[::120], *sentences[::200]])


@pytest.mark.slow
def test_ten_thousand_lines_of_english_are_read_alike():
    plays, sentences = english_lines()
    assert_same([*plays[::6], *sentences[::7], *drawn(10_000)])


def characters(step):
    """Each `step`-th character of Unicode; but for a few new ones, which only one of the libraries knows."""
    texts = [chr(point) for point in range(0, 0x110000, step) if not 0xD800 <= point < 0xE000]
    small = tf.strings.lower(texts[1:], encoding="utf-8").numpy()
    split = tf_text.normalize_utf8(texts[1:], "NFKD").numpy()
    known = [
        text
        for text, *found in zip(texts[1:], small, split, strict=True)
        if found == [text.lower().encode(), unicodedata.normalize("NFKD", text).encode()]
    ]
    assert len(known) > len(texts) - 300
    return [texts[0], *known]


def test_characters_are_read_alike():
    signs = [chr(point) for block in ((0, 0x180), (0x2000, 0x2200)) for point in range(*block)]
    assert_same([*signs, *characters(1409)])


@pytest.mark.slow
def test_every_character_is_read_alike():
    texts = characters(1)
    for start in range(0, len(texts), 2**16):
        assert_same(texts[start : start + 2**16])


def test_the_rules_are_those_of_the_graph():
    path = Path(kerasapp_lite.__file__).parent / "english.json"
    assert path.read_text("utf-8") == english_rules.as_json()


@pytest.mark.parametrize(
    ("own", "first", "library"),
    [
        (cardinals, 0, english.cardinals),
        (ordinals, 0, english.ordinals),
        (years, english.FIRST_YEAR, english.years),
    ],
)
def test_words_of_numbers_are_those_of_num2words(own, first, library):
    assert [own(first + i) for i in range(len(library()))] == list(library())
