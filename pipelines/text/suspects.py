"""Characters that should not be in a text: what a wrong decoding or another program left there.

suspects = Suspects()
for piece in suspects.through(pieces): ...
warnings(suspects.counts())      # a line about each kind that is there too often
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

_LOOKED_AT = 50_000_000  # first characters of a text
_CHARACTERS = "characters"
_KINDS = {  # what is found -> how, the share of the characters above which it is told, and what helps
    "carriage returns (U+000D)": (
        r"\r",
        1e-3,
        "the model learns them: tr -d '\\r' < FILE > lf.txt removes them, or tr '\\r' '\\n'",
    ),
    "replacement characters (U+FFFD)": (
        "\ufffd",
        1e-5,
        "they stand for letters that were lost: decode the original file again",
    ),
    "byte order marks (U+FEFF) inside": (
        "\ufeff",
        0,
        "they come from files that were joined: sed 's/\\xEF\\xBB\\xBF//g' FILE > text.txt removes them",
    ),
    "invisible hyphens and joints (U+00AD, U+200B)": (
        "\xad|[A-Za-z]\u200b|\u200b[A-Za-z]",
        1e-4,
        "the model learns them: sed 's/\\xC2\\xAD\\|\\xE2\\x80\\x8B//g' FILE > text.txt removes them",
    ),
    "lines of JSON": (
        r"(?m)^\{\".*\}\r?$",
        1e-3,
        "the model learns names, braces and escapes: jq -r .text FILE > text.txt takes one field",
    ),
    "control characters": (
        r"[\x00-\x08\x0e-\x1f\x7f-\x9f]",
        1e-4,
        "is it a text in another encoding? tr -d '\\000-\\010\\016-\\037' < FILE > text.txt removes them",
    ),
    "letters such as Ã¤ in place of ä": (
        r"Ã[\x80-\xbf\u0152-\u2122]|Â[\xa0-\xbf]|â(\x80|€)",
        1e-4,
        "UTF-8 was read as Latin-1: iconv -f UTF-8 -t WINDOWS-1252 < FILE > repaired.txt",
    ),
    "tags and entities of HTML": (
        r"</[a-z]|<br\b|&(amp|lt|gt|quot|nbsp|#\d+);",
        1e-3,
        "the model learns them: take them out if it should not",
    ),
}
_FOUND = {kind: re.compile(pattern) for kind, (pattern, _, _) in _KINDS.items()}


class Suspects:
    """Counts suspicious characters of texts."""

    def __init__(self):
        self._counts = Counter()

    def add(self, text: str) -> None:
        if self._counts[_CHARACTERS] < _LOOKED_AT:
            self._counts[_CHARACTERS] += len(text)
            for kind, pattern in _FOUND.items():
                self._counts[kind] += sum(1 for _ in pattern.finditer(text))

    def through(self, texts: Iterable[str]) -> Iterator[str]:
        """Passes texts on and counts."""
        for text in texts:
            self.add(text)
            yield text

    def counts(self) -> dict[str, int]:
        """How many there are of each kind, and of characters in all; as JSON can hold it."""
        return dict(self._counts)


def warnings(counts: Mapping[str, int]) -> list[str]:
    """A line about each kind that is there too often, and what helps."""
    characters = counts.get(_CHARACTERS, 0)
    return [
        f"{counts[kind]:,} {kind} in {characters:,} characters: {cure}"
        for kind, (_, share, cure) in _KINDS.items()
        if counts.get(kind, 0) > share * characters
    ]
