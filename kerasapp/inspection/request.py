"""What `kerasapp inspect` was asked to look at.

The module that a task names for the stage "inspection" has TITLE and PROGRESS, what the report shows and what
the progress bar says; FLAG, that of a text, or None; SCRIPTS, files of kerasapp/inspection/page; and

    choose(predictor, request): what the model reads of a `Request`; ConfigError or DataError if nothing.
    inspect(predictor, chosen, progress=None): the report's contents, a dict that JSON can hold, with "task"
        and all that the task's script shows; `progress` is a function that gets the share done, now and then.
"""

from typing import NamedTuple

from kerasapp.errors import ConfigError, note

SENTENCES = 50  # most sentences of a file
ALTERNATIVES = 5  # likeliest tokens that are shown at each position


class Request(NamedTuple):
    """A text, or a file, for a model to read.

    flag: names its source in messages. text: the text, or the beginning of the file's text; None if the task
    takes numbers. path: of the file, or None. length: the most characters that a language model reads.
    """

    flag: str
    text: str | None
    path: str | None
    length: int


def readable(predictor, request, sentences):
    """The sentences that a model can read; others are named on standard error. ConfigError if none is."""
    if not any(sentence.strip() for sentence in sentences):
        raise ConfigError(f"{request.flag}: there is no text")
    if len(sentences) > SENTENCES:
        note(f"{request.flag}: the first {SENTENCES} of {len(sentences):,} sentences are read")
        sentences = sentences[:SENTENCES]
    reasons = predictor.check(sentences)
    read = [sentence for sentence, reason in zip(sentences, reasons, strict=True) if reason is None]
    if not read:
        raise ConfigError(f"{request.flag}: {reasons[0]}")
    for i, reason in enumerate(reasons, 1):
        if reason:
            note(f"{request.flag}: sentence {i} {reason}, and is left out")
    return read
