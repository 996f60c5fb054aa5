"""The speech of texts, sentence by sentence: as WAV files, as pictures, and what is wrong with it."""

import json
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import numpy as np

from kerasapp.errors import note
from pipelines.atomic import replacing
from pipelines.errors import shortened
from pipelines.speech.paragraphs import split_spoken

PAUSE = 0.2  # seconds of silence between two sentences
AT_ONCE = 32  # sentences whose speech is in memory


class Job(NamedTuple):
    """What is asked: the synthesizer, its knobs, and the most spoken characters of a sentence."""

    synthesizer: object
    knobs: dict
    longest: int


def sentences_of(job, text, where):
    """The sentences of a text, and None; or an empty list and why the text cannot be read.

    A sentence without anything to read among others is left out, with a note on standard error.
    """
    sentences = split_spoken(text, job.longest, job.synthesizer.lengths) or [text]
    nothing, *reasons = job.synthesizer.check(["", *sentences])
    for sentence, reason in zip(sentences, reasons, strict=True):
        if reason not in (None, nothing):
            return [], reason if len(sentences) == 1 else f"{_short(sentence)} {reason}"
    kept = [sentence for sentence, reason in zip(sentences, reasons, strict=True) if reason is None]
    if not kept:
        return [], nothing
    for sentence, reason in zip(sentences, reasons, strict=True):
        if reason:
            note(f"{where}: {_short(sentence)} {reason}, and is left out")
    return kept, None


def speak(job, sentences):
    """Yields the `Speech` of each sentence; few are in memory at a time."""
    for start in range(0, len(sentences), AT_ONCE):
        yield from job.synthesizer.synthesize(sentences[start : start + AT_ONCE], **job.knobs)


def write_speech(path, speeches, sentences, where):
    """Writes the speech of sentences, with pauses between, as a WAV file of 16 bits; whole or not at all.

    Problems of the speech go to standard error.

    Args:
        path: the file. speeches: iterable of `Speech`, one for each of `sentences`. where: the text's name.

    Returns: dict of "file", "seconds", "sample_rate" and "sentences", metrics of each.
    """
    import soundfile

    rows, samples, rate = [], 0, None
    with replacing(path) as file, ExitStack() as stack:
        kept = _Kept(file)
        for i, (speech, sentence) in enumerate(zip(speeches, sentences, strict=True)):
            if rate is None:
                rate = speech.sample_rate
                sound = stack.enter_context(
                    soundfile.SoundFile(kept, "w", rate, 1, format="WAV", subtype="PCM_16")
                )
            pause = np.zeros(round(PAUSE * rate) if i else 0, np.float32)
            with kept.checked():
                sound.write(np.concatenate([pause, speech.audio]))
            samples += len(pause) + len(speech.audio)
            rows.append(_metrics(sentence, speech))
            for problem in problems(speech):
                note(f"{where if len(sentences) == 1 else f'{where}, sentence {i + 1}'}: {problem}")
    return {"file": str(path), "seconds": samples / rate, "sample_rate": rate, "sentences": rows}


class _Kept:
    """A file for soundfile, which asserts that writes succeed and prints their errors: keeps the error."""

    def __init__(self, file):
        self._file, self._error = file, None
        self.seek, self.tell, self.read = file.seek, file.tell, file.read

    def write(self, data):
        try:
            return self._file.write(data)
        except OSError as error:
            self._error = error
            return 0

    @contextmanager
    def checked(self):
        """Within, a failed assertion becomes the error of the write."""
        try:
            yield
        except AssertionError as error:
            raise self._error or error from None


def problems(speech):
    """What may be wrong with a `Speech`, in words: list of strings."""
    found = []
    if speech.left_out:
        plural = "s" * (speech.left_out > 1)
        found.append(f"left out {speech.left_out:,} character{plural} that the model does not know")
    if speech.stop_reason == "cap":
        found.append(
            f"cut off after {speech.seconds:.1f} s, the most that --max-ratio allows, before its end"
        )
    if not speech.aligned:
        found.append(
            f"words may be missing or repeated: the attention saw {speech.coverage:.0%} of the characters "
            f"and stepped back {speech.backward_steps} times (--window 4 may help)"
        )
    return found


def _metrics(sentence, speech):
    names = ("seconds", "stop_reason", "coverage", "backward_steps", "sharpness", "aligned", "left_out")
    return {"text": sentence, **{name: getattr(speech, name) for name in names}}


def draw(path, speeches, settings):
    """Draws speeches one after the other, with the pauses between them (see `tasks.synthesis.plots`)."""
    from kerasapp.tasks.synthesis import plots as plots_audio

    reduction = max(1, round(len(speeches[0].mel) / len(speeches[0].stop)))
    plots_audio.synthesis(
        path,
        **joined(speeches, max(1, round(PAUSE / (reduction * settings.hop_seconds))), reduction),
        hop_seconds=settings.hop_seconds,
        mel_frequencies=settings.mel_frequencies,
    )


def joined(speeches, pause, reduction):
    """Speeches as one: "mel", "alignment", "tokens" and "stop", with `pause` steps between without sound.

    Args:
        pause: steps. reduction: frames of a step.
    """
    tokens = [token for speech in speeches for token in speech.tokens]
    mels, rows, stops, column = [], [], [], 0
    for i, speech in enumerate(speeches):
        blank = pause if i else 0
        steps, width = speech.alignment.shape
        mels += [np.full([blank * reduction, speech.mel.shape[1]], np.nan), speech.mel]
        row = np.zeros([blank + steps, len(tokens)], np.float32)
        row[blank:, column : column + width] = speech.alignment
        rows.append(row)
        stops += [np.zeros(blank), speech.stop]
        column += width
    return {
        "mel": np.concatenate(mels),
        "alignment": np.concatenate(rows),
        "tokens": tokens,
        "stop": np.concatenate(stops),
    }


def _short(text):
    return json.dumps(shortened(text), ensure_ascii=False)
