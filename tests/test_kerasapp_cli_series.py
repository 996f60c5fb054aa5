"""`kerasapp forecast` and what is around it, as a user calls them, on a tiny trained model."""

import csv
import io
import json
import urllib.request

import contract
import numpy as np
import pytest
from embedded import serving

import kerasapp
from kerasapp.cli import run


def table(text):
    """CSV text as (names of the columns, names of the steps, values [steps, columns])."""
    header, *rows = csv.reader(io.StringIO(text))
    return header, [row[0] for row in rows], np.array([row[1:] for row in rows], float)


def test_forecast_goes_on_from_the_models_data(wave_run, capsys):
    words = ["forecast", str(wave_run), "--horizon", "3", "--samples", "30", "--seed", "4"]
    assert run(words) == 0
    text = capsys.readouterr().out
    header, steps, values = table(text)
    assert header[:3] == ["date", "level_mean", "level_q05"] and header[-1] == "flow_q95"
    assert steps == ["2025-02-04", "2025-02-05", "2025-02-06"]  # 400 days from the first of 2024
    forecaster = kerasapp.load(wave_run)
    history = forecaster.task.corpus.table.values
    (expected,) = forecaster.forecast([history], horizon=3, samples=30, seed=4)
    np.testing.assert_allclose(values[:, 0], expected.mean[:, 0], rtol=1e-4)
    np.testing.assert_allclose(values[:, 9:], expected.quantiles[:, 1], rtol=1e-4)
    assert run(words) == 0 and capsys.readouterr().out == text


def test_files_of_a_history_of_its_own(wave_run, wave_file, tmp_path, capsys):
    history = tmp_path / "short.csv"
    rows = wave_file.read_text().splitlines()[:21]
    history.write_text("\n".join(",".join(row.split(",")[::-1]) for row in rows))  # columns in another order
    output, plot = tmp_path / "out.csv", tmp_path / "out.png"
    assert run(["forecast", str(wave_run), "--history", str(history), "--output", str(output),
                "--plot", str(plot), "--samples", "10"]) == 0  # fmt: skip
    assert capsys.readouterr().out == ""
    header, steps, values = table(output.read_text())
    assert header[0] == "date" and values.shape == (24, 16)  # the run knows the column of the dates
    assert steps[:12] == [f"2024-01-{day}" for day in range(21, 32)] + ["2024-02-01"]
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_steps_without_dates_are_numbered_and_told(wave_run, tmp_path, capsys):
    history = tmp_path / "history.csv"
    for content, told in (
        ("level,flow\n20,5\n21,6\n", f"{history}: no column 'day' of dates; steps are numbered"),
        ("day,level,flow\n2024-01-01,20,5\n2024-01-02,21,6\n2024-01-04,22,7\n", "the dates follow no rule"),
    ):
        history.write_text(content)
        assert run(["forecast", str(wave_run), "--history", str(history), "--horizon", "2"]) == 0
        found = capsys.readouterr()
        count = content.count("\n")
        assert table(found.out)[0][0] == "step" and table(found.out)[1] == [str(count), str(count + 1)]
        assert told in found.err
    history.write_text("level,flow\n20,5\n-1,6\n")
    assert run(["forecast", str(wave_run), "--history", str(history)]) == 2
    assert f"{history}: column level: -1, and the transform sqrt takes 0 or above" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--horizon", "0"], "is not a whole number from 1 to 10000"),
        (["--history", "none.csv"], "none.csv: no such file"),
        (["--date", "day"], "--date: goes with --history"),
        (["--plot", "none/a.png"], "there is no folder none"),
        (["--history", "{wave}", "--output", "{wave}"], "is the file of --history and would be lost"),
    ],
)
def test_wrong_flags_are_one_line(wave_run, wave_file, words, message, capsys):
    assert run(["forecast", str(wave_run), *(word.format(wave=wave_file) for word in words)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_server_needs_a_history(capsys):
    assert run(["forecast", "--server", "127.0.0.1:1"]) == 2
    assert "--history: required" in capsys.readouterr().err


def test_evaluate_and_its_parts(wave_run, capsys):
    assert run(["evaluate", str(wave_run), "--split", "valid", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["split"] == "valid" and figures["items"] == 160
    assert {"nats_per_value", "crps", "coverage_90"} <= set(figures)
    assert run(["evaluate", str(wave_run), "--data.transform", "log"]) == 2
    assert 'the model has its own ("sqrt")' in capsys.readouterr().err


def test_an_export_answers_without_kerasapp(wave_export):
    vectors = json.loads((wave_export / "1/assets.extra/kerasapp/vectors.json").read_text())
    for answer, vector in zip(
        contract.answers_without_kerasapp(wave_export / "1", vectors), vectors, strict=True
    ):
        contract.check_same_outputs(answer, vector["outputs"])


@pytest.fixture(scope="module")
def served(wave_export):
    with serving(wave_export.parent) as addresses:
        yield addresses


def test_a_server_gives_the_local_forecast(wave_export, served, wave_file, tmp_path, capsys):
    """Over REST and gRPC; over REST the model's name may be left out, as there is one."""
    history = tmp_path / "history.csv"
    history.write_text("\n".join(wave_file.read_text().splitlines()[:50]))
    words = ["--history", str(history), "--date", "day", "--horizon", "3", "--samples", "20"]
    assert run(["forecast", str(wave_export), *words]) == 0
    local = table(capsys.readouterr().out)
    for named in (["--server", served["rest"]], ["--server", served["grpc"], "--model", "wave"]):
        assert run(["forecast", *named, *words]) == 0
        found = table(capsys.readouterr().out)
        assert found[:2] == local[:2]
        np.testing.assert_allclose(found[2], local[2], rtol=1e-4)


def test_the_default_signature_takes_rows(served):
    """As `kerasapp quickstart series` asks; the padding of a short row is any number."""
    long = {"history": [[20.0, 5.0], [21.0, 5.5]], "lengths": 2}
    rows = [long, {"history": [[20.0, 5.0], [9, 9]], "lengths": 1}]
    found = []
    for instances in (rows, rows[1:]):
        url = f"http://{served['rest']}/v1/models/wave:predict"
        with urllib.request.urlopen(url, json.dumps({"instances": instances}).encode()) as response:
            found.append(json.load(response)["predictions"])
    (_, padded), (alone,) = found
    assert np.shape(alone["mean"]) == (24, 2) and alone["steps"] == 24
    np.testing.assert_allclose(padded["mean"], alone["mean"], rtol=1e-4)
