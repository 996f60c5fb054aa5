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
        "minus five, (minus zero point five), one to two, nineteen fourteen to nineteen eighteen"
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
    # Signs whose compatibility form means something else
    "3 ≠ 4, 3 ≤ 4, ∄": "three does not equal four, three less than or equal to four, ∄",
    "10⁶, 2⁵, 10²³, x⁴, 10⁻³, 2ⁿ": (
        "ten to the sixth, two to the fifth, ten to the twenty-third, x to the fourth, ten to the minus "
        "three, "
        "two to the n"
    ),
    "x²y²z², 5³; 1945¹ said¹² that": (
        "x squared y squared z squared, five cubed; nineteen forty-five one said twelve that"
    ),
    "1⅓ cups, ⅔, ⅝ of 2⅛, 1⁄2": (
        "one and one third cups, two thirds, five eighths of two and one eighth, half"
    ),
    "H₂O, 10₂, 3①, 5㎏, 20㎡": "h two o, ten two, three one, five kilograms, twenty square meters",
    "Windows™, 45º, 25 ℃": "windows trademark, forty-five degrees, twenty-five degrees celsius",
    "й ё ά": "й ё ά",
    "four\0 zero": "four\ufffd zero",
    # Times and dates
    "3:30pm, 9:00am, 9:00 a.m., 3:05 p.m.": "three thirty pm, nine am, nine a.m., three oh five p.m.",
    "14:30:15, 9:00-10:30, 9am-5pm, 4:1": (
        "fourteen thirty and fifteen seconds, nine o'clock to ten thirty, nine am to five pm, four to one"
    ),
    "2023-05-06, 12/25/1999, 31/12/99, 06.05.2023": (
        "may sixth, twenty twenty-three, december twenty-fifth, nineteen ninety-nine, "
        "december thirty-first, ninety-nine, may sixth, twenty twenty-three"
    ),
    "2023-05-06T10:30": "may sixth, twenty twenty-three ten thirty",
    "August 15, 1999. Jan. 5, Sept 9, 15 August 1999, May 5-7": (
        "august fifteenth, nineteen ninety-nine. january fifth, september ninth, "
        "fifteenth august nineteen ninety-nine, may fifth to seventh"
    ),
    "March 5,000 miles; May 3.5; I may 5": "march five thousand miles; may three point five; i may five",
    # Telephones, ranges, fractions
    "555-123-4567, (555) 123-4567, 555-0142": (
        "five five five, one two three, four five six seven, five five five, one two three, four five "
        "six seven, "
        "five five five, zero one four two"
    ),
    "+33 1 23 45 67, +15551234567, 1-800-555-1234": (
        "plus three three, one, two three, four five, six seven, plus one five five five one two three "
        "four five "
        "six seven, one, eight zero zero, five five five, one two three four"
    ),
    "978-3-16-148410-0": "nine seven eight, three, one six, one four eight four one zero, zero",
    "10-20, $10-$20, 5-10%, 1914-18, 100-1000, 1.5-2": (
        "ten to twenty, ten dollars to twenty dollars, five to ten percent, nineteen fourteen to eighteen, "
        "one hundred to one thousand, one point five to two"
    ),
    "1/2 cup, 1 1/2, 3/4, 2/3, 1/3, 2 5/8, 24/7, 15/20": (
        "half cup, one and a half, three quarters, two thirds, one third, two and five eighths, "
        "twenty-four seven, "
        "fifteen slash twenty"
    ),
    # Units
    "5 kg, 1 kg, 5kg, 1.1 kg, 5 m², 100 km/h, 6'2\"": (
        "five kilograms, one kilogram, five kilograms, one point one kilograms, five square meters, "
        "one hundred kilometers per hour, six feet two inches"
    ),
    "3 min. later, 10 lbs. of it, 1 in. of rain": "three minutes later, ten pounds of it, one inch of rain",
    "$5/month and/or km/h, w/o a/c": "five dollars per month and or kilometers per hour, without a slash c",
    # Roman numbers
    "Louis XIV, Henry VIII, Elizabeth II, King Charles I, HENRY VI": (
        "louis the fourteenth, henry the eighth, elizabeth the second, king charles the first, henry "
        "the sixth"
    ),
    "World War II, World War I was, Chapter IV, Act V, MCMXCIX, the XXI century": (
        "world war two, world war one was, chapter four, act five, nineteen ninety-nine, the "
        "twenty-first century"
    ),
    "I, Book I read, XL, MIX, DC, Malcolm X, xiv, CIVIC": (
        "i, book i read, xl, mix, dc, malcolm x, xiv, civic"
    ),
    # More money
    "5 000 €, € 5 000, $-5, ¥100, ₹5, 5\u00a0000\u202f000, 5'000": (
        "five thousand euros, five thousand euros, minus five dollars, one hundred yen, five rupees, "
        "five million, "
        "five thousand"
    ),
    "p. 45, pp. 3-5, vol. III, e.g. this, i.e. that": (
        "page forty-five, pages three to five, volume three, for example this, that is that"
    ),
    # What has no words
    "☃ ~ <x>": "☃ ~ <x>",
}


def cleaned(texts, language="english"):
    return [text.decode() for text in Cleaner(language)(tf.constant(texts, tf.string)).numpy()]


@pytest.mark.parametrize(("text", "expected"), ENGLISH.items())
def test_english_by_hand(text, expected):
    assert cleaned([text]) == [expected]


DIGITS = {
    "40927": "four zero nine two seven",
    "4 0, ４０": "four zero, four zero",
    "In 1999, 3.5": "in one nine nine nine, three point five",
    "four zero": "four zero",
}


@pytest.mark.parametrize(("text", "expected"), DIGITS.items())
def test_digits_one_by_one(text, expected):
    assert cleaned([text], "english_digits") == [expected]


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
    with pytest.raises(ValueError, match="'klingon': expected one of english_digits, english, none"):
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
