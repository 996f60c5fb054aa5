"""Continued texts, by whoever answers: the servable in this process or a server. Nothing here needs
TensorFlow."""

from kerasapp.knobs import columns, require_range, texts

LONGEST = 1_000_000  # tokens that one request may ask for
DEFAULTS = {"length": 200, "temperature": 0.8, "top_k": 0, "top_p": 1.0, "seed": 0, "stop": ""}
RANGES = {  # least, most
    "length": (0, LONGEST),
    "temperature": (0.0, 100.0),
    "top_k": (0, 2**31 - 1),
    "top_p": (0.0, 1.0),
    "seed": (-(2**31), 2**31 - 1),
}


class GenerationAnswers:
    """What is asked of a generation model, and what its answers mean.

    Args:
        ask: function (signature, inputs name -> array) -> outputs name -> array.
    """

    def __init__(self, ask):
        self._ask = ask

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
        rows = columns(knobs, DEFAULTS, check_knob, len(prompts), "prompts")
        answer = self._ask("generate", {"prompt": texts(prompts), **rows})
        return [text.decode() for text in answer["text"]]


def check_knob(name, value, knobs):
    """Raises ValueError where a prompt's knob is out of range."""
    if name in RANGES:
        require_range(name, value, isinstance(DEFAULTS[name], int), *RANGES[name])
