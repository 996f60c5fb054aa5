"""What a model of series makes of a history, as the contents of a report."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kerasapp.errors import ConfigError, note
from kerasapp.inspection.packing import pack, pack_rows
from kerasapp.inspection.units import with_units
from kerasapp.tasks.series import histories
from kerasapp.tasks.series.answers import QUANTILES
from kerasapp.tasks.series.calibration import PARAMETERS, bands, integral_transform
from kerasapp.tasks.series.features import of_series
from kerasapp.tasks.series.reading import read
from kerasapp.tasks.series.task import BURN_IN
from pipelines import tables
from pipelines.errors import DataError

TITLE = "what it predicted, and what came"
PROGRESS = "reading"
FLAG = None
SCRIPTS = (
    "packed.js", "shown.js", "charts.js", "axes.js", "gates.js", "units.js", "choice.js", "timeline.js",
    "bands.js", "mixture.js", "calibration.js", "unitmap.js", "series.js",
)  # fmt: skip
HEAVIEST = 5  # components of the mixture that are kept at each step
COLUMNS = 1_300_000  # bytes that columns may take, at most; the rest is for units
PARTS = {"train": "training", "valid": "validation", "test": "test"}


class History(NamedTuple):
    """A series for a model to read.

    source: where it is from, in words. total: its steps. before: float64 [time, columns], what is read first
    and not shown. table: the last steps, which are shown. parts: the splits of the model's data as steps of
    the table, list of {"name", "start", "end"}; none for a file.
    """

    source: str
    total: int
    before: np.ndarray
    table: tables.Table
    parts: list


def choose(forecaster, request):
    """The `History` of a `Request`: its file, or the model's own data."""
    task, bounds = forecaster.task, {}
    if request.path:
        source, table = Path(request.path).name, histories.read(task, request.path)
    else:
        source, table, bounds = "the model's data", *_own_data(task)
    count = len(table.values)
    if not count:
        raise ConfigError(f"{request.path}: there are no values below the names of the columns")
    shown = max(0, count - request.length)
    if shown:
        note(f"the last {request.length:,} of {count:,} steps are shown (--length)")
    before = table.values[max(0, shown - BURN_IN) : shown]
    dates = None if table.dates is None else table.dates[shown:]
    parts = [
        {"name": PARTS[name], "start": max(start - shown, 0), "end": end - shown}
        for name, (start, end) in bounds.items()
        if end > max(start, shown)
    ]
    return History(source, count, before, table._replace(values=table.values[shown:], dates=dates), parts)


def _own_data(task):
    try:
        return task.corpus.table, task.corpus.bounds
    except DataError as error:
        raise DataError(f"{error}; give another series with --file FILE.csv") from None


def inspect(forecaster, history, progress=None):
    """What a model predicts for each step of a `History`, and what happens in it, for page/series.js."""
    model, table = forecaster.model, history.table
    values = np.concatenate([history.before, table.values])
    reading = read(forecaster, values, progress).since(len(history.before))
    sizes = {"units": model.units, "layers": model.depth, "components": model.components}
    contents = {
        "task": "series",
        "model": {"cell": model.cell, **sizes},
        "source": history.source,
        "total": history.total,
        "dates": table.dates and [str(date) for date in table.dates.at],  # ISO 8601
        "parts": history.parts,
        "transform": forecaster.servable.scaling.transform,
        "levels": QUANTILES,
        "nats": pack(reading.nats),
    }
    contents = _with_columns(contents, table, forecaster.servable.scaling, reading)
    names = table.columns[: len(contents["columns"])]
    features = of_series(reading.scaled[:, : len(names)], names, table.dates and table.dates.at)
    return with_units(contents, model, reading.states, reading.gates, features)


def _with_columns(contents, table, scaling, reading):
    """Adds the columns that there is room for, at least one, and the heaviest components of each step."""
    mixture = reading.mixture
    heaviest = np.argsort(-mixture["log_weights"], axis=1, kind="stable")[:, :HEAVIEST]  # [time, kept]
    shares = np.exp(np.take_along_axis(mixture["log_weights"], heaviest, 1))
    contents = {
        **contents,
        "components": pack(heaviest.T.astype(np.uint16)),
        "weights": pack(_shares(shares.T)),
        "columns": [],
    }
    predicted = bands(mixture, QUANTILES)  # [levels, time, columns]
    below, residuals = integral_transform(mixture, reading.scaled)
    for i, name in enumerate(table.columns):
        kept = (np.take_along_axis(mixture[key][:, :, i], heaviest, 1).T for key in PARAMETERS)
        means, deviations = kept  # [kept, time]
        column = {
            "name": name,
            "mean": scaling.mean[i],
            "deviation": scaling.deviation[i],
            "values": pack(table.values[:, i]),
            "bands": pack_rows(predicted[:, :, i]),
            "below": pack(_shares(below[:, i])),
            "residuals": pack(residuals[:, i].astype(np.float16).astype(np.float32)),  # which packs smaller
            "means": pack_rows(means),
            "log_deviations": pack_rows(np.log(deviations)),
        }
        if i and _size(contents) + _size(column) > COLUMNS:
            break
        contents["columns"].append(column)
    return {**contents, "left_out": list(table.columns[len(contents["columns"]) :])}


def _shares(shares):
    return np.rint(shares * 65535).astype(np.uint16)


def _size(contents):
    """The bytes that some contents take in the report."""
    return len(json.dumps(contents, ensure_ascii=False).encode())
