"""Texts that an export is asked: of its held-out data, where they are there, else of letters at random.

Runs in a process of its own: large data can take long to read, and are given up then.
"""

import os
import pickle
import sys
import threading
import time
from pathlib import Path

from kerasapp.verify.loops import Spec
from kerasapp.verify.runtimes import write

START = 6.0  # seconds that it takes on a machine that does nothing else until data are read


def main(job, result):
    """Writes what is found, a dict (see `find`): first what needs no data, then what does, if that takes no
    more than "patience" seconds, and more on a machine that is slow to get there."""
    job, started = pickle.loads(Path(job).read_bytes()), time.monotonic()
    patience = job.pop("patience")
    for found in find(**job):
        write(result, found)
        timer = threading.Timer(patience * max(1.0, (time.monotonic() - started) / START), os._exit, [0])
        timer.daemon = True
        timer.start()


def find(folder, count, scored):
    """Yields dicts, each better than the one before.

    Args:
        folder: a version. count: texts that are wanted. scored: texts to score, for generation.

    Yields: "texts", list of strings, or of histories; "references", list of translations, log-mels or of
        what came, or None; "scored", list of strings, or of inputs by name; "split", the name of the held-out
        split; "missing", why there are no held-out data; "awkward", list of (input, knobs); "specs", the
        inputs of each signature (see `kerasapp.verify.loops`).
    """
    from kerasapp import spec
    from kerasapp.artefact import find as artefact
    from kerasapp.config import parsing
    from kerasapp.errors import ConfigError
    from pipelines.errors import DataError

    place = artefact(folder)
    config = parsing.load(place.config)
    described = spec.spec(config.task)
    made, verify = described.load("task"), described.load("verify")
    task = made(config=config, tokenizer=made.load_tokenizer(place.folder), minimum=1)
    awkward = verify.awkward(task) if hasattr(verify, "awkward") else []
    fixed = {"awkward": awkward, "specs": _specs(Path(folder))}
    drawn = {"texts": verify.drawn(task, count), "references": None, "scored": [], "split": None, **fixed}
    if not count:
        yield {**drawn, "missing": "none was asked for"}
        return
    yield {**drawn, "missing": "reading them takes too long"}
    split = config.data.default_split
    try:
        yield {**verify.held_out(task, split, count, scored), "split": split, "missing": None, **fixed}
    except (ConfigError, DataError, OSError) as error:
        yield {**drawn, "missing": " ".join(str(error).split())}


def _specs(folder):
    """The inputs of each signature of a SavedModel: signature -> {input: `Spec`}; {} where it cannot be read,
    which its runtimes tell."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        content = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    except (OSError, DecodeError):
        return {}
    return {
        name: {
            key: Spec([one.size for one in info.tensor_shape.dim], tf.as_dtype(info.dtype).name)
            for key, info in signature.inputs.items()
        }
        for name, signature in content.meta_graphs[0].signature_def.items()
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
