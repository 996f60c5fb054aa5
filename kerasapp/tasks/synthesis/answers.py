"""Speech of texts, from the servable in this process or from a server. Needs no TensorFlow."""

from typing import NamedTuple

import numpy as np

from kerasapp.answers import Answers
from kerasapp.knobs import columns
from kerasapp.knobs import texts as encoded
from kerasapp.tasks.synthesis.spec import SPEC
from pipelines.speech.paragraphs import LONGEST

SPARE = 1.0  # seconds that speech may exceed max_ratio times its characters
AT_ONCE = 16  # texts in a batch at most
CHARACTERS_AT_ONCE = 2400  # in a batch at most, padding included, unless a single text has more


class Speech(NamedTuple):
    """A text read aloud.

    audio: float32 [samples], from -1 to 1; sample_rate: Hz; seconds: how long it lasts.
    mel: float32 [frames, mels], log-mels. alignment: float32 [steps, tokens], the attention of each step
        of the decoder to each token; tokens: list of strings, with the end token; stop: float32 [steps], the
        probability of the stop token.
    stop_reason: "stop_token", or "cap" where it was cut at its greatest length.
    coverage, backward_steps, sharpness, aligned: see `kerasapp.tasks.synthesis.alignment_health`.
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


class SynthesisAnswers(Answers):
    """Asks a voice, and reads its answers. Args: see `kerasapp.answers.Answers`."""

    def synthesize(self, texts, progress=None, **knobs):
        """Reads texts aloud, each independently of the others.

        Args:
            texts: list of strings.
            progress: function that gets the share done, now and then.
            max_ratio: most seconds of speech per character. stop_threshold: probability of the stop token
                that ends the speech. window: most characters that the attention moves per step; 0: free.
                prenet_dropout: above 0 varies the speech. seed: of that variation. Each is one value for all
                or a list of one per text; `SPEC` has the defaults.

        Returns: list of `Speech`.
        Raises: ValueError for a knob that is unknown or out of range, or a text that cannot be read.
        """
        knobs = columns(knobs, SPEC.knobs, len(texts), "texts")
        lengths = self.lengths(texts)
        for i, reason in enumerate(_reasons(lengths)):
            if reason:
                raise ValueError(f"text {i + 1} {reason}")
        inputs = {"text": encoded(texts), **knobs}
        return list(map(_speech, self._rows("synthesize", inputs, _batches(lengths), progress)))

    def check(self, texts):
        """What is wrong with each text: list of None, or of words such as "has nothing to read aloud"."""
        return _reasons(self.lengths(texts))

    def lengths(self, texts):
        """The characters of each text as it is spoken, those that the model knows: int32 [texts]."""
        return self._token_counts(texts)


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


def _batches(lengths):
    """Arrays of the places of texts of similar lengths, the longest first."""
    order, batches = np.argsort(-lengths, kind="stable"), []
    while len(order):
        count = np.clip(CHARACTERS_AT_ONCE // lengths[order[0]], 1, AT_ONCE)
        batches.append(order[:count])
        order = order[count:]
    return batches


def _reasons(lengths):
    return [
        "has nothing to read aloud: no character that the model knows" if n == 0
        else f"has {n:,} characters as it is spoken; at most {LONGEST:,} are read at once" if n > LONGEST
        else None
        for n in lengths.tolist()
    ]  # fmt: skip
