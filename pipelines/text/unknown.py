"""Characters that a tokenizer has no token for, counted in the texts that pass."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from pipelines.data_report import Unknown
from pipelines.text.tokenizers import Tokenizer


class UnknownCharacters:
    """Counts the characters of texts that a tokenizer has no token for.

    Args:
        tokenizer: one of subwords spells in bytes what no piece covers.
    """

    def __init__(self, tokenizer: Tokenizer):
        self._spelt = tokenizer.kind == "subwords"
        self._known = np.zeros(0x110000, bool)
        self._known[[ord(character) for character in tokenizer.characters]] = True
        self._characters, self._letters = 0, Counter()

    def through(self, texts: Iterable[str]) -> Iterator[str]:
        """Passes texts on, which are normalised, and counts."""
        for text in texts:
            self._characters += len(text)
            points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
            each, counts = np.unique(points[~self._known[points]], return_counts=True)
            self._letters.update(dict(zip(map(chr, each.tolist()), counts.tolist(), strict=True)))
            yield text

    def counts(self) -> dict[str, Any]:
        """What was found, as JSON can hold it; `unknown_of` reads it."""
        letters = dict(self._letters.most_common())
        return {"characters": self._characters, "letters": letters, "spelt": self._spelt}


def unknown_of(where: str, counts: Mapping[str, Any]) -> Unknown:
    """The `Unknown` of what `UnknownCharacters.counts` gave."""
    letters = counts["letters"]
    return Unknown(where, counts["characters"], sum(letters.values()), letters, counts.get("spelt", False))
