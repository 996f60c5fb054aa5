"""What was found in a folder of recordings, told before a training."""

from collections.abc import Callable, Sequence

from pipelines.speech.corpus import ClipCorpus
from pipelines.splits import SPLITS

_EXAMPLES = 2  # transcripts that are shown
_MOST_FOREIGN = 0.02  # share of letters outside ASCII: more are another language


def report(
    corpus: ClipCorpus, transcripts: Sequence[str], language: str, progress: Callable[[str], None]
) -> None:
    """Tells what is left out and why, the seconds of speech, two transcripts as they are learned, and
    characters without a token.

    Args:
        corpus: what is learned.
        transcripts: as they were written.
        language: how they were cleaned.
        progress: called with each line.
    """
    if corpus.failures:
        progress(f"{len(corpus.failures):,} of {len(transcripts):,} clips are left out:")
        for id, reason in corpus.failures:
            progress(f"  {id}: {reason}")
    used, recorded, found = sum(corpus.sizes.values()), corpus.recorded, corpus.seconds
    progress(
        f"{used:,} clips: {sum(found.values()):,.1f} s of speech, after the silent ends of"
        f" {sum(recorded.values()):,.1f} s recorded"
    )
    texts = [row for name in SPLITS for row in zip(corpus.ids(name), corpus.texts(name), strict=True)]
    for id, text in texts[:_EXAMPLES]:
        progress(f'  {id} is learned as "{text}"')
    letters = [character for text in transcripts for character in text if character.isalpha()]
    foreign = sum(not character.isascii() for character in letters)
    if language != "none" and foreign > _MOST_FOREIGN * len(letters):
        progress(
            f"{foreign / len(letters):.0%} of the letters are not English, and cleaning for {language} takes"
            " accents away; for another language give --data.language none"
        )
    for name in SPLITS:
        if unknown := corpus.unknown(name):
            characters = sum(len(text.replace(" ", "")) for text in corpus.texts(name))
            progress(
                f"{unknown:,} characters of the {name} split are left out, {unknown / characters:.1%}: the"
                f" tokenizer does not know {' '.join(corpus.unknown_characters(name))}"
            )
