"""Every setting of `series` acts: one row or more per field of its configuration."""

import contextlib

import numpy as np
import pytest
from settings import (
    Row,
    Table,
    batches,
    becomes,
    grows,
    noise,
    only_after,
    outputs,
    parameters,
    rows_of_batch,
)

import kerasapp

STEPS = 60


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """The working folder, with all files that the rows name."""
    path = tmp_path_factory.mktemp("settings")
    draw = np.random.default_rng(0)
    for name in ("table.csv", "other.csv"):
        values = draw.uniform(1, 9, [STEPS, 3])
        lines = [f"{1900 + year**2},{a},{b},{c}\n" for year, (a, b, c) in enumerate(values)]
        (path / name).write_text("year,a,b,c\n" + "".join(lines))
    with contextlib.chdir(path):
        yield


def columns(task):
    """The columns that the model predicts, and the width of what it is given."""
    return list(task.tokenizer.columns), batches(task, 1)[0][0].shape[-1]


def dates(task):
    found = task.corpus.table.dates
    return None if found is None else [str(found[0]), str(found[-1])]


def bounds(task):
    return [task.corpus.bounds[split] for split in ("train", "valid", "test")]


def scaled(task):
    """The training values as the network takes them, beside the file's own, transformed by NumPy."""
    return task.corpus.split("train")


def is_log(before, after):
    """Whether `after` is the logarithm of the values that `before` is in line with, each standardised."""
    raw = np.genfromtxt("table.csv", delimiter=",", skip_header=1)[:36, 1:]
    expected = [(x - x.mean(axis=0)) / x.std(axis=0) for x in (raw, np.log(raw))]
    return all(np.allclose(*pair, atol=1e-4) for pair in zip(expected, (before, after)))


def windows(task):
    """(steps of a row, whether each row goes on where it ended)."""
    (before, values), (following, _) = batches(task, 2)
    return before.shape[1], np.array_equal(values[:, -1], following[:, 0])


def steps_ahead(task):
    """How far the forecasts of an evaluation go, and where the last begins."""
    origins, horizon = task.origins("test")
    return horizon, int(origins[-1])


BASE = {
    "data.files": ["table.csv"],
    "data.columns": [],
    "data.date": "year",
    "data.transform": "none",
    "data.split": [0.6, 0.2, 0.2],
    "data.window": 6,
    "data.horizon": 3,
    "model.cell": "lstm",
    "model.units": 4,
    "model.layers": 1,
    "model.components": 2,
    "model.dropout": 0.0,
    "model.recurrent_dropout": 0.0,
    "model.layer_normalisation": False,
    "model.residual": False,
    "training.batch_size": 2,
    "training.precision": "float32",
}

ROWS = {
    "data.files": [
        Row(batches, ["other.csv"]),
        Row(bounds, ["table.csv", "other.csv"], becomes([(0, 72), (72, 96), (96, 120)]), {"data.date": None}),
    ],
    "data.columns": [Row(columns, ["c", "a"], becomes((["c", "a"], 2)))],
    "data.date": [
        Row(dates, None, lambda before, after: before == ["1900", "5381"] and after is None),
        Row(columns, None, becomes((["year", "a", "b", "c"], 4))),
    ],
    "data.transform": [
        Row(scaled, "log", is_log),
        Row(scaled, "sqrt"),
    ],
    "data.split": [Row(bounds, [0.5, 0.1, 0.4], becomes([(0, 30), (30, 36), (36, 60)]))],
    "data.window": [Row(windows, 9, becomes((9, True)))],
    "data.horizon": [Row(steps_ahead, 5, becomes((5, STEPS - 5)))],
    "model.cell": [
        Row(parameters, "gru", grows(3 * 4 * (3 + 4 + 2) - 4 * 4 * (3 + 4 + 1))),
        Row(parameters, "simple_rnn", grows((1 - 4) * 4 * (3 + 4 + 1))),
    ],
    "model.units": [Row(parameters, 6, grows(4 * 6 * (3 + 6 + 1) - 4 * 4 * (3 + 4 + 1) + 2 * 2 * 7))],
    "model.layers": [Row(parameters, 2, grows(4 * 4 * (4 + 4 + 1)))],
    "model.components": [Row(parameters, 3, grows((4 + 1) * 7))],
    "model.dropout": [Row(noise, 0.5, only_after)],
    "model.recurrent_dropout": [Row(noise, 0.5, only_after)],
    "model.layer_normalisation": [Row(parameters, True, grows(2 * 4))],
    "model.residual": [Row(outputs, True, given={"model.layers": 2})],
    "training.seed": [Row(batches, 1)],
    "training.batch_size": [Row(rows_of_batch, 4, becomes(4))],
    "training.precision": [Row(outputs, "mixed_bfloat16")],
}
TABLE = Table(kerasapp.Series, BASE, ROWS)


@pytest.mark.parametrize("key", TABLE.keys())
def test_every_setting_acts(key):
    TABLE.check(key)


def test_all_rows_are_of_settings():
    assert not TABLE.unknown()


def test_a_setting_without_a_row_is_told():
    with pytest.raises(pytest.fail.Exception, match=r"no row for data\.split"):
        Table(kerasapp.Series, BASE, {}).check("data.split")
