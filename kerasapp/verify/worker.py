"""A runtime in a process of its own, so that its memory and its start are its own.

    python -m kerasapp.verify.worker JOB RESULT

JOB and RESULT are pickles of `kerasapp.verify.runtimes`, in a folder of its own that nobody else writes to.
"""

import os
import pickle
import sys
import time
from pathlib import Path

from kerasapp import spec
from kerasapp.verify.measuring import Measured, measure, one_line, peak_memory, signatures
from kerasapp.verify.runtimes import phone


def main(job, result):
    """Reads a job and writes its `Measured`."""
    job = pickle.loads(Path(job).read_bytes())
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        ask = _open(job["runtime"], Path(job["folder"]), job["specs"])
        batches = phone(job["runtime"]) is None
        found = measure(ask, job["items"], started=job["started"], seconds=job["seconds"], batches=batches)
    except Exception as error:  # whatever a damaged export makes a library raise
        found = Measured(error=one_line(error))
    found.peak = peak_memory()
    Path(result).write_bytes(pickle.dumps(found))


def _open(runtime, folder, specs):
    """A function (items) -> (seconds, outcomes) (see `kerasapp.verify.measuring.signatures`)."""
    if bundled := phone(runtime):
        engine, precision = bundled
        return open_bundle(folder / "tflite", precision, engine)
    opened = {"keras": _keras, "saved_model": _saved_model, "cc_loader": _cc_loader}[runtime]
    return signatures(opened(folder), specs)


def open_bundle(folder, precision, engine="interpreter"):
    """A function (items, one of them) -> (seconds, list of `Outcome`) that runs a bundle by `kerasapp_lite`.

    The module that a task names for the stage "phone" has SIGNATURES, those of the servable that a bundle
    answers, and `open_bundle(bundle)`, which gives a function of an item. It needs no TensorFlow.

    Raises: ValueError where the bundle is damaged.
    """
    from kerasapp_lite.bundle import Bundle

    bundle = Bundle(folder, precision, engine=engine)
    answer = spec.spec(bundle.metadata["task"]).load("phone").open_bundle(bundle)

    def ask(items):
        (item,) = items
        started = time.perf_counter()
        outcome = answer(item)
        return time.perf_counter() - started, [outcome]

    return ask


def _keras(folder):
    from kerasapp import api, threads
    from kerasapp.task import asking

    threads.run_side_by_side()
    return asking(api.load(folder).servable)


def _saved_model(folder):
    import tensorflow as tf
    import tensorflow_text  # noqa: F401 - registers its operations

    from kerasapp import threads

    threads.run_side_by_side()
    model = tf.saved_model.load(str(folder))

    def call(name, inputs):
        signature = model.signatures[name]
        specs = signature.structured_input_signature[1]
        outputs = signature(**{key: tf.constant(array, specs[key].dtype) for key, array in inputs.items()})
        return {key: value.numpy() for key, value in outputs.items()}

    return call


def _cc_loader(folder):
    from kerasapp.export.cc_loader import Session

    session = Session(folder)

    def call(name, inputs):
        rows = {
            key: [text.decode() for text in array] if array.dtype == object else array.tolist()
            for key, array in inputs.items()
        }
        return session.run(name, rows)

    return call


if __name__ == "__main__":
    main(*sys.argv[1:])
