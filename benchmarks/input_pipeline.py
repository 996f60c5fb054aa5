"""Does training wait for its input? Seconds per step with the pipeline, and with batches in memory.

    python benchmarks/input_pipeline.py runs/digits

Takes any run of any task. Both ways train on the same batches with the settings of `kerasapp train`, in
turns, in one process; the table has medians over the rounds. If the ratio is near 1, training does not wait
for its input. "Alone" is the pipeline without training. For synthesis the table also has spectrogram frames
per second, without padding.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

import kerasapp
from kerasapp import threads
from kerasapp.training.optimizer import make_optimizer
from pipelines.speech.clips import PADDING


def compiled(task) -> object:
    """A fresh model, compiled as in `kerasapp train`."""
    model = task.build(training=True)
    model.compile(optimizer=make_optimizer(task.config.training), loss=task.loss(), jit_compile=False)
    return model


def in_memory(task, steps: int) -> tf.data.Dataset:
    """The first batches of training, as a dataset that computes nothing."""
    data = task.training_data().take(steps).cache()
    for _ in data:  # fills the cache
        pass
    return data


def real_frames(batches: tf.data.Dataset) -> int:
    """Frames of a dataset's spectrograms, without padding; 0 for a task without spectrograms."""
    count = 0
    for _, targets in batches:
        if isinstance(targets, dict) and "mel_out" in targets:
            count += int(np.sum(np.any(targets["mel_out"].numpy() != PADDING, axis=-1)))
    return count


def timed(work, steps: int) -> float:
    """Seconds per step of one round."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", help="a run folder")
    parser.add_argument("--steps", type=int, default=20, help="steps per round (default: 20)")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    options = parser.parse_args()

    threads.run_side_by_side()
    task = kerasapp.load(options.run).task
    task.prepare()
    model, cached = compiled(task), in_memory(task, options.steps)

    def pipeline():
        return task.training_data().take(options.steps)

    ways = {
        "training, pipeline": lambda: model.fit(pipeline(), verbose=0),
        "training, batches in memory": lambda: model.fit(cached, verbose=0),
        "pipeline alone": lambda: sum(1 for _ in pipeline()),
    }
    seconds = {name: [] for name in ways}
    for turn in range(options.rounds + 1):  # the first one traces
        for name, work in ways.items():
            spent = timed(work, options.steps)
            if turn:
                seconds[name].append(spent)

    frames = real_frames(cached) / options.steps
    columns = ["", "ms per step", "ratio to in memory"] + ["frames per second"] * bool(frames)
    table = Table(*columns, title=f"{options.run}: {options.rounds} rounds of {options.steps} steps")
    base = statistics.median(seconds["training, batches in memory"])
    for name, values in seconds.items():
        median = statistics.median(values)
        cells = [name, f"{1000 * median:,.0f}", f"{median / base:.3f}"]
        table.add_row(*cells, *([f"{frames / median:,.0f}"] if frames else []))
    Console().print(table)


if __name__ == "__main__":
    main()
