"""What `kerasapp verify` asks a model of series, and how it reads the answers."""

import numpy as np

from kerasapp.tasks.series.answers import QUANTILES
from kerasapp.tasks.series.spec import SPEC
from kerasapp.verify.inputs import DRAWN, SEED, spread
from kerasapp.verify.outcomes import Outcome, scored

PAST = 200  # steps of a history

WORTH = None  # no metric of a forecast tells rounded weights from chance


def forecast_of(row):
    """The `Outcome` of a row of the signature `forecast`."""
    steps = int(row["steps"])
    return forecast(row["mean"][:steps], row["quantiles"][:steps])


def forecast(mean, quantiles):
    """The `Outcome` of a forecast, without steps beyond its horizon."""
    mean, quantiles = np.asarray(mean, np.float64), np.asarray(quantiles, np.float64)
    numbers = {"mean": mean, "quantiles": quantiles}
    bands = width(quantiles)
    units = {"mean": bands, "quantiles": bands[..., np.newaxis]}
    return Outcome(f"{len(mean)} steps", {"steps": len(mean)}, numbers, len(mean), units=units)


def width(quantiles):
    """How wide the widest band of each column is, [columns], of quantiles [horizon, columns, levels]: what a
    difference between two forecasts is measured by, whatever the level of the values."""
    return np.max(quantiles[..., -1] - quantiles[..., 0], axis=0, initial=0.0)


OUTCOMES = {"forecast": forecast_of, "score": lambda row: scored(row, "steps")}


def stored(outputs):
    """The `Outcome` in a bundle's test vector."""
    return forecast(outputs["mean"], outputs["quantiles"])


def given(request):
    """The inputs of a bundle's test vector. A history without steps gets a row of padding, for its width."""
    width = len(request["outputs"]["mean"][0])
    return {**request["inputs"], "history": request["inputs"]["history"] or [[0.0] * width]}


def asked(settings, origin):
    """The knobs of histories other than test vectors: the defaults."""
    return {}


def drawn(task, count):
    """Histories that are random walks."""
    walks = np.random.default_rng(SEED).normal(0, 0.3, [count, DRAWN, len(task.tokenizer.columns)])
    return task.tokenizer.restored(walks.cumsum(axis=1)).numpy().tolist()


def held_out(task, split, count, scored):
    """Histories of a split: {"texts", "references", "scored"} (see `kerasapp.verify.held_out`)."""
    origins, _ = task.origins(split)
    origins = origins[spread(len(origins), count)]
    values = task.corpus.values
    histories = [values[max(0, origin - PAST) : origin].tolist() for origin in origins]
    came = [values[origin : origin + SPEC.defaults["horizon"]].tolist() for origin in origins]
    return {"texts": histories, "references": came, "scored": []}


def figures(answered):
    """The mean pinball loss of all quantiles against the true values; twice the mean is nearly the CRPS."""
    held_out = [(one.numbers["quantiles"], item.reference) for item, one, _ in answered if item.reference]
    if not held_out:
        return {}
    levels, losses = np.array(QUANTILES), []
    for quantiles, reference in held_out:
        steps = min(len(quantiles), len(reference))
        away = np.asarray(reference)[:steps, :, np.newaxis] - quantiles[:steps]
        losses.append(np.mean(np.maximum(levels * away, (levels - 1) * away)))
    return {"pinball": float(np.mean(losses)), "forecasts": len(held_out)}


def shown(figures):
    """The metrics in words."""
    return f"{figures['pinball']:.4g} pinball loss"
