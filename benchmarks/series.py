"""CRPS of a trained series model, of a seasonal-naive forecast and of exponential smoothing.

    python benchmarks/series.py [--runs FOLDER] [--preset sunspots] [--season 132] [--seeds 3]

Trains the preset with each seed unless FOLDER has that run. All forecast from the same steps of the test
split, with all values before; CRPS is computed as by `kerasapp evaluate`, from 200 paths. Needs statsmodels:
`pip install statsmodels==0.15.0`.

    seasonal naive   the value one season before, with errors sampled from those that it made in the past
    ETS              additive errors and a damped trend (Hyndman et al. 2008), fitted once to the values
    before the
                     test split, after the preset's transform. Without a season: in statsmodels it has a
                     parameter per step, and the sun's has no fixed length
"""

import argparse
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

import kerasapp
from kerasapp import api
from kerasapp.tasks.series.metrics import crps
from kerasapp.tasks.series.task import SAMPLES


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark-series"))
    parser.add_argument("--preset", default="sunspots")
    parser.add_argument("--season", type=int, default=132, help="steps per season (default: 132)")
    parser.add_argument("--seeds", type=int, default=3, help="models to train (default: 3)")
    args = parser.parse_args()
    task = kerasapp.Series(preset=args.preset)
    rows = {"seasonal naive": judged(task, lambda *known: seasonal_naive(*known, args.season))}
    rows["ETS, damped trend"] = judged(task, smoothing(task))
    for seed in range(args.seeds):
        run = trained(args.runs, args.preset, seed)
        figures = api.load(run).evaluate("test")
        keys = ("crps", "crps_first", "crps_last", "coverage_90", "nats_per_value")
        rows[f"kerasapp, seed {seed}"] = [figures[key] for key in keys]
    origins, horizon = task.origins("test")
    print(f"{args.preset}: test split, {len(origins)} origins, {horizon} steps ahead, {SAMPLES} paths\n")
    print("| forecast | CRPS | first step | last step | in 90% band | nats per value |")
    print("|---|---|---|---|---|---|")
    for name, (mean, first, last, inside, *nats) in rows.items():
        density = f"{nats[0]:.3f}" if nats else ""
        print(f"| {name} | {mean:.2f} | {first:.2f} | {last:.2f} | {inside:.1%} | {density} |")


def trained(folder, preset, seed):
    """The run of a preset with a seed."""
    run = folder / f"{preset}-{seed}"
    if not (run / "finished").exists():
        words = ["train", "series", "--preset", preset, "--run", str(run), "--training.seed", str(seed)]
        subprocess.run([sys.executable, "-m", "kerasapp", *words], check=True)
    return run


def judged(task, forecast):
    """CRPS of all steps ahead, of the first and of the last, and the share within the 90% band.

    forecast: function (values before [time], horizon, random generator) -> paths [samples, horizon].
    """
    values = task.corpus.table.values[:, 0]
    origins, horizon = task.origins("test")
    scores, inside = [], []
    for origin in origins:
        drawn = forecast(values[:origin], horizon, np.random.default_rng(int(origin)))
        seen = values[origin : origin + horizon]
        low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
        scores.append(crps(drawn, seen))
        inside.append((low <= seen) & (seen <= high))
    scores = np.array(scores)
    return [scores.mean(), scores[:, 0].mean(), scores[:, -1].mean(), np.mean(inside)]


def seasonal_naive(known, horizon, random, season):
    last = known[-season:]
    repeated = np.resize(last, horizon)
    errors = known[season:] - known[:-season]
    return np.maximum(repeated + random.choice(errors, [SAMPLES, horizon]), known.min())


def smoothing(task):
    """A forecast by exponential smoothing, after the task's transform."""
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    transform = task.config.data.transform
    forward, back = {
        "none": (lambda x: x, lambda x: x),
        "sqrt": (lambda x: np.sqrt(x + 3 / 8), lambda x: np.maximum(np.maximum(x, 0) ** 2 - 3 / 8, 0)),
        "log": (np.log, np.exp),
    }[transform]

    def model(known):
        return ETSModel(forward(known), error="add", trend="add", damped_trend=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # statsmodels warns of convergence
        start = task.corpus.bounds["test"][0]
        fitted = model(task.corpus.table.values[:start, 0]).fit(disp=False).params

    def forecast(known, horizon, random):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = model(known).smooth(fitted)
            drawn = state.simulate(
                horizon, anchor="end", repetitions=SAMPLES, rng=int(random.integers(2**31))
            )
        return back(np.asarray(drawn).reshape(horizon, SAMPLES).T)

    return forecast


if __name__ == "__main__":
    main()
