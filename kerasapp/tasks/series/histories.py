"""Files of histories for a model that is there: its columns, and the dates of its data."""

import numpy as np

from kerasapp.errors import note
from pipelines import tables
from pipelines.series import check_distance, check_values

FAR = 20  # deviations from the mean of the training, where a network has seen no values


def read(task, path, date=None):
    """The `Table` of a file with the columns of a model.

    Args:
        task: the `Series` task.
        path: a CSV file.
        date: the column of the dates. None for the one that the run names (data.date), if the file has it.

    Raises: DataError for a file that the model cannot read; it names line and column.
    """
    named = task.config.data.date
    table = tables.read([path], task.tokenizer.columns, date or named, may_lack_dates=date is None)
    if date is None and named is not None and table.dates is None and len(table.values):
        note(f"{path}: no column {named!r} of dates; steps are numbered")
    check_values(table, task.tokenizer.transform, path)
    check_distance(table, task.tokenizer, path)
    if not len(table.values):  # who needs steps says so
        return table
    last = np.abs(task.tokenizer.scaled(table.values[-1:]).numpy()).reshape(-1)
    for name, value, away in zip(table.columns, table.values[-1:].reshape(-1), last, strict=True):
        if away > FAR:
            note(
                f"{path}: column {name}: the last value, {value:.10g}, is {away:,.0f} deviations from the"
                " mean of the training: a forecast from there says little"
            )
    return table
