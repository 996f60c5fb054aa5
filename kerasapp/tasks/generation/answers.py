"""Continued texts, from the servable in this process or from a server. Needs no TensorFlow."""

from kerasapp.answers import Answers
from kerasapp.knobs import columns, texts
from kerasapp.tasks.generation.spec import SPEC
from pipelines.text.special import UNKNOWN


class GenerationAnswers(Answers):
    """Asks a language model, and reads its answers. Args: see `kerasapp.answers.Answers`."""

    def generate(self, prompts, **knobs):
        """Continues each prompt; the texts come without their prompts.

        Args:
            prompts: list of strings.
            length: tokens to generate. temperature: 0 takes the likeliest token each time. top_k: only the k
                likeliest tokens, 0 for all. top_p: only the likeliest that reach this probability together.
                seed: same seed, same text. stop: the text ends before this string.
                Each is one value for all or a list of one per prompt; `SPEC` has the defaults.

        Returns: list of strings. Raises: ValueError for a knob that is unknown or out of range.
        """
        rows = columns(knobs, SPEC.knobs, len(prompts), "prompts")
        answer = self._ask("generate", {"prompt": texts(prompts), **rows})
        return [text.decode() for text in answer["text"]]

    def unknown(self, prompts):
        """The characters of prompts that the model does not know, each once, in their order: a string."""
        answer = self._ask("tokenize", {"text": texts(prompts)})
        found = {}
        normalised = answer.get("normalised", texts(prompts))  # older exports do not give it
        for ids, text in zip(answer["ids"], normalised, strict=True):
            if UNKNOWN in ids:  # only where each character has one id
                known = zip(text.decode("utf-8", "replace"), ids)
                found |= {character: None for character, token in known if token == UNKNOWN}
        return "".join(found)
