"""What a language model does with a text, as the contents of a report."""

import json

import numpy as np

from kerasapp.errors import ConfigError
from kerasapp.inspection import features, saturation, tracking, tracks
from kerasapp.inspection.packing import pack
from kerasapp.tasks.generation.reading import read, surfaces

ROOM = 1_900_000  # bytes of a report's contents, at most: with the page it has less than 2 MB
FRAME = 60  # bytes of a signal beside its steps, at most
SHORT = 1000  # tokens below which large correlations come about by chance


TITLE = "what it does with a text"
PROGRESS = "reading"
FLAG = "text"
SCRIPTS = ("packed.js", "shown.js", "charts.js", "gates.js", "text.js", "units.js", "generation.js")


def choose(generator, request):
    """What of a `Request` the model reads. Raises: ConfigError where there is no text."""
    if not request.text:
        raise ConfigError(f"{request.flag}: there is no text")
    return request.text[: request.length]


def inspect(generator, text, progress=None):
    """Lets a model read a text, and tells what went on.

    Args:
        generator: a `TextGenerator`.
        text: string, not empty.
        progress: function that gets the share done, now and then.

    Returns: dict that JSON can hold, with "task" and all that page/generation.js shows.
    """
    reading = read(generator, text, progress)
    model, names = generator.model, list(reading.states)
    signals = np.concatenate([reading.states[name].T for name in names])  # [signals, time]
    found, values = _features(reading.tokens)
    owners = [(int(name[2:]), unit) for name in names for unit in range(model.units)]
    ranked = tracking.followers(signals, values, owners)
    contents = {
        "task": "generation",
        **_outline(generator, reading),
        "signals": [
            {"state": name[0], "layer": int(name[2:]), "start": i * model.units, "count": model.units}
            for i, name in enumerate(names)
        ],
        "features": [_followed(*row) for row in zip(found, values, ranked, strict=True)],
    }
    room = ROOM - len(json.dumps(contents, ensure_ascii=False).encode()) - FRAME * len(signals)
    main = np.repeat([name[0] == "c" or model.cell != "lstm" for name in names], model.units)
    strength = np.abs(tracking.correlations(signals, values)).max(axis=1, initial=0)
    listed = [follower.signal for ranking in ranked for follower in ranking]
    kept = tracks.choose(signals, main, listed, np.argsort(-strength, kind="stable"), room)
    return {**contents, "tracks": [list(track) for track in kept]}


def _outline(generator, reading):
    """All but the units: the model, the tokens and their probabilities, states and gates as a whole."""
    model, tokenizer = generator.model, generator.servable.tokenizer
    sizes = {"units": model.units, "layers": model.depth, "vocabulary": tokenizer.size}
    return {
        "model": {"cell": model.cell, **sizes},
        "tokens": reading.tokens,
        "characters": tokenizer.kind == "characters",
        "short": len(reading.tokens) < SHORT,
        "bits": pack(reading.nats / np.float32(np.log(2))),
        "alternatives": _alternatives(reading, tokenizer),
        "norms": [
            {"state": name[0], "layer": int(name[2:]), "values": pack(_lengths(values))}
            for name, values in reading.states.items()
        ],
        "gates": [
            {**row._asdict(), "left": pack(_bytes(row.left)), "right": pack(_bytes(row.right))}
            for row in saturation.of_layers(reading.states, reading.gates, model.depth)
        ],
    }


def _features(tokens):
    """The features of a text, and their values [features, time] after each token."""
    found = features.of_text("".join(tokens))
    ends = np.maximum(np.cumsum([len(token) for token in tokens]) - 1, 0)
    return found, np.array([feature.values[ends] for feature in found]).reshape(len(found), len(ends))


def _followed(feature, values, followers):
    return {
        "name": feature.name,
        "meaning": feature.meaning,
        "binary": set(np.unique(values)) <= {0.0, 1.0},
        "values": pack(values.astype(np.float32)),
        "followers": [
            {
                "signal": follower.signal,
                "correlation": round(follower.correlation, 4),
                "halves": [round(half, 4) for half in follower.halves],
            }
            for follower in followers
        ],
    }


def _alternatives(reading, tokenizer):
    """The likeliest tokens of each place: ids in a list of those that come, with their probabilities."""
    ids, places = np.unique(reading.likeliest, return_inverse=True)
    places = places.reshape(reading.likeliest.shape).astype(np.uint16)
    shares = np.rint(reading.probabilities * 65535).astype(np.uint16)
    return {"tokens": surfaces(tokenizer, ids), "places": pack(places), "shares": pack(shares)}


def _lengths(states):
    """Euclidean norms [time]; with the 11 bits of a half-precision number, which packs smaller."""
    return np.linalg.norm(states, axis=1).astype(np.float16).astype(np.float32)


def _bytes(shares):
    return np.rint(shares * 255).astype(np.uint8)
