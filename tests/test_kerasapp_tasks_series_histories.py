"""Files of histories for a model of series."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from kerasapp.tasks.series import histories
from pipelines.errors import DataError
from pipelines.scaling import Scaling

DATED = "day,a\n2024-01-30,1\n2024-01-31,3\n"


def model(date="day"):
    scaling = Scaling(("a",), "none", [2.0], [1.0])
    return SimpleNamespace(tokenizer=scaling, config=SimpleNamespace(data=SimpleNamespace(date=date)))


def test_the_column_of_the_dates_is_that_of_the_run_or_the_one_named(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text(DATED)
    assert list(histories.read(model(), path).dates) == ["2024-01-30", "2024-01-31"]
    assert histories.read(model(None), path).dates is None
    assert list(histories.read(model(None), path, "day").dates) == ["2024-01-30", "2024-01-31"]
    assert capsys.readouterr().err == ""
    with pytest.raises(DataError, match="no column 'month'"):
        histories.read(model(), path, "month")


def test_a_file_without_the_runs_dates_is_read_with_a_note(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n3\n")
    table = histories.read(model(), path)
    assert table.dates is None and table.values.tolist() == [[1], [3]]
    assert capsys.readouterr().err == f"{path}: no column 'day' of dates; steps are numbered\n"


@pytest.mark.parametrize("text", [DATED, "a\n1\n3\n"])
def test_a_pipe_is_read_once(text):
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    try:
        table = histories.read(model(), f"/dev/fd/{reader}")  # what a shell gives for <(zcat a.csv.gz)
    finally:
        os.close(reader)
    np.testing.assert_array_equal(table.values, [[1], [3]])


def test_a_history_far_from_the_training_is_told(tmp_path, capsys):
    path = tmp_path / "a.csv"
    for last, told in ((22, 0), (23, 1), (-4e6, 1)):
        path.write_text(f"a\n1\n{last}\n")
        histories.read(model(None), path)
        err = capsys.readouterr().err
        assert err.count("deviations from the mean of the training: a forecast from there") == told
        assert not told or err.startswith(f"{path}: column a: the last value, {last:.10g}, is ")
