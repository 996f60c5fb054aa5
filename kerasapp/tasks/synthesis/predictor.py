"""Synthesis in Python: texts as strings, knobs as plain values."""

import time

import numpy as np

from kerasapp.task import Predictor, filled, strings
from kerasapp.tasks.synthesis.answers import SynthesisAnswers
from kerasapp.tasks.synthesis.spec import SPEC


class Synthesizer(Predictor, SynthesisAnswers):
    """A trained model that reads aloud: what `kerasapp.load` returns for a run or an export of synthesis.

    Example:

        synthesizer = kerasapp.load("saved_models/digits")
        speech = synthesizer.synthesize(["four zero nine two seven"])[0]
        soundfile.write("out.wav", speech.audio, speech.sample_rate)
    """

    def real_time_factors(self, texts):
        """Seconds of computing per second of speech, one text at a time.

        Returns: dict of "mel_real_time_factor", up to the log-mels, and "audio_real_time_factor", up to the
            waveform, medians over the texts; "timed_seconds", the mean length of their speech.
        """
        factors, lengths = [], []
        requests = (self.servable.spectrogram, "mel"), (self.servable.synthesize, "waveform")
        for i, text in enumerate([*texts[:1], *texts]):
            knobs = filled(SPEC.knobs, [text])
            taken = []
            for request, name in requests:
                started = time.perf_counter()
                found = request(strings([text]), **knobs)
                found[name].numpy()  # waits for the result
                taken.append(time.perf_counter() - started)
            if i:  # the first one warms up: graphs are traced and prepared
                seconds = float(found["seconds"][0])
                factors.append(np.array(taken) / seconds)
                lengths.append(seconds)
        mel, audio = np.median(factors, axis=0).tolist()
        return {
            "mel_real_time_factor": mel,
            "audio_real_time_factor": audio,
            "timed_seconds": float(np.mean(lengths)),
        }
