"""What a language model does with a text, as the contents of a report."""

import numpy as np

from kerasapp.errors import ConfigError
from kerasapp.inspection import features
from kerasapp.inspection.packing import pack
from kerasapp.inspection.units import with_units
from kerasapp.tasks.generation.reading import read, surfaces

TITLE = "what it does with a text"
PROGRESS = "reading"
FLAG = "text"
SCRIPTS = (
    "packed.js", "shown.js", "charts.js", "gates.js", "text.js", "units.js", "choice.js", "generation.js",
)  # fmt: skip


def choose(generator, request):
    """The beginning of the text of a `Request`."""
    if not request.text:
        raise ConfigError(f"{request.flag}: there is no text")
    return request.text[: request.length]


def inspect(generator, text, progress=None):
    """What happens in a model while it reads a text, for page/generation.js."""
    reading = read(generator, text, progress)
    model, tokenizer = generator.model, generator.servable.tokenizer
    sizes = {"units": model.units, "layers": model.depth, "vocabulary": tokenizer.size}
    contents = {
        "task": "generation",
        "model": {"cell": model.cell, **sizes},
        "tokens": reading.tokens,
        "characters": tokenizer.kind == "characters",
        "bits": pack(reading.nats / np.float32(np.log(2))),
        "alternatives": _alternatives(reading, tokenizer),
    }
    return with_units(contents, model, reading.states, reading.gates, _features(reading.tokens))


def _features(tokens):
    """The features of a text, with their values after each token."""
    ends = np.maximum(np.cumsum([len(token) for token in tokens]) - 1, 0)
    found = features.of_text("".join(tokens))
    return [feature._replace(values=feature.values[ends]) for feature in found]


def _alternatives(reading, tokenizer):
    """The likeliest tokens of each place: ids in a list of those that come, with their probabilities."""
    ids, places = np.unique(reading.likeliest, return_inverse=True)
    places = places.reshape(reading.likeliest.shape).astype(np.uint16)
    shares = np.rint(reading.probabilities * 65535).astype(np.uint16)
    return {"tokens": surfaces(tokenizer, ids), "places": pack(places), "shares": pack(shares)}
