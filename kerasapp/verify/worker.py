"""A runtime in a process of its own, so that its memory and its start are its own.

    python -m kerasapp.verify.worker JOB RESULT

JOB and RESULT are pickles of `kerasapp.verify.runtimes`, in a folder of its own that nobody else writes to.
"""

import os
import pickle
import sys
import threading
import time
from pathlib import Path

from kerasapp import spec
from kerasapp.verify.measuring import Measured, measure, one_line, peak_memory, signatures
from kerasapp.verify.runtimes import phone, whole, write

LATE = 20  # times as long by the clock as by the processor


def main(job_file, result):
    """Reads a job, of which what to ask comes later, and writes its `Measured`."""
    job, keep = pickle.loads(Path(job_file).read_bytes()), None
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        if job["runtime"] == "keras":
            keep = _predictor(job["folder"])
        call = _open(job["runtime"], Path(job["folder"]), keep)
        ready = time.time()
        job = whole(job_file, job)
        ask = call if phone(job["runtime"]) else signatures(call, job["specs"])
        batches, started = phone(job["runtime"]) is None, job["started"] + time.time() - ready
        found = measure(ask, job["items"], started=started, seconds=job["seconds"], batches=batches)
    except Exception as error:  # whatever a damaged export makes a library raise
        found = Measured(error=one_line(error))
    found.peak = peak_memory()
    write(result, found)
    if keep and not found.error:
        _examine(keep, job, found, result)


def _examine(predictor, job, found, result):
    """Adds what is wrong with the files of a version. What takes too long is left out."""
    from kerasapp.verify import files

    try:
        found.faults += files.faults(predictor, job["folder"])
    except Exception as error:  # whatever a damaged file makes a library raise
        found.faults.append(one_line(error))
    write(result, found)
    threading.Thread(target=_give_up, args=[job["patience"]], daemon=True).start()
    if fault := files.figure(predictor, job["folder"]):
        found.faults.append(fault)
        write(result, found)


def _give_up(seconds):
    """Ends this process once it has had so many more seconds of the processor, which a busy machine gives
    later, or `LATE` times as many have gone by."""
    used, late = time.process_time() + seconds, time.monotonic() + LATE * seconds
    while time.process_time() < used and time.monotonic() < late:
        time.sleep(0.1)
    os._exit(0)


def _open(runtime, folder, predictor=None):
    """A function (signature, inputs) -> outputs, or that of `open_bundle`."""
    if bundled := phone(runtime):
        engine, precision = bundled
        return open_bundle(folder / "tflite", precision, engine)
    if predictor:
        from kerasapp.task import asking

        return asking(predictor.servable)
    return {"saved_model": _saved_model, "cc_loader": _cc_loader}[runtime](folder)


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


def _predictor(folder):
    from kerasapp import api, threads

    threads.run_side_by_side()
    return api.load(folder)


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
