"""How good the answers of a runtime are: against held-out data, or, where there are none, against Keras's."""

import math

import numpy as np

from kerasapp.tasks.series.answers import QUANTILES
from kerasapp.tasks.synthesis.metrics import mel_cepstral_distortion, mel_l1
from kerasapp.tasks.translation.metrics import translation_scores


def figures(task, items, found, expected):
    """The figures of a task, of the items that both have answered; {} where none can be had.

    Args:
        task: its name.
        items: list of `Item`.
        found: what the runtime said, a list of `Outcome`. expected: what Keras said.

    Returns: generation {"bits_per_character", "characters"}; translation {"bleu", "chrf", "sentences"};
        synthesis {"mcd_db", "mel_l1", "stop_errors": utterances that the stop token did not end,
        "utterances", "against": "recordings" or "keras"}; series {"pinball", "forecasts"}.
    """
    answered = [
        (item, one, other)
        for item, one, other in zip(items, found, expected, strict=True)
        if not one.refused and not other.refused
    ]
    return _FIGURES[task](answered) if answered else {}


def _generation(answered):
    held_out = [
        (one.numbers["nats"], one.exact["characters"])
        for item, one, _ in answered
        if item.signature == "score" and item.origin == "held-out"
    ]
    characters = sum(count for _, count in held_out)
    if not characters:
        return {}
    nats = float(np.sum([nats for nats, _ in held_out], dtype=np.float64))
    return {"bits_per_character": nats / characters / math.log(2.0), "characters": characters}


def _translation(answered):
    held_out = [(one.exact["translation"], item.reference) for item, one, _ in answered if item.reference]
    if not held_out:
        return {}
    scores = translation_scores(*map(list, zip(*held_out, strict=True)))
    return {"bleu": scores["bleu"], "chrf": scores["chrf"], "sentences": len(held_out)}


def _synthesis(answered):
    recorded = [(one, item.reference) for item, one, _ in answered if item.reference is not None]
    against = "recordings" if recorded else "keras"
    pairs = recorded or [(one, other.numbers["mel"]) for _, one, other in answered]
    pairs = [(one, one.numbers["mel"], wanted) for one, wanted in pairs]
    return {
        "mcd_db": float(np.mean([mel_cepstral_distortion(mel, wanted) for _, mel, wanted in pairs])),
        "mel_l1": float(np.mean([mel_l1(mel, wanted) for _, mel, wanted in pairs])),
        "stop_errors": sum(one.exact["stop_reason"] != "stop_token" for one, *_ in pairs),
        "utterances": len(pairs),
        "against": against,
    }


def _series(answered):
    """Against what came: the pinball losses of all quantiles (their mean, doubled, is nearly the CRPS)."""
    held_out = [(one.numbers["quantiles"], item.reference) for item, one, _ in answered if item.reference]
    if not held_out:
        return {}
    levels, losses = np.array(QUANTILES), []
    for quantiles, reference in held_out:
        steps = min(len(quantiles), len(reference))
        away = np.asarray(reference)[:steps, :, np.newaxis] - quantiles[:steps]
        losses.append(np.mean(np.maximum(levels * away, (levels - 1) * away)))
    return {"pinball": float(np.mean(losses)), "forecasts": len(held_out)}


_FIGURES = {
    "generation": _generation,
    "translation": _translation,
    "synthesis": _synthesis,
    "series": _series,
}
