"""The small runtime's words against those of the graph that prepares the texts of training."""

import random

import pytest
import tensorflow as tf

from kerasapp_lite.english import cardinals, ordinals, spoken, years
from pipelines.speech import english
from pipelines.speech.cleaning import Cleaner

TEXTS = [
    "Dr. Smith paid $1.50 in 1863.", "Mr.Jones & Co. of St. Ives, 5th st.", "At 10:05 and 10:00, not 23:59!",
    "½ of 3½ ft. is #7, no. 8", "“Élan” — ﬁve… ÆSIR ß", "192.168.0.1 1,2,3 12,34 1234,5 007 1000000000000000",
    "-5 -$5 $.5 5€ $5m £1 $1.00 £2.01 $0.50 ¢ 5¢", "the 1980s, the 90s, 21st 22nd 0th 1001st", "", " \t ",
    "☃ 日本 ²³", "1900 2000 2001 2010 2100 1100 1,863 18632", "£3 million; $2.5 billion", "a1b2 c3d 1st2nd",
    "etc. (etc.) inc",
]  # fmt: skip


def test_spoken_is_what_training_prepares():
    draw = random.Random(0)
    signs = "0123456789,.$£€ st nd rdthks%-–:#½ft.no.mrAéß"
    drawn = ["".join(draw.choice(signs) for _ in range(draw.randint(1, 14))) for _ in range(2000)]
    expected = Cleaner("english")(tf.constant(TEXTS + drawn)).numpy()
    for text, words in zip(TEXTS + drawn, expected, strict=True):
        assert spoken(text) == words.decode(), text


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
