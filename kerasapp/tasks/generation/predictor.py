"""Generation in Python: prompts as strings, knobs as plain values."""

import itertools

from kerasapp.knobs import columns, texts
from kerasapp.serving.rest.streamed_text import Piece
from kerasapp.task import Predictor, strings
from kerasapp.tasks.generation.answers import GenerationAnswers
from kerasapp.tasks.generation.spec import SPEC
from kerasapp.tasks.generation.stream import generate


class TextGenerator(Predictor, GenerationAnswers):
    """A trained model that answers: what `kerasapp.load` returns for a run or an export of generation.

    Example:

        generator = kerasapp.load("saved_models/tinyshakespeare")
        generator.generate(["ROMEO:", ""], length=100, temperature=[0.8, 0.5], seed=7)
    """

    def stream(self, prompt, **knobs):
        """The text that `generate` gives for one prompt, as an iterator over its pieces as they are made.

        A character is never cut in two, and no piece holds what may be the beginning of `stop`.
        """
        inputs = {"prompt": texts([prompt]), **columns(knobs, SPEC.knobs, 1, "prompts")}
        items = itertools.chain.from_iterable(generate(self._ask, inputs, self._states))
        return (item.text for item in items if isinstance(item, Piece) and item.text)

    def score(self, texts):
        """How likely the model finds each text: list of {"nats", "characters", "nats_per_character"}."""
        answer = self.servable.score(strings(texts))
        pairs = zip(answer["nats"].numpy().tolist(), answer["characters"].numpy().tolist())
        return [{"nats": n, "characters": c, "nats_per_character": n / max(c, 1)} for n, c in pairs]

    def _states(self, signature):
        return self.servable.signatures()[signature].structured_input_signature[1]
