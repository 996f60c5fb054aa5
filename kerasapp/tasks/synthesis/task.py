"""The task `synthesis`: recordings with transcripts to a model that reads text aloud."""

import dataclasses
from functools import cached_property

import numpy as np
import tensorflow as tf

from kerasapp.config import parsing
from kerasapp.errors import note
from kerasapp.task import Task
from kerasapp.tasks.synthesis import plots as plots_audio
from kerasapp.tasks.synthesis.losses import GuidedAttentionLoss, SpectrogramLoss, StopLoss
from kerasapp.tasks.synthesis.metrics import mel_cepstral_distortion, mel_l1
from kerasapp.tasks.synthesis.model import SynthesisModel
from kerasapp.tasks.synthesis.predictor import Synthesizer
from kerasapp.tasks.synthesis.servable import SynthesisServable
from kerasapp.tasks.synthesis.voice import FILES, Voice
from kerasapp.training.precision import policy
from pipelines import synthesis as pipeline
from pipelines.errors import DataError
from pipelines.speech import report
from pipelines.speech.cleaning import Cleaner

SAMPLED = 8  # validation texts that are read aloud per epoch, at most
SHOWN = 3  # of them in TensorBoard
TIMED = 10  # utterances that the real-time factors are the medians of, at most
TIMED_SECONDS = 3.0, 6.0  # of their speech, if there are such texts


class Synthesis(Task):
    """Data, model, metrics and servable of synthesis. Only here do pipeline and model meet.

    Args: see `kerasapp.task.Task`; `tokenizer` is a `Voice`.

    Example:

        task = Synthesis(preset="digits")
        train, valid = task.datasets()
        model = task.build()
        model.compile("adam", task.loss())
        model.fit(train, validation_data=valid)
        task.export(model, "saved_models/digits")
    """

    name = "synthesis"
    monitor, direction = "teacher_mel_l1", -1  # lower is better
    vocabulary_layers = {"embedding": 0}

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        voice, mels = self._given_tokenizer, self.config.audio.mels
        if voice and len(voice.mean) != mels:
            raise DataError(f"{FILES[1]}: {len(voice.mean)} mel channels, and audio.mels is {mels}")

    # === Data ===

    @cached_property
    def corpus(self):
        """The clips as log-mels, from the disk cache where they are there (see `pipelines.synthesis`)."""
        c = self.config.data
        parsing.require_data(self.config)
        given = self._given_tokenizer
        return pipeline.prepare(
            directory=c.directory,
            language=c.language,
            normalisation=c.normalisation,
            tokenizer=given and given.tokenizer,
            statistics=given and given._asdict(),
            split=c.split,
            settings=self.config.audio,
            max_seconds=c.max_seconds,
            max_failures=c.max_failures,
            cache=c.cache,
            progress=note,
        )

    def data_report(self):
        data = self.config.data
        found = data.directory, data.language, self.config.audio.hop_ms
        return report.report(self.corpus, *found, data.cure, data.allow_unknown)

    def unknown(self, split):
        return [report.unknown(self.corpus, split)]

    def remarks(self, split):
        return [*report.failures(self.corpus), *super().remarks(split)]

    @cached_property
    def cleaner(self):
        """What prepares a text, in training and in all that is served."""
        return Cleaner(self.config.data.language)

    def _learned_tokenizer(self):
        statistics = self.corpus.statistics
        mean, deviation = (np.asarray(statistics[key]).tolist() for key in ("mean", "deviation"))
        return Voice(self.corpus.tokenizer, mean, deviation)

    @classmethod
    def load_tokenizer(cls, folder):
        return Voice.load(folder)

    @staticmethod
    def tokenizers_in(tokenizer):
        return [tokenizer.tokenizer]

    @staticmethod
    def with_tokenizers(tokenizer, tokenizers):
        return tokenizer._replace(tokenizer=tokenizers[0])

    def training_data(self, start_step=0):
        """Endless dataset of ({"tokens", "mel_in"}, {"mel_out", "stop", "alignment"}), from any step on (see
        `pipelines.synthesis`)."""
        training, data = self.config.training, self.config.data
        return pipeline.training_batches(
            self.corpus.split("train"),
            **self._batch_limits(),
            seed=training.seed,
            start_step=start_step,
            guide_steps=training.guide_steps,
            time_mask=data.time_mask,
            frequency_mask=data.frequency_mask,
        )

    def steps_per_pass(self):
        return pipeline.steps_per_pass(self.corpus.split("train"), **self._batch_limits())

    def validation_data(self):
        return self._batches("valid")

    def _batch_limits(self):
        return {
            "reduction": self.config.model.reduction,
            "batch_frames": self.config.data.batch_frames,
            "batch_size": self.config.training.batch_size,
        }

    def _batches(self, split):
        return pipeline.validation_batches(self.corpus.split(split), **self._batch_limits())

    # === Model ===

    def build(self, training=True):
        """A plain functional `keras.Model`."""
        return SynthesisModel(
            self.tokenizer.tokenizer.size,
            self.config.audio.mels,
            dtype=policy(self.config.training.precision) if training else None,
            **dataclasses.asdict(self.config.model),
        )

    def loss(self):
        """The losses by output, for `compile`."""
        training = self.config.training
        return {
            "mel_out": SpectrogramLoss(),
            "stop": StopLoss(training.stop_weight),
            "alignment": GuidedAttentionLoss(training.guide_weight),
        }

    def servable(self, model):
        """The one module that answers (see `SynthesisServable`)."""
        return SynthesisServable(model, self.tokenizer, self.cleaner, self.config.audio)

    # === Evaluation ===

    def measure(self, predictor, split, progress):
        """Reads a split aloud and compares.

        Returns: dict of
            "mel_l1", "mcd_db": means over the utterances of the distance to the recording, along the best
                path of dynamic time warping (see `tasks.synthesis.metrics`).
            "stopped_by_token", "aligned_utterances": shares of the utterances. "coverage", "backward_steps",
                "sharpness": their means (see `alignment_health`).
            "unread": texts that cannot be read, as they are too long or have no known character. They count
                as not stopped and not aligned, and in none of the means.
            "teacher_mel_l1", "mean_frame_mel_l1", "last_frame_mel_l1": see `SynthesisServable.distances`.
            "mel_real_time_factor", "audio_real_time_factor", "timed_seconds": see
                `Synthesizer.real_time_factors`; of `TIMED` texts, those whose speech lasts as long as
                `TIMED_SECONDS` say, or any where there are none.
            "items": utterances.

        Raises: DataError if none of the texts can be read.
        """
        clips, texts = self.corpus.split(split), self.corpus.texts(split)
        answers = _read_all(predictor, texts, progress=progress)
        read = [answer for answer in answers if answer]
        if not read:
            raise DataError(f"none of the {len(texts):,} texts of {split} can be read")
        pairs = [(answer.mel, clips.mel(i)) for i, answer in enumerate(answers) if answer]
        means = ("coverage", "backward_steps", "sharpness")
        return {
            "mel_l1": float(np.mean([mel_l1(*pair) for pair in pairs])),
            "mcd_db": float(np.mean([mel_cepstral_distortion(*pair) for pair in pairs])),
            "stopped_by_token": sum(a.stop_reason == "stop_token" for a in read) / len(texts),
            "aligned_utterances": sum(a.aligned for a in read) / len(texts),
            **{name: float(np.mean([getattr(a, name) for a in read])) for name in means},
            "unread": len(texts) - len(read),
            **self._teacher_forced(predictor.servable, split),
            **predictor.real_time_factors(_timed(texts, answers)),
            "items": len(texts),
        }

    def validate(self, model):
        """The metrics of the serving model after an epoch; empty without a validation split."""
        if not self.corpus.sizes["valid"]:
            return {}
        self._sample = _read_all(Synthesizer(self, model, self.serving(model)), self._sample_texts)
        aligned = float(np.mean([answer is not None and answer.aligned for answer in self._sample]))
        metrics = self._teacher_forced(self.serving(model), "valid")
        return {"teacher_mel_l1": metrics["teacher_mel_l1"], "aligned_utterances": aligned}

    def summarise(self, model):
        """Writes pictures and sound of a few utterances to the current `tf.summary` writer, beside those of
        their recordings."""
        if not self.corpus.sizes["valid"]:
            return
        clips, rate = self.corpus.split("valid"), self.config.audio.sample_rate
        for i, answer in list(zip(self._sample_rows, self._sample, strict=True))[:SHOWN]:
            sounds = {"recording": self._recording(i, self.serving(model))}
            if answer:
                picture = plots_audio.comparison_image(clips.mel(i), answer, self.config.audio)
                tf.summary.image(f"speech/{i}", tf.io.decode_png(picture, channels=3)[tf.newaxis])
                sounds["synthesised"] = answer.audio
            for name, wave in sounds.items():
                tf.summary.audio(f"speech/{i}_{name}", wave[np.newaxis, :, np.newaxis], rate)

    def _recording(self, i, servable):
        """The wave [samples] of a recording made from its log-mel: the best that a model can reach."""
        mel = self.corpus.split("valid").mel(i)[np.newaxis]
        return servable.mel_to_audio(mel, np.array([mel.shape[1]], np.int32))["waveform"].numpy()[0]

    @cached_property
    def _sample_rows(self):
        """The rows of evenly spread validation utterances."""
        count = self.corpus.sizes["valid"]
        return np.unique(np.linspace(0, count - 1, min(SAMPLED, count)).astype(int)).tolist()

    @cached_property
    def _sample_texts(self):
        texts = self.corpus.texts("valid")
        return [texts[i] for i in self._sample_rows]

    def _teacher_forced(self, servable, split):
        """Mean distances over all frames of a split, name -> nats."""
        sums, frames = 0.0, 0
        for inputs, targets in self._batches(split):
            found, count = servable.distances(inputs["tokens"], inputs["mel_in"], targets["mel_out"])
            sums += found.numpy().astype(np.float64)
            frames += int(count)
        names = ("teacher_mel_l1", "mean_frame_mel_l1", "last_frame_mel_l1")
        return dict(zip(names, (sums / frames).tolist(), strict=True))


def _read_all(synthesizer, texts, progress=None):
    """A `Speech` for each text; None for one that cannot be read, as it is too long or has no known
    character."""
    reasons = synthesizer.check(texts)
    readable = [text for text, reason in zip(texts, reasons, strict=True) if reason is None]
    answers = iter(synthesizer.synthesize(readable, progress=progress))
    return [next(answers) if reason is None else None for reason in reasons]


def _timed(texts, answers):
    """The texts whose reading is timed: those of `TIMED_SECONDS`, or any that can be read."""
    least, most = TIMED_SECONDS
    read = [(text, answer.seconds) for text, answer in zip(texts, answers, strict=True) if answer]
    fitting = [text for text, seconds in read if least <= seconds <= most]
    return (fitting or [text for text, _ in read])[:TIMED]
