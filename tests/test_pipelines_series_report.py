"""The data report of a series: steps, dates, columns."""

import numpy as np

from pipelines.series import prepare
from pipelines.series_report import report


def test_columns_dates_and_what_is_not_used(write):
    rows = [f"2020-{month:02d},{month % 5 * 10},7,{'1' if month < 3 else '2'}" for month in range(1, 13)]
    rows += [row.replace("2020", "2021") for row in rows]
    path = write("month,load,other,mostly\n" + "\n".join(rows) + "\n", "load.csv")
    corpus = prepare([path], date="month", columns=["load", "mostly"], split=(0.5, 0.25, 0.25), minimum=2)
    data = report(corpus, ["load.csv"])
    assert data.read == {
        "steps": 24, "columns": 2, "files": ["load.csv"], "first date": "2020-01", "last date": "2021-12",
        "next date": "2022-01",
    }  # fmt: skip
    assert data.tables["splits"]["valid"] == {"steps": 6, "from": "2021-01", "to": "2021-06"}
    load = data.tables["columns"]["load"]
    assert (load["least"], load["largest"], load["missing"]) == (0, 40, 0)
    assert data.tables["columns"]["mostly"]["most frequent"] == "83%"
    assert [row["reason"] for row in data.dropped] == ["other is not in data.columns"]
    (warning,) = data.warnings
    assert warning.startswith("column mostly: 6 of the 6 values of the test split are 2")
    scaled = [float(word) for word in data.examples[0].split("load ")[1].split(";")[0].split()]
    np.testing.assert_allclose(scaled, corpus.split("train")[:6, 0], rtol=1e-2)
    assert data.examples[1].startswith("from 2020-07 on, scaled: load ")


def test_numbers_of_a_high_level_are_told_apart(write):
    path = write("meter\n" + "".join(f"{2_000_000_000 + 7 * i % 40}\n" for i in range(80)), "meter.csv")
    told = "\n".join(report(prepare([path], minimum=2), ["meter.csv"]).lines())
    assert "2,000,000,000.0" in told and "2,000,000,039.0" in told
