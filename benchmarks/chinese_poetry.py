"""Chinese poems from JSON to the plain text that the preset `chinese-poetry` trains on.

    python benchmarks/chinese_poetry.py poems.txt poet.tang.*.json 唐诗三百首.json 宋词三百首.json

The files come from github.com/chinese-poetry/chinese-poetry (MIT; the poems are in the public domain): lists
of poems with their lines in "paragraphs". The text has one line of a poem per line and an empty line after
each poem, no titles, in NFC. Repeated poems are kept once. The poems are ordered by a hash of their text, so
a split by position has every kind of poem on each side, and no poem on both.

With poet.tang.0 to .7000 and the two anthologies: 8,368 poems, 602,531 characters, 6,554 different.
"""

import argparse
import hashlib
import json
import sys
import unicodedata
from pathlib import Path


def poems(path: Path) -> list[str]:
    """The poems of a file, without empty ones; each is one string whose lines end in a line break."""
    texts = []
    for poem in json.loads(path.read_text("utf-8")):
        lines = [unicodedata.normalize("NFC", line.strip()) for line in poem["paragraphs"]]
        texts.append("".join(f"{line}\n" for line in lines if line))
    return [text for text in texts if text]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    arguments = parser.parse_args()
    found = [poem for path in arguments.files for poem in poems(path)]
    kept = sorted(set(found), key=lambda poem: hashlib.sha256(poem.encode()).digest())
    arguments.output.write_text("\n".join(kept), "utf-8")
    characters = sum(map(len, kept)) + len(kept) - 1
    print(
        f"{len(kept):,} poems ({len(found) - len(kept):,} repetitions left out), {characters:,} characters,"
        f" {len(set(''.join(kept))):,} different",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
