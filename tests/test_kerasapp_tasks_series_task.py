"""The servable and the predictor of series: batches, seeds, scores, figures; on a tiny trained model."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from tiny import SERIES

import kerasapp
from kerasapp.cli import run
from kerasapp.export import saved_model
from kerasapp.tasks.series.answers import QUANTILES
from kerasapp.tasks.series.metrics import crps
from kerasapp.tasks.series.model import log_density, mixture
from kerasapp.training.callbacks import NumberGuard


@pytest.fixture(scope="module")
def forecaster(wave_run):
    return kerasapp.load(wave_run)


@pytest.fixture(scope="module")
def values(forecaster):
    return forecaster.task.corpus.values


def test_a_forecast_is_the_same_alone_and_in_any_batch(forecaster, values):
    histories = [values[:0], values[:1], values[:70], values[:64], values[:150], values[5:20]]
    knobs = {
        "horizon": [5, 9, 1, 7, 9, 2],
        "samples": [20, 1, 50, 33, 20, 7],
        "seed": [0, 1, -5, 1, 0, 2**31 - 1],
    }
    together = forecaster.forecast(histories, **knobs)
    for i, history in enumerate(histories):
        (alone,) = forecaster.forecast([history], **{name: [column[i]] for name, column in knobs.items()})
        assert alone.mean.shape == (knobs["horizon"][i], 2) and alone.quantiles.shape[2] == len(QUANTILES)
        np.testing.assert_allclose(alone.mean, together[i].mean, rtol=1e-4)
        np.testing.assert_allclose(alone.quantiles, together[i].quantiles, rtol=1e-4)


def test_what_stands_in_the_padding_is_not_looked_at(forecaster, values):
    history = np.stack([values[:30], values[:30]])
    history[1, 20:] = np.nan
    knobs = [tf.constant([value] * 2) for value in (4, 10, 3)]
    given = forecaster.servable.forecast(history, tf.constant([20, 20]), *knobs)
    np.testing.assert_array_equal(given["mean"][0], given["mean"][1])


def test_another_seed_is_another_forecast_of_the_same_kind(forecaster, values):
    one, same, other = forecaster.forecast([values[:90]] * 3, samples=500, seed=[1, 1, 2])
    np.testing.assert_allclose(one.mean, same.mean, rtol=1e-5)
    assert np.all(one.mean != other.mean)
    np.testing.assert_allclose(one.mean, other.mean, rtol=0.2)
    assert np.all(np.diff(one.quantiles, axis=-1) >= 0) and np.all(one.quantiles >= 0)


def test_the_first_step_has_the_distribution_that_prefill_gives(forecaster, values):
    """Its draws, put through the mixture's distribution function, are evenly spread."""

    history, lengths = values[np.newaxis, :80], tf.constant([80])
    knobs = (tf.constant([value]) for value in (1, 1000, 4))
    drawn = forecaster.servable.simulate(history, lengths, *knobs)["paths"][0, :, 0, :1]
    found = {name: value.numpy()[0] for name, value in forecaster.servable.prefill(history, lengths).items()}
    scaled = forecaster.servable.scaling.scaled(tf.concat([drawn, drawn], 1)).numpy()[:, :1]
    below = scipy.stats.norm.cdf(scaled, found["means"][:, 0], found["deviations"][:, 0])
    assert scipy.stats.kstest(below @ np.exp(found["log_weights"]), "uniform").pvalue > 0.01


def test_steps_give_what_prefill_gives(forecaster, values):
    servable, step = forecaster.servable, forecaster.servable.signatures()["step"]
    whole = servable.prefill(values[np.newaxis, :12], tf.constant([12]))
    found = servable.prefill(values[np.newaxis, :7], tf.constant([7]))
    for t in range(7, 12):
        states = {name: found[name] for name in servable.state_names}
        found = step(values=tf.constant(values[t : t + 1], tf.float32), **states)
    for name, value in whole.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5)


def test_a_score_is_the_sum_of_densities(forecaster, values):
    """Scaled by the network's own densities, unscaled by the derivative of the square root."""
    task, count = forecaster.task, 100
    scaled = task.tokenizer.scaled(tf.constant(values[:count]))
    before = np.concatenate([np.zeros([1, 2], np.float32), scaled[:-1]])
    density = log_density(mixture(forecaster.model(before[np.newaxis]), 2), scaled[np.newaxis])
    slope = np.log(0.5 / np.sqrt(values[:count] + 0.375) / np.array(task.tokenizer.deviation))
    expected = -(np.sum(density) + np.sum(slope))
    long, short = forecaster.score([values[:count], values[:10]])
    assert long["nats"] == pytest.approx(expected, rel=1e-4) and long["steps"] == 100
    assert forecaster.score([values[:10]])[0]["nats"] == pytest.approx(short["nats"], rel=1e-4)


def test_evaluation_goes_on_from_what_came_before(forecaster, values):
    figures = forecaster.evaluate("test")
    whole, before = forecaster.score([values, values[:320]])
    assert figures["items"] == 160  # 80 steps of two columns
    assert figures["nats_per_value"] == pytest.approx((whole["nats"] - before["nats"]) / 160, rel=1e-3)
    assert figures["horizon"] == 8 and figures["origins"] == 50
    # Better than a forecast of the training, whatever came before, and nearly as sure as it says.
    always = np.random.default_rng(0).choice(values[:240], 1000)

    assert figures["crps"] < 0.6 * np.mean([crps(always, seen).mean() for seen in values[320:]])
    assert 0.75 < figures["coverage_90"] <= 1.0 and figures["crps_first"] < figures["crps_last"]
    assert forecaster.evaluate("test") == figures


@pytest.mark.parametrize(
    ("history", "knobs", "message"),
    [
        ([[-1.0, 2.0]], {}, "history: must be 0 or above"),
        ([[np.inf, 2.0]], {}, "history: must be finite"),
        ([[1.0, 2.0]], {"lengths": 2}, "lengths: must be from 0"),
        ([[1.0, 2.0]], {"horizon": 0}, "horizon: must be from 1"),
        ([[1.0, 2.0]], {"samples": 1001}, "samples: must be from 1"),
    ],
)
def test_what_cannot_be_used_ends_a_request(forecaster, history, knobs, message):
    rows = {"lengths": 1, "horizon": 2, "samples": 3, "seed": 0} | knobs
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        forecaster.servable.forecast(np.float32([history]), *(tf.constant([row]) for row in rows.values()))


def test_wrong_knobs_and_histories_are_named(forecaster):
    with pytest.raises(ValueError, match="unknown: length"):
        forecaster.forecast([[[1.0, 2.0]]], length=3)
    with pytest.raises(ValueError, match="horizon: 0 is not a whole number from 1 to 10000"):
        forecaster.forecast([[[1.0, 2.0]]], horizon=0)
    with pytest.raises(ValueError, match="histories: expected arrays"):
        forecaster.forecast([np.zeros([3, 2]), np.zeros([3, 1])])
    with pytest.raises(
        ValueError, match=r"\[time, 2\], one per history, not \[2, 1\], \[2, 1\], \[2, 1\], ..."
    ):
        forecaster.forecast([[1.0, 2.0]] * 5)  # one history, without the list around it


def test_without_a_history_the_models_own_data_go_on(forecaster, values):
    (found,), (expected,) = forecaster.forecast(samples=5), forecaster.forecast([values], samples=5)
    np.testing.assert_array_equal(found.mean, expected.mean)


@pytest.mark.slow
def test_a_run_resumed_is_a_run_that_was_never_stopped(wave_file, tmp_path, monkeypatch):
    short = [*SERIES, "--training.steps", "12", "--training.steps_per_epoch", "6"]
    words = ["--data.files", str(wave_file), "--data.date", "day", *short]
    assert run(["train", "series", "--run", str(tmp_path / "whole"), *words]) == 0
    steps = iter(range(100))

    def stop(self, batch, logs=None):
        if next(steps) == 7:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(NumberGuard, "on_train_batch_end", stop)
        assert run(["train", "series", "--run", str(tmp_path / "part"), *words]) == 130
    assert run(["train", "series", "--run", str(tmp_path / "part")]) == 0
    models = [kerasapp.load(tmp_path / name).model.get_weights() for name in ("whole", "part")]
    for one, other in zip(*models, strict=True):
        np.testing.assert_array_equal(one, other)


def test_vectors_of_an_export_are_the_answers(forecaster):
    servable = forecaster.servable
    found = saved_model.vectors(servable, servable.example_requests())
    assert [vector["signature"] for vector in found] == ["forecast", "score"]
    assert np.shape(found[0]["outputs"]["quantiles"]) == (3, 12, 2, len(QUANTILES))
    assert found[0]["outputs"]["steps"] == [12, 5, 1]
    assert np.count_nonzero(np.array(found[0]["outputs"]["mean"])[2, 1:]) == 0
