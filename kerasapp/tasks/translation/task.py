"""The task `translation`: pairs of sentences to a model that translates."""

import dataclasses
from functools import cached_property
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasapp.config import parsing
from kerasapp.plots import alignment as plots
from kerasapp.task import Task
from kerasapp.tasks.translation.losses import SmoothedCrossEntropy
from kerasapp.tasks.translation.metrics import exact_scores, translation_scores
from kerasapp.tasks.translation.model import TranslationModel
from kerasapp.tasks.translation.predictor import Translator
from kerasapp.tasks.translation.servable import TranslationServable
from kerasapp.tasks.translation.spec import SPEC
from kerasapp.training.precision import policy
from pipelines import translation as pipeline
from pipelines.atomic import write_text
from pipelines.parallel import report
from pipelines.parallel.altering import Alterations
from pipelines.text.tokenizers import Tokenizer

SAMPLED = 500  # validation pairs that are translated per epoch, at most
SHOWN = 8  # of them in TensorBoard


class Translation(Task):
    """Data, model, metrics and servable of translation. Only here do pipeline and model meet.

    Args: see `kerasapp.task.Task`; `tokenizer` is the pair of source and target.

    Example:

        task = Translation(preset="tatoeba-zh-en")
        train, valid = task.datasets()
        model = task.build()
        model.compile("adam", task.loss())
        model.fit(train, validation_data=valid)
        task.export(model, "saved_models/zh-en")
    """

    name = "translation"
    direction = 1  # higher is better
    vocabulary_layers = {"source_embedding": 0, "target_embedding": 1}

    @property
    def monitor(self):
        """The metric that chooses the best model: it still rises when the nats no longer fall."""
        return "exact" if self.config.data.autoencode else "bleu"

    # === Data ===

    @cached_property
    def corpus(self):
        """The tokenised pairs, from the disk cache where they are there (see `pipelines.translation`)."""
        c = self.config.data
        parsing.require_data(self.config)
        files = [c.pairs] if c.pairs else [c.source, c.source if c.autoencode else c.target]
        return pipeline.prepare(
            pairs=c.pairs,
            source=c.source,
            target=None if c.pairs else files[1],
            swap=c.swap,
            autoencode=c.autoencode,
            valid=self._files("valid"),
            test=self._files("test"),
            tokenizers=self._given_tokenizer,
            kind=c.tokenizer,
            joint=c.joint_vocabulary,
            vocabulary_size=c.vocabulary_size,
            normalisation=c.normalisation,
            skip_blank=c.blank_lines == "skip",
            split=c.split,
            cache=c.cache,
            progress=self._report_of(files),
        )

    def _files(self, split):
        """The own files of "valid" or "test", or None. With `data.swap` the pipeline swaps all files, so they
        are passed the other way round: their keys say what they hold."""
        data = self.config.data
        source, target = (getattr(data, f"{split}_{side}") for side in ("source", "target"))
        if source is None:
            return None
        if data.autoencode:
            return (source, source)
        return (target, source) if data.swap else (source, target)

    def data_report(self):
        data = self.config.data
        limits = data.max_length, data.max_dropped
        return report.report(self.corpus, data.all_files, *limits, data.cure, data.allow_unknown)

    def unknown(self, split):
        return self.corpus.unknown(split)

    def _learned_tokenizer(self):
        return self.corpus.tokenizers

    def save_tokenizer(self, folder):
        for tokenizer, name in zip(self.tokenizer, SPEC.files, strict=True):
            tokenizer.save(Path(folder) / name)

    @classmethod
    def load_tokenizer(cls, folder):
        source, target = (Tokenizer.load(Path(folder) / name) for name in SPEC.files)
        joint = source.fingerprint() == target.fingerprint()
        return (source, source) if joint else (source, target)  # an export holds a joint one once

    @staticmethod
    def tokenizers_in(tokenizer):
        return list(tokenizer)

    @staticmethod
    def with_tokenizers(tokenizer, tokenizers):
        return tuple(tokenizers)

    def training_data(self, start_step=0):
        """Endless dataset of ({"source", "target_in"}, target_out), int32 [batch, time], from any step on."""
        data, seed = self.config.data, self.config.training.seed
        alterations = None
        if data.altered or data.noise:
            alterations = Alterations(self.tokenizer[0].size, data.altered, data.noise)
        return pipeline.training_batches(
            self.corpus.split("train"),
            **self._batch_limits(),
            seed=seed,
            start_step=start_step,
            alterations=alterations,
        )

    def steps_per_pass(self):
        return pipeline.steps_per_pass(self.corpus.split("train"), **self._batch_limits())

    def validation_data(self):
        return self._batches("valid")

    def _batch_limits(self):
        data = self.config.data
        return {
            "batch_tokens": data.batch_tokens,
            "batch_size": self.config.training.batch_size,
            "max_length": data.max_length,
        }

    def _batches(self, split):
        limits = self._batch_limits()
        limits.pop("max_length")  # nothing is left out of a score
        return pipeline.validation_batches(self.corpus.split(split), **limits)

    # === Model ===

    def build(self, training=True):
        """A plain functional `keras.Model`."""
        source, target = self.tokenizer
        return TranslationModel(
            source.size,
            target.size,
            joint_vocabulary=self.config.data.joint_vocabulary,
            dtype=policy(self.config.training.precision) if training else None,
            **dataclasses.asdict(self.config.model),
        )

    def loss(self):
        return SmoothedCrossEntropy(self.config.training.label_smoothing)

    def servable(self, model):
        """The one module that answers (see `TranslationServable`)."""
        return TranslationServable(model, self.tokenizer)

    # === Evaluation ===

    def measure(self, predictor, split, progress, beam_size, output):
        """Translates a split and compares.

        Args:
            output: a file for the translations, one per line, in the order of the data; None for none.

        Returns: "bleu", "chrf", "signature" (see `translation_scores`), "nats_per_token", "unfinished",
            translations that did not end, with the blank ones of sentences that are too long; "items", pairs.
            Those of an autoencoder begin with the metrics of `exact_scores`.
        """
        sources, references = self.corpus.texts(split)
        answers = _translate_all(predictor, sources, beam_size=beam_size, progress=progress)
        texts = [answer.text for answer in answers]
        if output:
            write_text(output, "".join(f"{text}\n" for text in texts))
        return {
            **(exact_scores(texts, references) if self.config.data.autoencode else {}),
            **translation_scores(texts, references),
            "nats_per_token": self._nats_per_token(predictor.servable, split),
            "unfinished": sum(not answer.finished for answer in answers),
            "items": len(texts),
        }

    def validate(self, model):
        """The metrics of the serving model after an epoch; empty without a validation split."""
        if not self.corpus.sizes["valid"]:
            return {}
        self._sample = self._translate_sample(model)
        texts, references = [answer.text for answer in self._sample], self._sample_pairs[1]
        metrics = {"nats_per_token": self._nats_per_token(self.serving(model), "valid")}
        if self.config.data.autoencode:
            metrics["exact"] = exact_scores(texts, references)["exact"]
        return {**metrics, "bleu": translation_scores(texts, references)["bleu"]}

    def summarise(self, model):
        """Writes translations, and with attention pictures of their alignment, to the current `tf.summary`
        writer."""
        if not self.corpus.sizes["valid"]:
            return
        shown = list(zip(*self._sample_pairs, self._sample))[:SHOWN]
        cells = [(s, answer.text, r) for s, r, answer in shown]
        rows = [f"| {' | '.join(text.replace('|', '&#124;') for text in row)} |" for row in cells]
        table = "\n".join(["| source | translation | reference |", "|---|---|---|", *rows])
        tf.summary.text("translations", table)
        drawn = 0 if self.config.model.attention == "none" else 3
        for i, (_, _, answer) in enumerate(shown[:drawn]):
            if not answer.target_tokens:  # of a sentence that is too long
                continue
            picture = plots.alignment_image(answer.source_tokens, answer.target_tokens, answer.alignment)
            tf.summary.image(f"alignment/{i}", tf.io.decode_png(picture, channels=3)[tf.newaxis])

    @cached_property
    def _sample_pairs(self):
        """Evenly spread validation pairs: (sources, references)."""
        sources, references = self.corpus.texts("valid")
        chosen = np.unique(np.linspace(0, len(sources) - 1, min(SAMPLED, len(sources))).astype(int))
        return [sources[i] for i in chosen], [references[i] for i in chosen]

    def _translate_sample(self, model):
        translator = Translator(self, model, self.serving(model))
        return _translate_all(translator, self._sample_pairs[0], beam_size=1)

    def _nats_per_token(self, servable, split):
        nats, tokens = 0.0, 0
        for inputs, targets in self._batches(split):
            new = servable.nats(inputs["source"], inputs["target_in"], targets).numpy()
            nats += float(np.sum(new, dtype=np.float64))
            tokens += int(np.count_nonzero(targets))
        return nats / tokens


def _translate_all(translator, sources, **options):
    """The translations of sentences; a sentence that is too long has a blank, unfinished one."""
    reasons = translator.check(sources)
    short = [source if reason is None else "" for source, reason in zip(sources, reasons, strict=True)]
    answers = translator.translate(short, **options)
    return [
        answer if reason is None else answer._replace(finished=False)
        for answer, reason in zip(answers, reasons, strict=True)
    ]
