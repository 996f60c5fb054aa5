"""Synthesis in Python: texts as strings, knobs as plain values."""

import time

import numpy as np

from kerasapp.task import asking, filled, strings
from kerasapp.tasks.synthesis.answers import SynthesisAnswers
from kerasapp.tasks.synthesis.spec import SPEC


class Synthesizer(SynthesisAnswers):
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
        super().__init__(asking(self.servable))

    def evaluate(self, split=None, progress=None):
        """Figures on a split of the configuration's data (see `kerasapp.tasks.synthesis.task.Synthesis`)."""
        return self.task.evaluate(self, split, progress)

    def real_time_factors(self, texts):
        """Seconds of computing for each second of speech, one text at a time.

        Returns: dict of "mel_real_time_factor", to the log-mels, and "audio_real_time_factor", to the
            waveform, medians over the texts; "timed_seconds", how long their speech lasts in the mean.
        """
        factors, lasted = [], []
        requests = (self.servable.spectrogram, "mel"), (self.servable.synthesize, "waveform")
        for i, text in enumerate([*texts[:1], *texts]):
            knobs = filled(SPEC.knobs, [text])
            taken = []
            for request, name in requests:
                started = time.perf_counter()
                found = request(strings([text]), **knobs)
                found[name].numpy()
                taken.append(time.perf_counter() - started)
            if i:  # the first one warms up: graphs are traced and prepared
                seconds = float(found["seconds"][0])
                factors.append(np.array(taken) / seconds)
                lasted.append(seconds)
        mel, audio = np.median(factors, axis=0).tolist()
        return {
            "mel_real_time_factor": mel,
            "audio_real_time_factor": audio,
            "timed_seconds": float(np.mean(lasted)),
        }
