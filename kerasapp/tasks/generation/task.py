"""The task `generation`: text files to a language model that writes on."""

import dataclasses
import math
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasapp.config import parsing
from kerasapp.task import Task
from kerasapp.tasks.generation.discriminator import TextDiscriminator
from kerasapp.tasks.generation.model import GenerationModel
from kerasapp.tasks.generation.seqgan import SeqGAN
from kerasapp.tasks.generation.servable import GenerationServable
from kerasapp.tasks.generation.spec import SPEC
from kerasapp.training.precision import policy
from pipelines import generation as pipeline
from pipelines.text import report
from pipelines.text.tokenizers import Tokenizer

SCORED_AT_ONCE = 1024  # tokens of a stream between two calls of the scoring graph
BURN_IN = 128  # tokens that a stream reads before those it scores, when a text is scored in several


class Generation(Task):
    """Data, model, metrics and servable of text generation. Only here do pipeline and model meet.

    Args: see `kerasapp.task.Task`; `tokenizer` is a `pipelines.text.tokenizers.Tokenizer`.

    Example:

        task = Generation(preset="tinyshakespeare")
        train, valid = task.datasets()
        model = task.build()
        model.compile("adam", task.loss())
        model.fit(train, validation_data=valid)
        task.export(model, "saved_models/shakespeare")
    """

    name = "generation"
    monitor, direction = "nats_per_character", -1  # lower is better
    vocabulary_layers = {"embedding": 0, "logits": 0}

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if self.config.training.adversarial:
            self.monitor = None  # it gains what nats do not measure: the last model is kept

    # === Data ===

    @cached_property
    def corpus(self):
        """The tokenised text, from the disk cache where it is there (see `pipelines.generation.prepare`)."""
        c = self.config.data
        parsing.require_data(self.config)
        return pipeline.prepare(
            c.files,
            tokenizer=self._given_tokenizer,
            kind=c.tokenizer,
            vocabulary_size=c.vocabulary_size,
            normalisation=c.normalisation,
            split=c.split,
            cache=c.cache,
            minimum=self._minimum or c.window + 1,
            progress=self._report_of(c.files),
        )

    def save_tokenizer(self, folder):
        self.tokenizer.save(Path(folder) / SPEC.files[0])

    @classmethod
    def load_tokenizer(cls, folder):
        return Tokenizer.load(Path(folder) / SPEC.files[0])

    def data_report(self):
        data = self.config.data
        return report.report(self.corpus, data.files, data.window, data.cure, data.allow_unknown)

    def unknown(self, split):
        return [self.corpus.unknown[split]]

    def tokens(self, split):
        """The ids of a split, a memory-mapped array."""
        return self.corpus.split(split)

    def training_data(self, start_step=0):
        """Endless dataset of (tokens, next tokens) [batch, window] int32, from any step on; of tokens alone
        where a discriminator judges them."""
        c = self.config
        windows = pipeline.training_windows(
            self.tokens("train"),
            streams=c.training.batch_size,
            window=c.data.window,
            seed=c.training.seed,
            start_step=start_step,
        )
        return windows.map(lambda tokens, _: tokens) if c.training.adversarial else windows

    def steps_per_pass(self):
        streams, window = self.config.training.batch_size, self.config.data.window
        return pipeline.steps_per_pass(len(self.tokens("train")), streams=streams, window=window)

    def validation_data(self):
        streams, window = self.config.training.batch_size, self.config.data.window
        return pipeline.validation_windows(self.tokens("valid"), streams=streams, window=window)

    # === Model ===

    def build(self, training=True, carry=True):
        """A plain functional `keras.Model`.

        Args:
            training: False for a model that is only to answer.
            carry: whether a training batch of `training.batch_size` rows starts from the states that the
                batch before ended with, as the windows of `datasets` go on where those before ended. False
                for windows in any other order, which start from zeros. (With a discriminator all do.)
        """
        c = self.config.training
        return GenerationModel(
            self.tokenizer.size,
            streams=self._rows_of_a_device() if training and carry and not c.adversarial else None,
            dtype=policy(c.precision) if training else None,
            **dataclasses.asdict(self.config.model),
        )

    def learner(self, model):
        """What `fit` trains: the model, or a `SeqGAN` of it."""
        c, window = self.config.training, self.config.data.window
        if not c.adversarial:
            return model
        return SeqGAN(
            model,
            TextDiscriminator(self.tokenizer.size, window),
            context=c.context,
            rollouts=c.rollouts,
            rollout_tokens=c.rollout_tokens,
            every=c.discriminator_steps,
            warmup=c.warmup_steps,
            likelihood=c.likelihood,
            discriminator_rate=c.discriminator_rate,
            seed=c.seed,
        )

    def loss(self):
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def servable(self, model):
        """The one module that answers (see `GenerationServable`)."""
        return GenerationServable(model, self.tokenizer)

    # === Evaluation ===

    def measure(self, predictor, split, progress, streams):
        """Scores a split with the state carried from its first token to its last.

        With one stream the metrics depend on neither batch nor window. With several the split is cut into as
        many pieces, each read from `BURN_IN` tokens before its start: faster, and a little less exact.

        Returns: "nats_per_character", "bits_per_character", "perplexity_per_token"; "items", the
            characters scored.
        """
        return self._score(predictor.servable, split, streams, progress)

    def validate(self, model):
        """The metrics of the serving model after an epoch; empty without a validation split."""
        if not self.corpus.sizes["valid"]:
            return {}
        metrics = self._score(self.serving(model), "valid", self.config.training.batch_size)
        return {"nats_per_character": metrics["nats_per_character"]}

    def summarise(self, model):
        """Writes a sample of generated text to the current `tf.summary` writer."""
        text = self.serving(model).serving_default(tf.constant([""]))["text"][0].numpy().decode()
        tf.summary.text("sample", "    " + text.replace("\n", "\n    "))  # as preformatted Markdown

    def _score(self, servable, split, streams, progress=lambda share: None):
        tokens = self.tokens(split)
        streams = max(1, min(streams, len(tokens) // (4 * BURN_IN)))
        bounds = np.linspace(0, len(tokens), streams + 1).astype(int)
        starts = np.maximum(bounds[:-1] - BURN_IN, 0)
        longest = int((bounds[1:] - starts).max())
        states = servable.zero_states(streams)
        nats = 0.0
        for offset in range(0, longest, SCORED_AT_ONCE):
            window = min(SCORED_AT_ONCE, longest - offset)
            positions = starts[:, None] + offset + np.arange(window)  # [streams, window]
            inside = np.minimum(positions, len(tokens) - 1)
            targets = tokens[inside].astype(np.int32)
            before = np.where(inside > 0, tokens[np.maximum(inside - 1, 0)], servable.tokenizer.line_break_id)
            counted = (positions >= bounds[:-1, None]) & (positions < bounds[1:, None])
            new, states = servable.score_window(before.astype(np.int32), targets, counted, states)
            nats += float(np.sum(new, dtype=np.float64))
            progress(min(1.0, (offset + window) / longest))
        characters = self.corpus.characters[split]
        return {
            "nats_per_character": nats / characters,
            "bits_per_character": nats / characters / math.log(2.0),
            "perplexity_per_token": math.exp(min(nats / len(tokens), 700.0)),
            "items": characters,
        }
