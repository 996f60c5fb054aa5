"""The units in a report of recurrent layers: the features they follow, their gates and their states."""

import json

import numpy as np

from kerasapp.inspection import saturation, tracking, tracks
from kerasapp.inspection.packing import pack

ROOM = 1_900_000  # most bytes of a report's contents; with the page it has less than 2 MB
FRAME = 60  # most bytes of a signal in addition to its steps
SHORT = 1000  # steps; with fewer, large correlations happen by chance


def with_units(contents, model, states, gates, features):
    """Adds the units to a report's contents, as many and as finely as fit.

    Args:
        contents: dict that JSON can hold.
        model: a model with `cell` and `units`.
        states, gates: name -> float32 [time, units] after each step, as "h_0" and "forget_0".
        features: list of `kerasapp.inspection.features.Feature`, with float32 [time] values.

    Returns: `contents` with the keys that page/units.js, choice.js and gates.js show.
    """
    names, layers = list(states), len({name[2:] for name in states})
    signals = np.concatenate([states[name].T for name in names])  # [signals, time]
    values = np.array([feature.values for feature in features], np.float32).reshape(-1, signals.shape[1])
    owners = [(int(name[2:]), unit) for name in names for unit in range(model.units)]
    ranked = tracking.followers(signals, values, owners)
    contents = {
        **contents,
        "short": signals.shape[1] < SHORT,
        "signals": [
            {"state": name[0], "layer": int(name[2:]), "start": i * model.units, "count": model.units}
            for i, name in enumerate(names)
        ],
        "norms": [
            {"state": name[0], "layer": int(name[2:]), "values": pack(_lengths(state))}
            for name, state in states.items()
        ],
        "gates": [
            {**row._asdict(), "left": pack(_bytes(row.left)), "right": pack(_bytes(row.right))}
            for row in saturation.of_layers(states, gates, layers)
        ],
        "features": [_followed(*row) for row in zip(features, ranked, strict=True)],
    }
    room = ROOM - len(json.dumps(contents, ensure_ascii=False).encode()) - FRAME * len(signals)
    main = np.repeat([name[0] == "c" or model.cell != "lstm" for name in names], model.units)
    strength = np.abs(tracking.correlations(signals, values)).max(axis=1, initial=0)
    listed = [follower.signal for ranking in ranked for follower in ranking]
    kept = tracks.choose(signals, main, listed, np.argsort(-strength, kind="stable"), room)
    return {**contents, "tracks": [list(track) for track in kept]}


def _followed(feature, followers):
    return {
        "name": feature.name,
        "meaning": feature.meaning,
        "binary": set(np.unique(feature.values)) <= {0.0, 1.0},
        "values": pack(feature.values),
        "followers": [
            {"signal": signal, "correlation": round(whole, 4), "halves": [round(half, 4) for half in halves]}
            for signal, whole, halves in followers
        ],
    }


def _lengths(states):
    """Euclidean norms [time]; in half precision, which packs smaller."""
    return np.linalg.norm(states, axis=1).astype(np.float16).astype(np.float32)


def _bytes(shares):
    return np.rint(shares * 255).astype(np.uint8)
