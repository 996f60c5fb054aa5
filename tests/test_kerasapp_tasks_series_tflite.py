"""The bundle of series: built-in operations alone, and the small runtime gives the servable's forecasts."""

import json

import numpy as np
import pytest
import tensorflow as tf

import kerasapp
from kerasapp import spec
from kerasapp.cli import run
from kerasapp.decoding.sampling import derived, uniform
from kerasapp.export.tflite_file import require_builtin
from kerasapp.verify import held_out, inputs, outcomes, worker
from kerasapp.verify.comparison import compare
from kerasapp_lite import sampling, series
from kerasapp_lite.bundle import Bundle


@pytest.fixture(scope="module")
def version(wave_bundle):
    return wave_bundle.parent


def test_no_file_has_another_operation(wave_bundle):
    for precision in ("float32", "dynamic"):
        content = (wave_bundle / f"{precision}.tflite").read_bytes()
        assert "FULLY_CONNECTED" in require_builtin(content, precision)


def test_the_small_runtime_answers_the_vectors(wave_bundle):
    vectors = json.loads((wave_bundle / "vectors.json").read_text())["vectors"]
    forecaster = series.Forecaster(Bundle(wave_bundle, "float32", "series"))
    assert len(vectors["requests"]) == 3
    for request in vectors["requests"]:
        knobs = dict(request["inputs"])
        assert len(knobs["history"]) == knobs.pop("lengths")
        found, tolerance = forecaster.forecast(**knobs), vectors["tolerance"]["values"]
        mean, quantiles = (np.array(request["outputs"][name]) for name in ("mean", "quantiles"))
        band = (quantiles[:, :, -1] - quantiles[:, :, 0]).max(axis=0)  # [columns]
        assert np.all(np.abs(found.mean - mean) <= tolerance * band)
        assert np.all(np.abs(found.quantiles - quantiles) <= tolerance * band[:, np.newaxis])
    with pytest.raises(ValueError, match="history: must be 0 or above"):
        forecaster.forecast([[-1.0, 2.0]])


def test_seeds_of_paths_are_those_of_the_servable():
    seeds, numbers = np.array([0, 7, -3], np.int32), np.arange(5, dtype=np.int32)
    found = derived(tf.constant(seeds), tf.constant(numbers)).numpy().view(np.uint32)
    expected = [[sampling.derived(int(seed), int(number)) for number in numbers] for seed in seeds]
    np.testing.assert_array_equal(found, expected)
    again = uniform(tf.constant(found[1].view(np.int32)), tf.constant(numbers)).numpy()
    np.testing.assert_array_equal(
        again, [[sampling.uniform(seed, place) for place in range(5)] for seed in expected[1]]
    )


def test_what_verify_asks_of_a_series(version):
    """The same in this process: held-out histories through Keras and through the file for phones."""
    found = list(held_out.find(version, 3, 4))[-1]
    assert found["split"] == "test" and found["missing"] is None and len(found["texts"]) == 3
    asked = zip(found["texts"], found["references"], strict=True)
    items = [inputs.main_item("series", text, "held-out", came, horizon=4) for text, came in asked]
    assert "200 steps" in items[0].shown
    answer = kerasapp.load(version).servable.forecast(**inputs.columns(items))
    keras = outcomes.outcomes(
        "series", "forecast", {name: value.numpy() for name, value in answer.items()}, 3
    )
    small = [worker.open_bundle(version / "tflite", "float32")([item])[1][0] for item in items]
    row = compare(items, small, keras)
    assert row["equal"] == 1.0 and row["first_difference"] is None
    figures = spec.spec("series").load("verify").figures(list(zip(items, small, keras, strict=True)))
    assert figures["forecasts"] == 3 and 0 < figures["pinball"] < 3


def test_the_vectors_of_an_export_and_of_a_bundle_are_read(version):
    stored = inputs.vectors(version, "series")
    assert [item.signature for item in stored] == ["forecast"] * 3 + ["score"] * 3
    assert [item.expected.count for item in stored[:3]] == [12, 5, 1]
    found, broken = inputs.bundle_vectors(version / "tflite", "series")
    assert broken is None and len(found) == 3
    history = inputs.columns(found[:1])["history"]  # of no steps, and its width is known
    assert found[0].inputs["lengths"] == 0 and history.shape == (1, 1, 2)
    for one, other in zip(found, stored, strict=False):
        np.testing.assert_allclose(one.expected.numbers["mean"], other.expected.numbers["mean"], rtol=1e-4)


@pytest.mark.slow
def test_all_runtimes_hold(version, capsys):
    assert run(["verify", str(version), "--items", "12", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] and report["runtimes"]["tflite_float32"]["items"] >= 3
