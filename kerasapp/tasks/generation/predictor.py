"""Generation in Python: prompts as strings, knobs as plain values."""

import numpy as np
import tensorflow as tf

from kerasapp.decoding.sampling import Sampling
from kerasapp.knobs import columns
from kerasapp.task import asking, strings
from kerasapp.tasks.generation.answers import GenerationAnswers
from kerasapp.tasks.generation.spec import SPEC
from pipelines.text.normalisation import normalise

STREAMED_AT_ONCE = 8  # tokens between two pieces of streamed text, after the first


class TextGenerator(GenerationAnswers):
    """A trained model that answers; what `kerasapp.load` gives for a run or an export.

    Args:
        task: the `Generation` task, with configuration and tokenizer.
        model: its trained model.

    Example:

        generator = kerasapp.load("saved_models/tinyshakespeare")
        generator.generate(["ROMEO:", ""], length=100, temperature=[0.8, 0.5], seed=7)
    """

    def __init__(self, task, model):
        self.task, self.model = task, model
        self.servable = task.servable(model)
        super().__init__(asking(self.servable))

    def stream(self, prompt, **knobs):
        """Yields the text that `generate` gives for one prompt, piece by piece as it is produced.

        A character is never cut in two, and nothing is yielded that may be the beginning of `stop`.
        """
        knobs = columns(knobs, SPEC.knobs, 1, "prompts")
        form = self.servable.tokenizer.normalisation
        length, stop = int(knobs.pop("length")[0]), strings(knobs.pop("stop"))
        stop = normalise(stop, form).numpy()[0].decode()
        sampling = Sampling(**{name: tf.constant(value) for name, value in knobs.items()})
        logits, states = self.servable.begin(strings([prompt]))
        tokens, shown, text = np.zeros([1, 0], np.int32), 0, ""
        while tokens.shape[1] < length:
            count = min(STREAMED_AT_ONCE if tokens.size else 1, length - tokens.shape[1])
            done = tf.constant(tokens.shape[1])
            new, logits, states = self.servable.proceed(logits, states, sampling, done, tf.constant(count))
            tokens = np.concatenate([tokens, new.numpy()], axis=1)  # [1, tokens so far]
            text = self.servable.tokenizer.decode(tokens, tokens.shape[1:]).numpy()[0].decode()
            if stop and stop in text:
                text = text[: text.index(stop)]
                break
            # Bytes of an unfinished character decode to U+FFFD until the rest has come.
            whole = text.rstrip("\N{REPLACEMENT CHARACTER}")
            sure = len(whole) - _possible_start(whole, stop)
            if sure > shown:
                yield text[shown:sure]
                shown = sure
        if len(text) > shown:
            yield text[shown:]

    def score(self, texts):
        """How likely the model finds each text: list of {"nats", "characters", "nats_per_character"}."""
        answer = self.servable.score(strings(texts))
        pairs = zip(answer["nats"].numpy().tolist(), answer["characters"].numpy().tolist())
        return [{"nats": n, "characters": c, "nats_per_character": n / max(c, 1)} for n, c in pairs]

    def evaluate(self, split=None, streams=1, progress=None):
        """Figures on a split of the configuration's data (see `Generation.evaluate`)."""
        return self.task.evaluate(self.model, split, streams, progress)


def _possible_start(text, stop):
    """How many characters at the end of `text` may be the beginning of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
