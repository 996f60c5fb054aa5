"""Translated sentences, by whoever answers: the servable in this process or a server. Nothing here needs
TensorFlow."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from kerasapp.knobs import columns, texts
from kerasapp.tasks.translation.spec import SPEC

LONGEST = 1000  # tokens of a source sentence, and of a translation, at most
AT_ONCE = 64  # sentences in a batch
TOKENS_AT_ONCE = 4096  # beams times source tokens in a batch, which bounds the memory for long sentences
SIDE_BY_SIDE = 2  # batches that are translated at the same time
TOKENISED_AT_ONCE = 256  # sentences whose tokens are counted in one request


class Translation(NamedTuple):
    """A sentence's translation.

    text; score: ln p by the length penalty; finished: False where it was cut at its greatest length.
    n_best: [(text, score)], best first. source_tokens, target_tokens: lists of strings, with the end tokens.
    alignment: float32 [target, source], how much each target token looked at each source token.
    """

    text: str
    score: float
    finished: bool
    n_best: list
    source_tokens: list
    target_tokens: list
    alignment: np.ndarray


class TranslationAnswers:
    """What is asked of a translation model, and what its answers mean.

    Args:
        ask: function (signature, inputs name -> array) -> outputs name -> array; called from several threads.
    """

    def __init__(self, ask):
        self._ask = ask

    def translate(self, sentences, progress=None, **knobs):
        """Translates sentences; the answer to one depends on no other.

        Args:
            sentences: list of strings. A blank one has a blank translation.
            progress: function that gets the share done, now and then.
            beam_size: hypotheses that are followed, 1 for greedy. length_penalty: above 0 favours longer
                translations. coverage_penalty: above 0 favours those that leave no source word out.
                n_best: translations to give. min_ratio, max_ratio: tokens of a translation for each of the
                source. Each is one value for all or a list of one per sentence; `SPEC` has the defaults.

        Returns: list of `Translation`.
        Raises: ValueError for a knob that is unknown or out of range, or a sentence that is too long.
        """
        knobs = columns(knobs, SPEC.knobs, len(sentences), "sentences")
        lengths = self._lengths(sentences)
        require_short("sentence", lengths)
        parts = batches(lengths * knobs["beam_size"])
        answers, done = [None] * len(sentences), 0
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            found = pool.map(
                lambda batch: self._translate_batch([sentences[i] for i in batch], _rows(knobs, batch)),
                parts,
            )
            for batch, translations in zip(parts, found, strict=True):
                for i, translation in zip(batch, translations, strict=True):
                    answers[i] = translation
                done += len(batch)
                if progress:
                    progress(done / len(sentences))
        return answers

    def embed(self, sentences, progress=None):
        """One vector a sentence, of a model without attention; that of one depends on no other.

        Args:
            sentences: list of strings. A blank one has zeros.
            progress: function that gets the share done, now and then.

        Returns: float32 [sentences, size], as the signature `embed` gives it; [0, 0] without a sentence.
        Raises: ValueError for a model with attention, or a sentence that is too long.
        """
        lengths = self._lengths(sentences)
        require_short("sentence", lengths)
        found, done = np.zeros([0, 0], np.float32), 0
        for batch in batches(lengths + 1):
            vectors = self._ask("embed", {"text": texts([sentences[i] for i in batch])})["embedding"]
            if not done:
                found = np.zeros([len(sentences), vectors.shape[1]], np.float32)
            found[batch] = vectors
            done += len(batch)
            if progress:
                progress(done / len(sentences))
        return found

    def check(self, sentences):
        """What is wrong with each sentence: list of None, or of words such as "has 6,214 tokens; ..."."""
        return _reasons(self._lengths(sentences))

    def _lengths(self, sentences):
        """The tokens of each sentence, int32 [sentences], without the end token."""
        starts = range(0, len(sentences), TOKENISED_AT_ONCE)
        parts = [texts(sentences[start : start + TOKENISED_AT_ONCE]) for start in starts]
        found = [self._ask("tokenize", {"text": part})["lengths"] - 1 for part in parts]
        return np.concatenate([np.zeros(0, np.int32), *found])

    def _translate_batch(self, sentences, knobs):
        answer = self._ask("translate", {"source": texts(sentences), **knobs})
        return [
            _translation({name: value[i] for name, value in answer.items()}) for i in range(len(sentences))
        ]


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
    """Lists of sentences of like cost, the dearest first; a few sentences are spread over all that run at the
    same time."""
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


def _rows(knobs, batch):
    return {name: values[batch] for name, values in knobs.items()}
