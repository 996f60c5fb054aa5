"""Text to token ids and back: by characters, or by SentencePiece's pieces without SentencePiece.

In every vocabulary the ids 0 to 3 are padding, unknown, start and end.
"""

import codecs
import itertools
import json
import re
import unicodedata

import numpy as np

PAD, UNKNOWN, START, END = range(4)
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
SPACE_MARK = "\N{LOWER ONE EIGHTH BLOCK}"  # how a piece writes a space

_INVISIBLE = (  # as in pipelines/text/sentences.py
    "[\x01-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    "\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]+"
)
_UNKNOWN_PENALTY = 10.0  # below the lowest score: the score of a character without a piece

# One U+FFFD per byte that is not UTF-8, as SentencePiece does and Python's "replace" does not.
codecs.register_error("each_byte", lambda error: (REPLACEMENT * (error.end - error.start), error.end))


def normalise(text, form):
    """`text` in the form "NFC", "NFKC" or "none" of Unicode. Bytes that are not UTF-8 become U+FFFD."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text if form == "none" else unicodedata.normalize(form, text)


def squeeze(text):
    """`text` with each run of white space as one space, and none at the ends; empty if it shows nothing."""
    return "" if re.fullmatch(_INVISIBLE, text) else " ".join(text.split())


def load(path, form):
    """The vocabulary in a bundle's JSON file: `Characters` or `Pieces`.

    Args:
        path: the file.
        form: the normalisation in the metadata.
    """
    content = json.loads(path.read_text("utf-8"))
    if "characters" in content:
        return Characters(content["characters"], form)
    return Pieces(content["pieces"], content["model_type"], form)


class Vocabulary:
    """What both kinds share.

    Attributes:
        form: the normalisation.
        surfaces: the bytes of each id's text, b"" for padding, start and end.
        line_break: the id of "\\n", or of the first character if there is none: the context of an empty
            prompt.
    """

    def encode(self, text):
        """The list of ids of a text, which is normalised first; without start and end."""
        raise NotImplementedError

    def unknown(self, text):
        """The characters of a text that have no id, each once, in their order: a string."""
        return ""

    def encode_sentence(self, text):
        """The ids of one sentence: its white space is squeezed, and pieces have a space before it."""
        text = squeeze(normalise(text, self.form))
        return self.encode(f" {text}" if text and isinstance(self, Pieces) else text)

    def decode(self, ids):
        """The text of a list of ids."""
        return b"".join(self.surfaces[i] for i in ids).decode("utf-8", "each_byte")

    def decoder(self):
        """An object whose decode(bytes, final) gives text in whole characters."""
        return codecs.getincrementaldecoder("utf-8")("each_byte")


class Characters(Vocabulary):
    """One id per known character, from 4 on.

    Args:
        characters: a string or list of them, in the order of their ids.
        form: the normalisation.
    """

    def __init__(self, characters, form="NFC"):
        self.form = form
        self.ids = {character: 4 + i for i, character in enumerate(characters)}
        self.surfaces = [b"", REPLACEMENT.encode(), b"", b"", *(c.encode() for c in characters)]
        self.line_break = self.ids.get("\n", 4)

    def encode(self, text):
        return [self.ids.get(character, UNKNOWN) for character in normalise(text, self.form)]

    def unknown(self, text):
        return "".join(c for c in dict.fromkeys(normalise(text, self.form)) if c not in self.ids)


class Pieces(Vocabulary):
    """SentencePiece's pieces, unigram or BPE, with bytes for what no piece covers.

    Args:
        pieces: [piece, score, type] of each id; the types are "normal", "unknown", "control", "user_defined",
            "unused" and "byte".
        model_type: "unigram" or "bpe".
        form: the normalisation.
    """

    def __init__(self, pieces, model_type="unigram", form="NFC"):
        self.form, self.model_type = form, model_type
        self.ids = {piece: i for i, (piece, _, kind) in enumerate(pieces) if kind == "normal"}
        self.scores = {piece: float(np.float32(pieces[i][1])) for piece, i in self.ids.items()}
        self.bytes = {int(piece[1:-1], 16): i for i, (piece, _, kind) in enumerate(pieces) if kind == "byte"}
        self.surfaces = [_surface(piece, kind) for piece, _, kind in pieces]
        self.line_break = next(i for i, (piece, *_) in enumerate(pieces) if piece == "\n")
        self._longest = max(map(len, self.ids), default=1)
        self._unknown_score = float(np.float32(min(self.scores.values(), default=0.0) - _UNKNOWN_PENALTY))

    def encode(self, text):
        """The ids of a text. Lines are encoded one by one, with the id of "\\n" between them."""
        ids = []
        for line in normalise(text, self.form).replace(SPACE_MARK, REPLACEMENT).split("\n"):
            cut = self._unigram if self.model_type == "unigram" else self._bpe
            for piece in cut(line.replace(" ", SPACE_MARK)):
                if piece in self.ids:
                    ids.append(self.ids[piece])
                else:
                    ids += [self.bytes[byte] for byte in piece.encode()]
            ids.append(self.line_break)
        return ids[:-1]  # the last line has no break

    def _unigram(self, line):
        """The pieces with the greatest sum of scores (Viterbi): best[j] is that of the first j characters."""
        best, start = [0.0] + [None] * len(line), [0] * (len(line) + 1)
        for i in range(len(line)):
            for j in range(i + 1, min(i + self._longest, len(line)) + 1):
                score = self.scores.get(line[i:j])
                if score is None:
                    if j > i + 1:
                        continue
                    score = self._unknown_score
                # SentencePiece adds 32-bit numbers: between two nearly equal sums, rounding decides.
                score = float(np.float32(score + best[i]))
                if best[j] is None or score > best[j]:  # of equal sums, the piece that starts earlier
                    best[j], start[j] = score, i
        pieces, end = [], len(line)
        while end:
            pieces.append(line[start[end] : end])
            end = start[end]
        return pieces[::-1]

    def _bpe(self, line):
        """The pieces that remain after neighbours are joined, always those of the best joint score (the
        first of equals), until none can be. Quadratic in the line: a port for long lines keeps a heap."""
        pieces = list(line)
        while True:
            joined = [a + b for a, b in itertools.pairwise(pieces)]
            scores = [self.scores.get(piece, -np.inf) for piece in joined]
            best = max(range(len(scores)), key=scores.__getitem__, default=None)
            if best is None or scores[best] == -np.inf:
                return pieces
            pieces[best : best + 2] = [joined[best]]


def _surface(piece, kind):
    if kind == "byte":
        return bytes([int(piece[1:-1], 16)])
    if kind == "unknown":
        return REPLACEMENT.encode()
    return b"" if kind == "control" else piece.replace(SPACE_MARK, " ").encode()
