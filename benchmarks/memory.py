"""How long do SimpleRNN, GRU, LSTM and attention remember? The tests of adding and of copying.

    python benchmarks/memory.py [--seeds 3] [--lags 10 30 100 200 400] [--steps 1500] [--fresh]

Every cell has the same number of weights and a fresh model for each test, lag and seed; memory_tasks.py has
the tests and the models. Training: Adam, gradients clipped to a norm of 1, batches of 32 new sequences, at
most `--steps` of them (three times as many for a SimpleRNN, which learns slowly). It ends early when 99.5% of
the answers for 256 new validation sequences are right, three times in a row. A lag is SOLVED if then 99% of
the answers for 1,000 held-out sequences are right: a sum within 4% of its range (0.08), as in the 1997 paper,
or a symbol. A seed that has not solved a lag does not try longer ones.

Runs are kept in memory.json in the figures' folder: a stopped call is resumed, and a second call only draws;
`--fresh` starts again. The results are in docs/memory.md.
"""

import argparse
import concurrent.futures
import itertools
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras
import tensorflow as tf
from memory_figures import draw, remembered
from memory_tasks import BUDGET, CELLS, TESTS, build, count, reach, units_within

BATCH, VALIDATION, HELD_OUT = 32, 256, 1000
COST_LAG = 100
EVERY, IN_A_ROW = 25, 3  # steps between validations, and good validations in a row that end training
ENOUGH, SOLVED = 0.995, 0.99  # shares of right answers: of a good validation, and of a solved lag


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="runs per cell and lag (default: 3)")
    parser.add_argument("--lags", type=int, nargs="+", default=[10, 30, 100, 200, 400])
    parser.add_argument("--steps", type=int, default=1500, help="training steps at most (default: 1500)")
    parser.add_argument("--tests", nargs="+", default=list(TESTS), choices=list(TESTS))
    parser.add_argument("--cells", nargs="+", default=list(CELLS), choices=list(CELLS))
    parser.add_argument(
        "--figures", type=Path, default=Path("docs/figures"), help="folder (default: docs/figures)"
    )
    parser.add_argument("--language", default="en", choices=["en", "zh"], help="of the figures")
    parser.add_argument("--processes", type=int, default=2, help="with one thread each (default: 2)")
    parser.add_argument("--fresh", action="store_true", help="forget the runs in memory.json")
    args = parser.parse_args()
    args.figures.mkdir(parents=True, exist_ok=True)
    kept = args.figures / "memory.json"
    stored = [] if args.fresh or not kept.exists() else json.loads(kept.read_text())
    runs = [run for run in stored if run["steps_at_most"] == args.steps]
    others = [run for run in stored if run not in runs]
    started = time.monotonic()
    for run in remaining(runs, args):
        runs.append(run)
        save(kept, others + runs)
        minutes = (time.monotonic() - started) / 60
        print(f"{minutes:5.1f} min  {words(run)}", file=sys.stderr, flush=True)
    wanted = set(keys(args))
    runs = sorted(
        (run for run in runs if key(run) in wanted), key=lambda run: list(keys(args)).index(key(run))
    )
    one_thread()
    show(runs, args.lags)
    draw(runs, args.figures, args.language)


def key(run):
    return run["test"], run["cell"], run["seed"], run["lag"]


def keys(args):
    return itertools.product(args.tests, args.cells, range(args.seeds), sorted(args.lags))


def remaining(runs, args):
    """Makes the runs that `runs` lacks, several at a time; yields each one, to be added to `runs`."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(args.processes, context, initializer=one_thread) as pool:
        begun = {}
        while True:
            waiting = [ready for ready in turns(runs, args) if ready not in begun.values()]
            for ready in waiting[: args.processes - len(begun)]:
                begun[pool.submit(learn, *ready, args.steps)] = ready
            if not begun:
                return
            done, _ = concurrent.futures.wait(begun, return_when="FIRST_COMPLETED")
            for future in done:
                yield future.result()
                del begun[future]


def turns(runs, args):
    """Keys of the runs to make next: the shortest lag left of each seed that solved the shorter ones."""
    solved = {key(run): run["right"] >= SOLVED for run in runs}
    chains = itertools.groupby(keys(args), key=lambda k: k[:3])
    following = [next((k for k in chain if not solved.get(k)), None) for _, chain in chains]
    return sorted((k for k in following if k and k not in solved), key=lambda k: k[2])


def one_thread():
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def learn(test_name, cell_name, seed, lag, steps, budget=BUDGET):
    """One run: a dict of its key, its steps, the share of right answers, the loss and the CPU time.

    The first seed of adding has "gradient", too; see `reach`.
    """
    started, test, cell = time.process_time(), TESTS[test_name], CELLS[cell_name]
    model = build(cell, test, lag, seed, budget)
    train, validation, held_out = (np.random.default_rng([seed, lag, part]) for part in range(3))
    step = trainer(model, test, cell.rate)
    answer = tf.function(model, reduce_retracing=True)
    good = 0
    for taken in range(1, cell.patience * steps + 1):
        step(*test.make(train, BATCH, lag))
        if taken % EVERY == 0:
            sequences, targets = test.make(validation, VALIDATION, lag)
            good = good + 1 if np.mean(test.right(answer(sequences).numpy(), targets)) >= ENOUGH else 0
        if good == IN_A_ROW:
            break
    seconds = time.process_time() - started
    sequences, targets = test.make(held_out, HELD_OUT, lag)
    answers = answer(sequences)
    run = {
        "test": test_name,
        "cell": cell_name,
        "seed": seed,
        "lag": lag,
        "right": round(float(np.mean(test.right(answers.numpy(), targets))), 4),
        "loss": round(float(test.loss(answers, targets)), 5),
        "steps": taken,
        "steps_at_most": steps,
        "training_cpu_seconds": round(seconds, 1),
    }
    if test_name == "adding" and seed == 0:
        run["gradient"] = [float(f"{g:.3g}") for g in reach(model, test, lag)]
    return run | {"cpu_seconds": round(time.process_time() - started, 1)}


def trainer(model, test, rate):
    """A function that trains one step on a batch."""
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=1.0)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(sequences, targets):
        with tf.GradientTape() as tape:
            loss = test.loss(model(sequences, training=True), targets)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)

    return step


def show(runs, lags):
    """Prints tables: the lags solved, and the size and speed of the models."""
    console = Console(width=110)
    table = Table("test", "cell", *(f"lag {lag}" for lag in sorted(lags)), "each seed, up to")
    for row in outcomes(runs, lags):
        table.add_row(*row)
    sizes = Table("cell", "units: adding, copying", "weights", f"CPU ms per training step, lag {COST_LAG}")
    for name in dict.fromkeys(run["cell"] for run in runs):
        units = [units_within(CELLS[name], test) for test in TESTS.values()]
        weights = [count(CELLS[name], *pair) for pair in zip(TESTS.values(), units)]
        sizes.add_row(name, *(", ".join(map(str, pair)) for pair in (units, weights)), f"{cost(name):.0f}")
    console.print(
        table, "Seeds that solved, of those that tried; their mean share of right answers.\n", sizes
    )
    console.print(f"CPU time of these runs: {sum(run['cpu_seconds'] for run in runs) / 60:.1f} minutes")


def outcomes(runs, lags):
    """A row of texts per test and cell."""
    rows = []
    for test, cell in dict.fromkeys((run["test"], run["cell"]) for run in runs):
        of_cell = [run for run in runs if (run["test"], run["cell"]) == (test, cell)]
        entries = []
        for lag in sorted(lags):
            rights = [run["right"] for run in of_cell if run["lag"] == lag]
            solved = sum(right >= SOLVED for right in rights)
            left = "-" if entries and entries[-1][0] in "0-" else "not run"  # "-": a shorter lag failed
            entries.append(f"{solved} of {len(rights)} ({np.mean(rights):.1%})" if rights else left)
        rows.append([test, cell, *entries, " / ".join(map(str, remembered(of_cell)))])
    return rows


def cost(cell_name, steps=10):
    """CPU milliseconds per training step, in adding."""
    test, cell = TESTS["adding"], CELLS[cell_name]
    step = trainer(build(cell, test, COST_LAG, 0), test, cell.rate)
    batch = test.make(np.random.default_rng(0), BATCH, COST_LAG)
    step(*batch)  # traces
    started = time.process_time()
    for _ in range(steps):
        step(*batch)
    return 1000 * (time.process_time() - started) / steps


def words(run):
    """A run as a line."""
    solved = "solved" if run["right"] >= SOLVED else ""
    name = f"{run['test']}, {run['cell']}, lag {run['lag']}, seed {run['seed']}:"
    return f"{name:50} {run['right']:6.1%} in {run['steps']:4} steps, {run['cpu_seconds']:5.1f} s {solved}"


def save(path, runs):
    """Writes one run per line, to a temporary file that is then renamed."""
    draft = path.with_suffix(".tmp")
    draft.write_text("[\n" + ",\n".join(json.dumps(run) for run in runs) + "\n]\n")
    draft.replace(path)


if __name__ == "__main__":
    main()
