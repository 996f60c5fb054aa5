"""The data report of recordings with transcripts."""

import itertools
import unicodedata
from collections import Counter
from collections.abc import Sequence

from pipelines.data_report import DataReport, Unknown, named, percent, visible
from pipelines.errors import shortened
from pipelines.speech.corpus import ClipCorpus
from pipelines.splits import SPLITS
from pipelines.text.normalisation import normalise_string
from pipelines.text.sentences import has_letters
from pipelines.text.suspects import Suspects, warnings
from pipelines.text.unknown import UnknownCharacters, unknown_of

_EXAMPLES = 2
_SHOWN = 150  # most characters of an example
_STRANGE = 0.5  # share of transcripts without letters above which they are told
_MOST_FOREIGN = 0.02  # share of letters outside ASCII: more are another language
_SIGNS = ("Nd", "Nl", "No", "Sc", "Sm", "So")  # kinds of digits and signs that are read as words
_SLOWEST = 6  # characters per second, which nobody undercuts who reads on
_SYLLABLE = 3  # characters that a Chinese, Japanese or Korean one takes as long as
_BEGINNING = 1.0  # seconds that a clip may have besides
_SLOW_SHOWN = 3


def report(
    corpus: ClipCorpus, directory: str, language: str, hop_ms: float, cure: str, allowed: bool
) -> DataReport:
    """What was read and left out, the seconds of speech that were found and cut, and what is learned.

    Args:
        directory: the name of the folder.
        language: how the transcripts were cleaned.
        hop_ms: the time of a frame.
        cure: what helps against unknown characters.
        allowed: whether any number of unknown characters may be trained on.
    """
    found = DataReport("synthesis")
    found.read |= {"clips": len(corpus.transcripts), "directory": directory}
    failures = [f"{id}: {reason}" for id, reason in corpus.failures]
    found.drop(None, len(failures), len(corpus.transcripts), "clips", "they cannot be used", failures)
    for name in filter(corpus.sizes.get, SPLITS):
        found.tables.setdefault("splits", {})[name] = {
            "clips": corpus.sizes[name],
            "s recorded": float(corpus.recorded[name]),
            "s of speech": float(corpus.seconds[name]),
            "s of silence cut": float(corpus.recorded[name] - corpus.seconds[name]),
        }
        clips = corpus.split(name)
        found.add_lengths(f"{name} characters", clips.token_lengths)
        found.add_lengths(f"{name} frames", clips.frame_lengths)
        found.add_unknown([unknown(corpus, name)], cure, allowed)
        rows = zip(corpus.ids(name), corpus.texts(name), (clips.frame_lengths * hop_ms / 1000).tolist())
        for id, text, seconds in itertools.islice(rows, _EXAMPLES - len(found.examples)):
            found.examples.append(f'{id}: "{shortened(visible(text), _SHOWN)}", {seconds:.2f} s')
    found.vocabulary["characters"] = corpus.tokenizer.size
    suspects = Suspects()
    for text in corpus.transcripts:
        suspects.add(text)
    found.warnings += warnings(suspects.counts())
    strange = [text for text in corpus.transcripts if not has_letters(text)]
    if len(strange) > _STRANGE * len(corpus.transcripts):
        found.warnings.append(
            f"{len(strange):,} of {len(corpus.transcripts):,} transcripts have no letters, such as"
            f' "{shortened(strange[0])}": are these what is read aloud?'
        )
    found.warnings += _slow(corpus, hop_ms)
    if corpus.shifted:
        found.warnings.append(
            "the clips are as long as the transcripts one line before or after need: is a line missing, or"
            " are the names of the clips off by one?"
        )
    if language != "none":
        found.warnings += _unread(corpus)
    foreign = _foreign(corpus.transcripts)
    if language != "none" and foreign > _MOST_FOREIGN:
        found.warnings.append(
            f"{percent(foreign)} of the letters are not English, and cleaning for {language} takes"
            " accents away; for another language give --data.language none"
        )
    return found


def _slow(corpus: ClipCorpus, hop_ms: float) -> list[str]:
    """A line about the clips with much more sound than their transcripts need, if there are any."""
    clips = []
    for name in filter(corpus.sizes.get, SPLITS):
        lengths = (corpus.split(name).frame_lengths * hop_ms / 1000).tolist()
        for id, text, seconds in zip(corpus.ids(name), corpus.texts(name), lengths, strict=True):
            spoken = sum(_SYLLABLE if unicodedata.east_asian_width(c) == "W" else 1 for c in text)
            if seconds > _BEGINNING + spoken / _SLOWEST:
                clips.append(f"{id}: {seconds:.1f} s for {len(text):,} characters")
    if not clips:
        return []
    more = f"; and {len(clips) - _SLOW_SHOWN:,} more" if len(clips) > _SLOW_SHOWN else ""
    return [
        f"{len(clips):,} of {sum(corpus.sizes.values()):,} clips have much more sound than their transcripts"
        f" need: {'; '.join(clips[:_SLOW_SHOWN])}{more}: is all of it speech, and is all that is said"
        " written? --audio.trim_db 25 cuts noise at the ends that is 25 dB below the loudest sound"
    ]


def _unread(corpus: ClipCorpus) -> list[str]:
    """A line about the digits and signs that cleaning left as they are, if there are any."""
    texts = [text for name in filter(corpus.sizes.get, SPLITS) for text in corpus.texts(name)]
    signs = Counter(c for text in texts for c in text if unicodedata.category(c) in _SIGNS)
    if not signs:
        return []
    found = named(dict(signs.most_common()))
    return [
        f"cleaning has no words for {signs.total():,} digits and signs: {found}; the model learns them as"
        " they are: write them as they are read aloud"
    ]


def _foreign(texts: Sequence[str]) -> float:
    """The share of the letters of texts that are no ASCII."""
    letters = [character for text in texts for character in text if character.isalpha()]
    return sum(not character.isascii() for character in letters) / max(1, len(letters))


def failures(corpus: ClipCorpus) -> list[str]:
    """The clips that cannot be used, a line each after one with their number."""
    if not corpus.failures:
        return []
    listed = [f"  {id}: {reason}" for id, reason in corpus.failures]
    return [f"{len(listed):,} of {len(corpus.transcripts):,} clips are left out:", *listed]


def unknown(corpus: ClipCorpus, split: str) -> Unknown:
    """The characters of a split's transcripts that have no token; they are left out."""
    characters, form = UnknownCharacters(corpus.tokenizer), corpus.tokenizer.normalisation
    for _ in characters.through("".join(normalise_string(t, form).split()) for t in corpus.texts(split)):
        pass
    return unknown_of(f"the {split} split", characters.counts())
