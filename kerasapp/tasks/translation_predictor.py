"""Translation in Python: sentences as strings, knobs as plain values."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasapp.tasks.task import columns, require_range, strings
from kerasapp.tasks.translation_servable import DEFAULTS, LONGEST, WIDEST
from pipelines.atomic import write_text
from pipelines.sentences import encode

AT_ONCE = 64  # sentences in a batch
TOKENS_AT_ONCE = 4096  # beams times source tokens in a batch, which bounds the memory for long sentences
SIDE_BY_SIDE = 2  # batches that are translated at the same time


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


class Translator:
    """A trained model that translates; what `kerasapp.load` gives for a run or an export.

    Args:
        task: the `Translation` task, with configuration and tokenizers.
        model: its trained model.
        servable: one to use; by default the task builds one of the model.

    Example:

        translator = kerasapp.load("saved_models/tatoeba-zh-en")
        for translation in translator.translate(["我很高兴。", "你好！"], beam_size=4):
            print(translation.text, translation.score)
    """

    def __init__(self, task, model, servable=None):
        self.task, self.model = task, model
        self.servable = servable or task.servable(model)

    def translate(self, sentences, progress=None, **knobs):
        """Translates sentences; the answer to one depends on no other.

        Args:
            sentences: list of strings. A blank one has a blank translation.
            progress: function that gets the share done, now and then.
            beam_size: hypotheses that are followed, 1 for greedy. length_penalty: above 0 favours longer
                translations. coverage_penalty: above 0 favours those that leave no source word out.
                n_best: translations to give. min_ratio, max_ratio: tokens of a translation for each of the
                source. Each is one value for all or a list of one for each sentence; `DEFAULTS` where not
                given.

        Returns: list of `Translation`.
        Raises: ValueError for a knob that is unknown or out of range, or a sentence that is too long.
        """
        knobs = columns(knobs, DEFAULTS, _check, len(sentences), "sentences")
        lengths = self._lengths(sentences)
        _require_short("sentence", lengths)
        batches = _batches(lengths * knobs["beam_size"])
        answers, done = [None] * len(sentences), 0
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            found = pool.map(
                lambda batch: self._translate_batch([sentences[i] for i in batch], _rows(knobs, batch)),
                batches,
            )
            for batch, translations in zip(batches, found, strict=True):
                for i, translation in zip(batch, translations, strict=True):
                    answers[i] = translation
                done += len(batch)
                if progress:
                    progress(done / len(sentences))
        return answers

    def check(self, sentences):
        """What is wrong with each sentence: list of None, or of words such as "has 6,214 tokens; ..."."""
        return _reasons(self._lengths(sentences))

    def score(self, sources, targets):
        """How likely the model finds each translation: list of {"log_probability", "tokens"}.

        Raises: ValueError for lists of different lengths, or a sentence that is too long.
        """
        if len(sources) != len(targets):
            raise ValueError(f"{len(sources)} sources and {len(targets)} targets: expected as many")
        lengths = self._lengths(sources), _lengths(self.servable.target_tokenizer, targets)
        for side, counts in zip(("source", "target"), lengths, strict=True):
            _require_short(side, counts)
        answers = [None] * len(sources)
        for batch in _batches(np.maximum(*lengths) + 1):
            found = self.servable.score(*(strings([side[i] for i in batch]) for side in (sources, targets)))
            rows = zip(
                found["log_probability"].numpy().tolist(), found["tokens"].numpy().tolist(), strict=True
            )
            for i, (log_probability, tokens) in zip(batch, rows, strict=True):
                answers[i] = {"log_probability": log_probability, "tokens": tokens}
        return answers

    def evaluate(self, split=None, progress=None, beam_size=4, output=None):
        """Figures on a split of the configuration's data (see `kerasapp.tasks.translation.Translation`).

        Args:
            output: a file for the translations, one a line, in the order of the data.
        """
        figures, texts = self.task.evaluate(self, split, progress, beam_size)
        if output:
            write_text(output, "".join(f"{text}\n" for text in texts))
        return figures

    def _lengths(self, sentences):
        return _lengths(self.servable.source_tokenizer, sentences)

    def _translate_batch(self, sentences, knobs):
        answer = self.servable.translate(strings(sentences), **knobs)
        answer = {name: value.numpy() for name, value in answer.items()}
        return [
            _translation({name: value[i] for name, value in answer.items()}) for i in range(len(sentences))
        ]


def _translation(row):
    source, target = (
        [token.decode() for token in row[f"{side}_tokens"] if token] for side in ("source", "target")
    )
    texts, scores = row["translations"][: row["count"]], row["scores"][: row["count"]]
    return Translation(
        text=row["translation"].decode(),
        score=float(row["score"]),
        finished=bool(row["finished"]),
        n_best=[(text.decode(), float(score)) for text, score in zip(texts, scores, strict=True)],
        source_tokens=source,
        target_tokens=target,
        alignment=row["alignment"][: len(target), : len(source)],
    )


def _batches(costs):
    """Lists of sentences of like cost, the dearest first; a few sentences are spread over all that run at the
    same time."""
    at_once = min(AT_ONCE, -(-len(costs) // SIDE_BY_SIDE))
    batches, batch = [], []
    for i in np.argsort(-costs, kind="stable"):
        if batch and (len(batch) == at_once or (len(batch) + 1) * costs[batch[0]] > TOKENS_AT_ONCE):
            batches, batch = [*batches, batch], []
        batch.append(int(i))
    return [*batches, batch] if batch else batches


def _reasons(lengths):
    return [
        f"has {n:,} tokens; at most {LONGEST:,} are translated" if n > LONGEST else None
        for n in lengths.tolist()
    ]


def _require_short(what, lengths):
    for i, reason in enumerate(_reasons(lengths)):
        if reason:
            raise ValueError(f"{what} {i + 1} {reason}")


def _lengths(tokenizer, texts):
    """The tokens of each text, int32 [texts]."""
    parts = [strings(texts[start : start + 1024]) for start in range(0, len(texts), 1024)]
    found = [encode(tokenizer, part).row_lengths().numpy() for part in parts]
    return np.concatenate([np.zeros(0, np.int32), *found]).astype(np.int32)


def _rows(knobs, batch):
    return {name: tf.constant(values[batch]) for name, values in knobs.items()}


def _check(name, value, knobs):
    """Raises ValueError where a sentence's knob is out of range; `knobs` are all of that sentence."""
    whole = isinstance(DEFAULTS[name], int)
    tops = {"beam_size": WIDEST, "n_best": knobs["beam_size"], "min_ratio": knobs["max_ratio"]}
    least, most = int(whole), {**tops, "max_ratio": 100}.get(name, 10)
    require_range(name, value, whole, least, most)
