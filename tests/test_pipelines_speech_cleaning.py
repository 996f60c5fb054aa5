"""Cleaning: cases by hand, LJSpeech's own readings, and what holds for every text."""

import random
import unicodedata

import pytest
import tensorflow as tf

from pipelines.speech.cleaning import LANGUAGES, Cleaner

ENGLISH = {
    # Letters and white space
    "  Two\twords \r\n": "two words",
    "": "",
    " \n": "",
    "Naïve CAFÉ, Ångström, İ, straße, Æon, œuvre, ﬁx": "naive cafe, angstrom, i, strasse, aeon, oeuvre, fix",
    "zero\u200bwidth and soft\u00adhyphen": "zerowidth and softhyphen",
    "春 ЖУК 한국어": "春 жук 한국어",
    # Typography
    "“It’s ‘so’…” – he—she": "\"it's 'so'...\" - he -- she",
    # Numbers
    "In 1863, 1,863 men.": "in eighteen sixty-three, one thousand, eight hundred sixty-three men.",
    "1,000,000, 0.5, .5, 007": "one million, zero point five, zero point five, zero zero seven",
    "b52, B-52, mp3s 5k": "b fifty-two, b-fifty-two, mp threes five k",
    "the 1st, 2ND and 3rd.": "the first, second and third.",
    "the 1980s (or '90s)": "the nineteen eighties (or 'nineties)",
    "1,2,3 1,23 1234,567 1,2345": (
        "one, two, three one, twenty-three twelve thirty-four, five hundred sixty-seven "
        "one, two thousand, three hundred forty-five"
    ),
    "-5, (-0.5), 1-2, 1914–1918": (
        "minus five, (minus zero point five), one-two, nineteen fourteen to nineteen eighteen"
    ),
    "192.168.0.1": "one hundred ninety-two point one six eight point zero point one",
    "at 10:30, 9:05 and 12:00": "at ten thirty, nine oh five and twelve o'clock",
    "No. 5, №5, #5. No.": "number five, number five, number five. no.",
    "½ mile, 2½ m², １２": "half mile, two and a half m squared, twelve",
    # Money and signs
    "$1.50, £1, €0.50, 5€, $.50; US$5": (
        "one dollar, fifty cents, one pound, fifty cents, five euros, fifty cents; us five dollars"
    ),
    "£8 per £100.": "eight pounds per one hundred pounds.",
    "$5 million, $1.5 billion, -$3, 50¢": (
        "five million dollars, one point five billion dollars, minus three dollars, fifty cents"
    ),
    "$5M, £3.2bn, €1,000 k, $5 men": (
        "five million dollars, three point two billion pounds, one thousand thousand euros, five dollars men"
    ),
    "5%, 5 % & B&B, 1+1=2, a@b": ("five percent, five percent and b and b, one plus one equals two, a at b"),
    # Abbreviations
    "Mr. & Mrs. Smith, Dr. No, Col. Gen.": "mister and missis smith, doctor no, colonel general",
    "Smith & Co. of Main St., St. Paul": "smith and company of main street, saint paul",
    "John Jr. sold tea, etc. and so on, etc.": "john junior sold tea, et cetera and so on, et cetera.",
    "Mr.Smith, St.John, Co.Ltd. Dr.5 first.x": (
        "mister smith, saint john, company limited doctor five first.x"
    ),
    "5 ft. from Ft. Worth, the 1st. Armr. and co": "five feet from fort worth, the first. armr. and co",
    # What has no words
    "☃ ~ <x>": "☃ ~ <x>",
}


def cleaned(texts, language="english"):
    return [text.decode() for text in Cleaner(language)(tf.constant(texts, tf.string)).numpy()]


@pytest.mark.parametrize(("text", "expected"), ENGLISH.items())
def test_english_by_hand(text, expected):
    assert cleaned([text]) == [expected]


def test_a_row_does_not_depend_on_the_batch():
    assert cleaned(list(ENGLISH)) == list(ENGLISH.values())
    assert cleaned([]) == []


@pytest.mark.parametrize(
    ("written", "read"),  # columns of LJSpeech's metadata: what is printed, and what its speaker says
    [
        ("about 1455,", "about fourteen fifty-five,"),
        ("On the 14th June, 1800,", "On the fourteenth June, eighteen hundred,"),
        ("there were 199 debtors", "there were one hundred ninety-nine debtors"),
        ("in 1803 the total rose to 710.", "in eighteen oh three the total rose to seven hundred ten."),
        ("114,300 for", "one hundred fourteen thousand, three hundred for"),
        ("and 7020 for", "and seven thousand twenty for"),
        ("between £10 and £20 were", "between ten pounds and twenty pounds were"),
        ("£285,950;", "two hundred eighty-five thousand, nine hundred fifty pounds;"),
    ],
)
def test_numbers_are_read_as_a_speaker_read_them(written, read):
    assert cleaned([written]) == [read.lower()]


def test_plain_unicode_for_other_languages():
    texts = ["  Ｎｏ. 5\u3000e\u0301 ", "Dr. “X” 1863\n…", "", "１½"]
    expected = [" ".join(unicodedata.normalize("NFC", text).split()) for text in texts]
    assert cleaned(texts, "none") == expected


def test_whatever_comes_no_digit_and_no_error_is_left():
    rng = random.Random(3)
    alphabet = [
        *"0123456789" * 2,
        *"..,,$£€%&-–½²#: '\"()sthrdn\n\x1e\x1f\x00é１",
        "million",
        " no. ",
        "st.",
        "☃",
    ]
    texts = ["".join(rng.choices(alphabet, k=rng.randrange(30))) for _ in range(2000)]
    once = cleaned(texts)
    assert not any(character in "0123456789" for text in once for character in text)
    assert all(text == " ".join(text.split()) for text in once)
    assert cleaned(once) == once  # what has been cleaned stays as it is


def test_bytes_that_are_not_utf8_are_replaced():
    for language in LANGUAGES:
        assert Cleaner(language)(tf.constant([b"a\xff1"])).numpy()[0].decode().startswith("a\ufffd")


def test_ten_thousand_characters():
    assert cleaned(["7 " * 5000]) == [" ".join(["seven"] * 5000)]


def test_an_unknown_language_is_named():
    with pytest.raises(ValueError, match="'klingon': expected one of english, none"):
        Cleaner("klingon")


def test_saved_and_loaded(tmp_path):
    module = tf.Module()
    module.cleaner = Cleaner("english")
    module.clean = tf.function(
        module.cleaner.__call__, autograph=False, input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    assert loaded.clean(tf.constant(list(ENGLISH))).numpy().tolist() == [
        text.encode() for text in ENGLISH.values()
    ]
    assert loaded.clean(tf.constant([], tf.string)).shape == [0]
