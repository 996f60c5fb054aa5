"""Synthesis in Python: texts as strings, knobs as plain values."""

import time
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasapp.tasks.synthesis_servable import DEFAULTS, LONGEST
from kerasapp.tasks.task import columns, strings

AT_ONCE = 16  # texts in a batch
TOPS = {"max_ratio": 10, "stop_threshold": 1, "window": LONGEST, "prenet_dropout": 0.9, "seed": 2**31 - 1}


class Speech(NamedTuple):
    """A text read aloud.

    audio: float32 [samples], from -1 to 1; sample_rate: Hz; seconds: how long it lasts.
    mel: float32 [frames, mels], log-mels. alignment: float32 [steps, tokens], how much each step of the
        decoder looked at each token; tokens: list of strings, with the end token; stop: float32 [steps], the
        probability of the stop token.
    stop_reason: "stop_token", or "cap" where it was cut at its greatest length.
    coverage, backward_steps, sharpness, aligned: see `kerasapp.tasks.alignment_health`.
    left_out: characters of the text that the model does not know.
    """

    audio: np.ndarray
    sample_rate: int
    seconds: float
    mel: np.ndarray
    alignment: np.ndarray
    tokens: list
    stop: np.ndarray
    stop_reason: str
    coverage: float
    backward_steps: int
    sharpness: float
    aligned: bool
    left_out: int


class Synthesizer:
    """A trained model that reads aloud; what `kerasapp.load` gives for a run or an export.

    Args:
        task: the `Synthesis` task, with configuration and voice.
        model: its trained model.
        servable: one to use; by default the task builds one of the model.

    Example:

        synthesizer = kerasapp.load("saved_models/digits")
        speech = synthesizer.synthesize(["four zero nine two seven"])[0]
        soundfile.write("out.wav", speech.audio, speech.sample_rate)
    """

    def __init__(self, task, model, servable=None):
        self.task, self.model = task, model
        self.servable = servable or task.servable(model)

    def synthesize(self, texts, progress=None, **knobs):
        """Reads texts aloud; what one sounds like depends on no other.

        Args:
            texts: list of strings.
            progress: function that gets the share done, now and then.
            max_ratio: seconds of speech a character at most. stop_threshold: probability of the stop token
                that ends the speech. window: characters that the attention moves forward in a step at most; 0
                leaves it free. prenet_dropout: above 0 varies the speech. seed: of that variation. Each is
                one value for all or a list of one for each text; `DEFAULTS` where not given.

        Returns: list of `Speech`.
        Raises: ValueError for a knob that is unknown or out of range, or a text that cannot be read.
        """
        knobs = columns(knobs, DEFAULTS, _check_knob, len(texts), "texts")
        lengths = self._lengths(texts)
        for i, reason in enumerate(_reasons(lengths)):
            if reason:
                raise ValueError(f"text {i + 1} {reason}")
        order = np.argsort(-lengths, kind="stable")
        answers = [None] * len(texts)
        for start in range(0, len(texts), AT_ONCE):
            batch = order[start : start + AT_ONCE]
            rows = {name: tf.constant(values[batch]) for name, values in knobs.items()}
            found = self.servable.synthesize(strings([texts[i] for i in batch]), **rows)
            found = {name: value.numpy() for name, value in found.items()}
            for row, i in enumerate(batch):
                answers[i] = _speech({name: value[row] for name, value in found.items()})
            if progress:
                progress(min(start + AT_ONCE, len(texts)) / len(texts))
        return answers

    def check(self, texts):
        """What is wrong with each text: list of None, or of words such as "has nothing to read aloud"."""
        return _reasons(self._lengths(texts))

    def evaluate(self, split=None, progress=None):
        """Figures on a split of the configuration's data (see `kerasapp.tasks.synthesis.Synthesis`)."""
        return self.task.evaluate(self, split, progress)

    def real_time_factors(self, texts):
        """Seconds of computing for each second of speech, medians over texts that are read one by one:
        "mel_real_time_factor" to the mel, "audio_real_time_factor" to the waveform."""
        factors = []
        self.synthesize(texts[:1])  # traced before the clock runs
        for text in texts:
            started = time.perf_counter()
            speech = self.synthesize([text])[0]
            whole = time.perf_counter() - started
            mel, frames = tf.constant(speech.mel[np.newaxis]), tf.constant([len(speech.mel)])
            started = time.perf_counter()
            self.servable.mel_to_audio(mel, frames)["waveform"].numpy()
            sound = time.perf_counter() - started
            factors.append((max(whole - sound, 0.0) / speech.seconds, whole / speech.seconds))
        mel, audio = np.median(factors, axis=0)
        return {"mel_real_time_factor": float(mel), "audio_real_time_factor": float(audio)}

    def _lengths(self, texts):
        """The characters of each text that the model knows, int32 [texts]."""
        found = [self.servable.tokenize(strings(texts[i : i + 1024])) for i in range(0, len(texts), 1024)]
        return np.concatenate([np.zeros(0, np.int32), *(f["lengths"].numpy() - 1 for f in found)])


def _speech(row):
    tokens = [token.decode() for token in row["tokens"] if token]
    steps, samples = row["steps"], row["samples"]
    return Speech(
        audio=row["waveform"][:samples],
        sample_rate=int(row["sample_rate"]),
        seconds=float(row["seconds"]),
        mel=row["mel"][: row["frames"]],
        alignment=row["alignment"][:steps, : len(tokens)],
        tokens=tokens,
        stop=row["stop"][:steps],
        stop_reason=row["stop_reason"].decode(),
        coverage=float(row["coverage"]),
        backward_steps=int(row["backward_steps"]),
        sharpness=float(row["sharpness"]),
        aligned=bool(row["aligned"]),
        left_out=int(row["left_out"]),
    )


def _reasons(lengths):
    return [
        "has nothing to read aloud" if n == 0
        else f"has {n:,} characters; at most {LONGEST:,} are read at once" if n > LONGEST
        else None
        for n in lengths.tolist()
    ]  # fmt: skip


def _check_knob(name, value, knobs):
    """Raises ValueError where a text's knob is out of range."""
    whole = isinstance(DEFAULTS[name], int)
    if not 0 <= value <= TOPS[name] or (whole and value != int(value)):
        numbers = "a whole number from" if whole else "from"
        raise ValueError(f"{name}: {value:g} is not {numbers} 0 to {TOPS[name]:g}")
