"""A model as TensorFlow Lite files, one per precision, each with all signatures.

The module that a task names for the stage "tflite" has these functions (see `kerasapp.tasks.series.tflite`):

    signatures(task, model, precision): name -> concrete function, of one row each.
    samples(task, model, functions): yields (signature, inputs name -> array) from the training data, by which
        int8 finds the ranges of its numbers.
    description(task, model): the task's own keys of the metadata.
    tokenizers(task): the vocabularies by name.
    vectors(servable): {"tolerance", "requests"}, requests and what a port has to answer, as JSON values.
"""

import collections
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasapp.errors import ConfigError
from kerasapp.export import tflite_worker
from kerasapp.export.precisions import QUANTISATION
from kerasapp.export.tflite_file import compact, engines, least_runtime, require_builtin


def convert(task, model, precisions, folder):
    """Writes `folder/PRECISION.tflite` for each precision.

    States, gates, attention, and the inputs and outputs of all signatures are float32 (see `QUANTISATION`).

    Args:
        task: the task that built the model.
        model: the serving model (see `Task.serving_model`).
        precisions: some of `kerasapp.export.precisions.PRECISIONS`.
        folder: an existing folder.

    Returns: (precision -> {"file", "ops", "quantisation", "least_runtime", "engines"},
        name of a signature -> its concrete function).
    Raises: ConfigError for an operation that is not built into TensorFlow Lite, for a converter that fails or
        crashes, and, for int8, for training data that cannot be read.
    """
    task.described().load("phone")  # an export is not published before its bundle has answered
    graphs, jobs = task.described().load("tflite"), {}
    for precision in precisions:
        functions = graphs.signatures(task, model, precision)
        samples = graphs.samples(task, model, functions) if precision == "int8" else ()
        jobs[precision] = functions, samples
    files = {}
    for precision, content in run_converter(jobs, _kind(task)).items():
        content = compact(content)
        ops = require_builtin(content, f"--tflite {precision}")
        (folder / f"{precision}.tflite").write_bytes(content)
        files[precision] = {
            "file": f"{precision}.tflite",
            "ops": ops,
            "quantisation": QUANTISATION[precision],
            "least_runtime": least_runtime(content),
            "engines": engines(content),
        }
    return files, functions


def run_converter(jobs, what):
    """The bytes of .tflite files.

    The converter runs in a separate process, because it can crash (tensorflow#101050, #75140).

    Args:
        jobs: precision -> (signatures, name -> concrete function; for int8 samples of inputs, an iterable of
            (signature, name -> array)).
        what: the kind of model, for errors.

    Returns: precision -> bytes.
    Raises: ConfigError that names the precision and `what`.
    """
    with tempfile.TemporaryDirectory(prefix="kerasapp-tflite-") as folder:
        folders = {precision: Path(folder, precision) for precision in jobs}
        for precision, (functions, samples) in jobs.items():
            tf.saved_model.save(tf.Module(), str(folders[precision] / "saved_model"), signatures=functions)
            _save_samples(samples, folders[precision] / "samples")
        command = [sys.executable, "-P", tflite_worker.__file__, *map(str, folders.values())]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        contents = {}
        for precision, path in folders.items():
            file = path / "model.tflite"
            if not file.is_file():
                raise ConfigError(f"--tflite {precision}, {what}: {_reason(done)}")
            contents[precision] = file.read_bytes()
        return contents


def _kind(task):
    """A task in words, with the parts of its model that decide whether it converts."""
    model = task.config.model
    parts = [getattr(model, name) for name in ("cell", "attention") if hasattr(model, name)]
    return " ".join([task.name, *(["with", *parts] if parts else [])])


def _save_samples(samples, folder):
    """Writes one file of arrays per signature, for the worker."""
    columns = collections.defaultdict(list)
    for signature, inputs in samples:
        columns[signature].append(inputs)
    folder.mkdir()
    for signature, rows in columns.items():
        arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        np.savez(folder / f"{signature}.npz", **arrays)


def _reason(done):
    """Why a worker wrote no file: the signal that ended it, or the last line of its error."""
    if done.returncode < 0:
        return f"TensorFlow's converter crashed ({signal.Signals(-done.returncode).name})"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return f"TensorFlow's converter failed: {lines[-1] if lines else 'it wrote no file'}"
