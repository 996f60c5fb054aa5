"""Generation in Python: prompts as strings, knobs as plain values."""

import numpy as np
import tensorflow as tf

from kerasapp.decoding import Sampling
from kerasapp.tasks.generation_servable import DEFAULTS, LONGEST
from kerasapp.tasks.task import strings
from pipelines.text import normalise

STREAMED_AT_ONCE = 8  # tokens between two pieces of streamed text, after the first


class TextGenerator:
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

    def generate(self, prompts, **knobs):
        """Continues each prompt; the texts come without their prompts.

        Args:
            prompts: list of strings.
            length: tokens to generate. temperature: 0 takes the likeliest token each time. top_k: only the k
                likeliest tokens, 0 for all. top_p: only the likeliest that reach this probability together.
                seed: same seed, same text. stop: the text ends before this string.
                Each is one value for all or a list of one for each prompt; `DEFAULTS` where not given.

        Returns: list of strings. Raises: ValueError for a knob that is unknown or out of range.
        """
        answer = self.servable.generate(strings(prompts), **_columns(knobs, len(prompts)))
        return [text.decode() for text in answer["text"].numpy()]

    def stream(self, prompt, **knobs):
        """Yields the text that `generate` gives for one prompt, piece by piece as it is produced.

        A character is never cut in two, and nothing is yielded that may be the beginning of `stop`.
        """
        knobs = _columns(knobs, 1)
        form = self.servable.tokenizer.normalisation
        length, stop = int(knobs.pop("length")[0]), normalise(knobs.pop("stop"), form).numpy()[0].decode()
        sampling = Sampling(**knobs)
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


def _columns(knobs, rows):
    """One tensor [rows] for each knob, defaults filled in."""
    unknown = set(knobs) - set(DEFAULTS)
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(DEFAULTS)}")
    columns = {}
    for name, default in DEFAULTS.items():
        values = knobs.get(name, default)
        values = list(values) if isinstance(values, (list, tuple, np.ndarray)) else [values] * rows
        if len(values) != rows:
            raise ValueError(f"{name}: {len(values)} values for {rows} prompts")
        for value in values:
            _check(name, value)
        dtype = _DTYPES[type(default)]
        columns[name] = strings(values) if dtype == tf.string else tf.constant(values, dtype, [rows])
    return columns


_DTYPES = {int: tf.int32, float: tf.float32, str: tf.string}
_RANGES = {  # least, most
    "length": (0, LONGEST),
    "temperature": (0.0, 100.0),
    "top_k": (0, 2**31 - 1),
    "top_p": (0.0, 1.0),
    "seed": (-(2**31), 2**31 - 1),
}


def _check(name, value):
    if name in _RANGES:
        least, most = _RANGES[name]
        if not least <= value <= most:
            raise ValueError(f"{name}: {value} is not from {least:g} to {most:g}")


def _possible_start(text, stop):
    """How many characters at the end of `text` may be the beginning of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
