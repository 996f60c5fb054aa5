"""Text generation: the prompt is read in chunks, then tokens are sampled one by one."""

import numpy as np

from kerasapp_lite.knobs import filled
from kerasapp_lite.sampling import choose, uniform
from kerasapp_lite.vocabulary import END, normalise


class Generator:
    """Continues texts.

    Args:
        bundle: a `Bundle` of the task "generation".
    """

    def __init__(self, bundle):
        self.vocabulary, self._knobs = bundle.vocabulary("vocabulary"), bundle.knobs
        self._prefill, self._step = bundle.signature("prefill"), bundle.signature("step")
        self._states = bundle.zeros("step", bundle.states)
        self._chunk = bundle.shape("prefill", "ids")[1]

    def generate(self, prompt, **knobs):
        """The text after `prompt`; the knobs are those of `stream`."""
        return "".join(self.stream(prompt, **knobs))

    def stream(self, prompt, **knobs):
        """The text after `prompt` piece by piece, in whole characters: an iterator.

        Args:
            prompt: any text, also an empty one. length: tokens to generate.
            temperature, top_k, top_p: see `sampling.choose`. seed: the same seed gives the same text.
            stop: the text ends before this string; "" for none. Defaults are in the bundle's metadata.

        Raises:
            ValueError: a knob is unknown or out of range.
        """
        values = filled(self._knobs, knobs)
        return self._pieces(self._tokens(prompt, values), normalise(values["stop"], self.vocabulary.form))

    def tokens(self, prompt, **knobs):
        """The ids of the tokens after `prompt`: an iterator. Takes the knobs of `stream` but for `stop`."""
        return self._tokens(prompt, filled(self._knobs, knobs))

    def _pieces(self, tokens, stop):
        decoder, held = self.vocabulary.decoder(), ""  # `held` may be the beginning of `stop`
        for token in tokens:
            held += decoder.decode(self.vocabulary.surfaces[token])
            if stop and stop in held:
                break
            safe = len(held) - _possible_start(held, stop)
            if safe:
                yield held[:safe]
                held = held[safe:]
        held += decoder.decode(b"", final=True)
        if stop and stop in held:
            held = held[: held.index(stop)]
        if held:
            yield held

    def read(self, prompt):
        """The ids that are read of a prompt: the line break, and its own."""
        return [self.vocabulary.line_break, *self.vocabulary.encode(prompt)]

    def logits(self, ids):
        """The logits [vocabulary] of the token after these ids."""
        return self._read(ids)[0][0]

    def _tokens(self, prompt, knobs):
        logits, states = self._read(self.read(prompt))
        for position in range(knobs["length"]):
            logits = logits[0]
            logits[: END + 1] = -np.inf  # padding, unknown, start and end are no text
            noise = uniform(knobs["seed"], position)
            token = choose(logits, noise, knobs["temperature"], knobs["top_k"], knobs["top_p"])
            yield token
            if position + 1 < knobs["length"]:
                logits, states = self._split(self._step(ids=np.array([token], np.int32), **states))

    def _read(self, ids):
        """The logits [1, vocabulary] after a prompt, and the states."""
        states = self._states
        for start in range(0, len(ids), self._chunk):
            part = ids[start : start + self._chunk]
            chunk = np.zeros([1, self._chunk], np.int32)
            chunk[0, : len(part)] = part
            found = self._prefill(ids=chunk, length=np.array([len(part)], np.int32), **states)
            logits, states = self._split(found)
        return logits, states

    def _split(self, found):
        return found["logits"], {name: found[name] for name in self._states}


def _possible_start(text, stop):
    """The number of characters at the end of `text` that may be the beginning of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
