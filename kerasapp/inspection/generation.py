"""What a language model does with a text, as the contents of a report."""

import numpy as np

from kerasapp.inspection import features, saturation, tracking, tracks
from kerasapp.inspection.packing import pack
from kerasapp.inspection.reading import read, surfaces

ROOM = 1_600_000  # characters of a report that the signals of units may take
SHORT = 1000  # tokens below which large correlations come about by chance


def inspect(generator, text, progress=None):
    """Lets a model read a text, and tells what went on.

    Args:
        generator: a `TextGenerator`.
        text: string, not empty.
        progress: function that gets the share done, now and then.

    Returns: dict that JSON can hold, with "task" and all that page/generation.js shows.
    """
    reading = read(generator, text, progress)
    model, tokenizer = generator.model, generator.servable.tokenizer
    contents = {
        "task": "generation",
        "model": {
            "cell": model.cell,
            "units": model.units,
            "layers": len(model.recurrent_layers),
            "vocabulary": tokenizer.size,
        },
        "tokens": reading.tokens,
        "characters": tokenizer.kind == "characters",
        "short": len(reading.tokens) < SHORT,
        "bits": pack(reading.nats / np.float32(np.log(2))),
        "alternatives": _alternatives(reading, tokenizer),
        "norms": [
            {
                "state": name[0],
                "layer": int(name[2:]),
                "values": pack(_lengths(values)),
            }
            for name, values in reading.states.items()
        ],
        "gates": [
            {
                "layer": found.layer,
                "gate": found.gate,
                "left": pack(_bytes(found.left)),
                "right": pack(_bytes(found.right)),
            }
            for found in saturation.of_layers(reading.states, reading.gates, len(model.recurrent_layers))
        ],
    }
    return {**contents, **_units(model, reading)}


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


def _units(model, reading):
    """The signals of the units, and which of them follow which feature."""
    names = list(reading.states)
    signals = np.concatenate([reading.states[name].T for name in names])  # [signals, time]
    layers = np.repeat([int(name[2:]) for name in names], model.units)
    owners = [(int(layer), i % model.units) for i, layer in enumerate(layers)]
    found = features.of_text("".join(reading.tokens))
    ends = np.maximum(np.cumsum([len(token) for token in reading.tokens]) - 1, 0)
    values = np.array([feature.values[ends] for feature in found]).reshape(len(found), len(ends))
    ranked = tracking.followers(signals, values, owners)
    listed = sorted({follower.signal for ranking in ranked for follower in ranking})
    best = np.abs(tracking.correlations(signals, values)).max(axis=1, initial=0)
    main = np.repeat([name[0] == "c" or model.cell != "lstm" for name in names], model.units)
    kept = tracks.choose(signals, main, listed, np.argsort(-best, kind="stable"), ROOM)
    return {
        "signals": [
            {"state": name[0], "layer": int(name[2:]), "start": i * model.units, "count": model.units}
            for i, name in enumerate(names)
        ],
        "tracks": [list(track) for track in kept],
        "features": [
            {
                "name": feature.name,
                "meaning": feature.meaning,
                "binary": set(np.unique(row)) <= {0.0, 1.0},
                "values": pack(row.astype(np.float32)),
                "followers": [
                    {
                        "signal": follower.signal,
                        "correlation": round(follower.correlation, 4),
                        "halves": [round(half, 4) for half in follower.halves],
                    }
                    for follower in ranking
                ],
            }
            for feature, row, ranking in zip(found, values, ranked, strict=True)
        ],
    }
