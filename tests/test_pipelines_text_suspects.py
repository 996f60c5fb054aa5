"""What a wrong decoding or another program left in a text is told."""

import pytest

from pipelines.text.suspects import Suspects, warnings

TEXT = "The old man saw the sea, and Ângela não viu a MÃE.\n"


def told(text):
    suspects = Suspects()
    assert "".join(suspects.through([text[:7], text[7:]])) == text
    return warnings(suspects.counts())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (50 * TEXT.replace("\n", "\r\n"), "50 carriage returns (U+000D) in 2,600 characters: .*tr -d"),
        (50 * TEXT + "\ufffd", "1 replacement characters"),
        (
            TEXT.encode("utf-16-le").decode(errors="ignore"),
            "51 control characters .*: is it a text in another",
        ),
        (50 * TEXT + "f\u00c3\u00bcr", "1 letters such as Ã¤ in place of ä .*: UTF-8 was read as Latin-1"),
        ("don\u00e2\u20ac\u2122t", "1 letters such as"),
        (50 * TEXT + "\ufeff" + TEXT, "1 byte order marks (U+FEFF) inside in 2,602 characters: .*joined"),
        (50 * TEXT.replace("man", "m\xadan"), "50 invisible hyphens"),
        (50 * TEXT.replace("man", "man\u200b"), "50 invisible hyphens"),
        (50 * '{"text": "One."}\n', "49 lines of JSON .*jq -r .text"),
        (50 * f"<p>{TEXT}</p>", "50 tags and entities of HTML"),
        (50 * f"A &amp; B {TEXT}", "50 tags and entities of HTML"),
    ],
)
def test_suspicious_characters_are_told(text, words):
    (line,) = told(text)
    start, _, end = words.partition(".*")
    assert line.startswith(start) and end in line


def test_plain_text_has_none():
    assert told("ខ្ញុំ\u200bស្រឡាញ់\u200bប្រទេស\u200bកម្ពុជា\n" * 50) == []  # where words end
    assert told(50 * TEXT) == [] and told("") == [] and warnings({}) == []
    assert told(1000 * TEXT + "A tag </p> in a book on HTML\r\n") == []
