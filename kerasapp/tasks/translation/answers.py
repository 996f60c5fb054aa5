"""Translated sentences, from the servable in this process or from a server. Needs no TensorFlow."""

from typing import NamedTuple

import numpy as np

from kerasapp.answers import Answers
from kerasapp.knobs import columns, texts
from kerasapp.tasks.translation.spec import SPEC

LONGEST = 1000  # tokens of a source sentence, and of a translation, at most
SPARE = 10  # tokens that a translation may have beyond max_ratio times those of its source
AT_ONCE = 64  # sentences in a batch
TOKENS_AT_ONCE = 4096  # beams times source tokens in a batch, which bounds the memory for long sentences
SIDE_BY_SIDE = 2  # requests at the same time


class Translation(NamedTuple):
    """A sentence's translation.

    text; score: ln p by the length penalty; finished: False where it was cut at its greatest length.
    n_best: [(text, score)], best first, each text once. source_tokens, target_tokens: lists of strings, with
    the end tokens.
    alignment: float32 [target, source], the attention of each target token to each source token.
    """

    text: str
    score: float
    finished: bool
    n_best: list
    source_tokens: list
    target_tokens: list
    alignment: np.ndarray


class TranslationAnswers(Answers):
    """Asks a translator, and reads its answers. Args: see `kerasapp.answers.Answers`."""

    def translate(self, sentences, progress=None, **knobs):
        """Translates sentences, each independently of the others.

        Args:
            sentences: list of strings. A blank one has a blank translation.
            progress: function that gets the share done, now and then.
            beam_size: hypotheses that are followed, 1 for greedy. length_penalty: above 0 favours longer
                translations. coverage_penalty: above 0 favours those that leave no source word out.
                n_best: translations to give. min_ratio, max_ratio: tokens of a translation per token of
                its source. Each is one value for all or a list of one per sentence; `SPEC` has the defaults.

        Returns: list of `Translation`.
        Raises: ValueError for a knob that is unknown or out of range, or a sentence that is too long.
        """
        knobs = columns(knobs, SPEC.knobs, len(sentences), "sentences")
        lengths = self._token_counts(sentences)
        require_short("sentence", lengths)
        inputs, groups = {"source": texts(sentences), **knobs}, batches(lengths * knobs["beam_size"])
        return list(map(_translation, self._rows("translate", inputs, groups, progress, SIDE_BY_SIDE)))

    def embed(self, sentences, progress=None):
        """One vector per sentence, by a model without attention; each sentence is independent of the others.

        Args:
            sentences: list of strings. A blank one has zeros.
            progress: function that gets the share done, now and then.

        Returns: float32 [sentences, size], as the signature `embed` gives it; [0, 0] without a sentence.
        Raises: ValueError for a model with attention, or a sentence that is too long.
        """
        lengths = self._token_counts(sentences)
        require_short("sentence", lengths)
        rows = self._rows("embed", {"text": texts(sentences)}, batches(lengths + 1), progress)
        return np.array([row["embedding"] for row in rows] or np.zeros([0, 0]), np.float32)

    def check(self, sentences):
        """What is wrong with each sentence: list of None, or of words such as "has 6,214 tokens; ..."."""
        return _reasons(self._token_counts(sentences))


def _translation(row):
    source, target = (
        [token.decode() for token in row[f"{side}_tokens"] if token] for side in ("source", "target")
    )
    best, scores = row["translations"][: row["count"]], row["scores"][: row["count"]]
    return Translation(
        text=row["translation"].decode(),
        score=float(row["score"]),
        finished=bool(row["finished"]),
        n_best=[(text.decode(), float(score)) for text, score in zip(best, scores, strict=True)],
        source_tokens=source,
        target_tokens=target,
        alignment=row["alignment"][: len(target), : len(source)],
    )


def batches(costs):
    """Lists of the places of sentences of similar cost, the highest first; few sentences are spread over
    `SIDE_BY_SIDE` batches."""
    at_once = min(AT_ONCE, -(-len(costs) // SIDE_BY_SIDE))
    found, batch = [], []
    for i in np.argsort(-costs, kind="stable"):
        if batch and (len(batch) == at_once or (len(batch) + 1) * costs[batch[0]] > TOKENS_AT_ONCE):
            found, batch = [*found, batch], []
        batch.append(int(i))
    return [*found, batch] if batch else found


def _reasons(lengths):
    return [
        f"has {n:,} tokens; at most {LONGEST:,} are translated" if n > LONGEST else None
        for n in lengths.tolist()
    ]


def require_short(what, lengths):
    """Raises ValueError for the first of `lengths` above `LONGEST`, naming it by `what` and its place."""
    for i, reason in enumerate(_reasons(lengths)):
        if reason:
            raise ValueError(f"{what} {i + 1} {reason}")
