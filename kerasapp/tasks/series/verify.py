"""What `kerasapp verify` asks a model of series, and how it reads the answers."""

import numpy as np

from kerasapp.tasks.series.answers import QUANTILES
from kerasapp.tasks.series.spec import SPEC
from kerasapp.verify.inputs import DRAWN, SEED, Item, spread
from kerasapp.verify.outcomes import Outcome, floats, scored

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


def mixture_of(row):
    """The `Outcome` of a row of the signature `prefill`: the mixture, and the states."""
    numbers = {name: floats(value) for name, value in row.items()}
    return Outcome("a mixture", {"parts": sorted(numbers)}, numbers)


def stepwise(run, inputs, specs):
    """What `prefill` gives for a whole history: of its first half by `prefill`, then by `step`."""
    length = int(inputs["lengths"][0])
    history, half = np.asarray(inputs["history"])[:, :length], length // 2
    out = run("prefill", {"history": history[:, :half], "lengths": [half]})
    for t in range(half, length):
        states = {name: value for name, value in out.items() if name in specs("step")}
        out = run("step", {"values": history[:, t], **states})
    return out


OUTCOMES = {
    "forecast": forecast_of,
    "serving_default": forecast_of,
    "score": lambda row: scored(row, "steps"),
    "prefill": mixture_of,
    "steps": mixture_of,
}
LOOPS = {"steps": stepwise}


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


def awkward(task):
    """Histories of every kind: one step, a constant, steps far apart, and one that no model of a root or a
    logarithm takes."""
    columns = len(task.tokenizer.columns)
    scaled = [np.zeros([1, columns]), np.zeros([30, columns]), np.resize([-3.0, 3.0], [9, columns])]
    found = [task.tokenizer.restored(values).numpy().tolist() for values in scaled]
    return [(history, {"horizon": 3, "samples": 20}) for history in (*found, [[-1e3] * columns] * 2)]


def varied(i):
    """The knobs of the held-out history number i."""
    return {"seed": (-1) ** i * 104729 * i}


def probes(items, settings, signatures):
    """Scores, and mixtures step by step."""
    found = []
    for item in items[:12]:
        inputs = {name: item.inputs[name] for name in ("history", "lengths")}
        found.append(Item("series", "score", inputs, "fixed"))
        found.append(whole := Item("series", "prefill", inputs, "fixed"))
        if item.inputs["lengths"] <= 60:
            found.append(Item("series", "steps", inputs, "fixed", like=whole))
    return found


def likeness(item, found, expected):
    """1 for quantiles that are Keras's, 0 for those that are further from them than their band is wide."""
    if "quantiles" not in expected.numbers or "quantiles" not in found.numbers:
        return None
    one, other = found.numbers["quantiles"], expected.numbers["quantiles"]
    away = np.abs(one - other).mean(axis=(0, 2)) / np.maximum(width(other), 1e-9)
    return max(0.0, 1.0 - float(away.mean()))


LIKE = {"float16": 0.98, "dynamic": 0.9, "int8": 0.85}


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
