"""The data report of series of numbers."""

from collections.abc import Sequence

import numpy as np

from pipelines.data_report import DataReport, percent
from pipelines.series import SeriesCorpus, commonest
from pipelines.splits import SPLITS

_STEPS = 6  # steps of an example
_COLUMNS = 3  # columns of an example


def report(corpus: SeriesCorpus, files: Sequence[str]) -> DataReport:
    """What was read: steps, columns, dates; and what may be wrong with them.

    Args:
        files: the names of the files.
    """
    found, table, values = DataReport("series"), corpus.table, corpus.values
    found.read |= {"steps": len(values), "columns": len(table.columns), "files": list(files)}
    if table.dates:
        found.read |= {"first date": table.dates[0], "last date": table.dates[-1]}
        going_on = table.dates.following(1)
        found.read["next date"] = going_on[0] if going_on else "not known: uneven dates"
    count = len(table.columns) + len(table.unused)
    for name in table.unused:
        found.drop(None, 1, count, "columns", f"{name} is not in data.columns")
    for split in filter(corpus.sizes.get, SPLITS):
        start, end = corpus.bounds[split]
        row = {"steps": end - start}
        if table.dates:
            row |= {"from": table.dates[start], "to": table.dates[end - 1]}
        found.tables.setdefault("splits", {})[split] = row
    for name, column in zip(table.columns, values.T, strict=True):
        found.tables.setdefault("columns", {})[name] = {
            "least": float(column.min()),
            "median": float(np.median(column)),
            "largest": float(column.max()),
            "missing": 0,  # a missing value is refused
            "most frequent": percent(commonest(column)[1] / len(column)),
        }
    found.warnings += corpus.remarks()
    found.examples += _examples(corpus)
    return found


def _examples(corpus: SeriesCorpus) -> list[str]:
    """The first scaled values of two places of the first split."""
    split = next(filter(corpus.sizes.get, SPLITS))
    scaled, (start, _) = corpus.split(split), corpus.bounds[split]
    found = []
    for at in sorted({0, len(scaled) // 2}):
        rows = scaled[at : at + _STEPS]
        place = corpus.table.dates[start + at] if corpus.table.dates else f"step {start + at + 1}"
        columns = zip(corpus.table.columns[:_COLUMNS], rows.T, strict=False)
        shown = [f"{name} {' '.join(f'{value:.3g}' for value in column)}" for name, column in columns]
        found.append(f"from {place} on, scaled: {'; '.join(shown)}")
    return found
