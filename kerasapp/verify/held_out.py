"""Texts that an export is asked: of its held-out data, where they are there, else of letters at random.

Runs in a process of its own: large data can take long to read, and are given up then.
"""

import os
import pickle
import sys
from pathlib import Path


def main(job, result):
    """Writes what is found, a dict (see `find`): first what needs no data, then what does."""
    job = pickle.loads(Path(job).read_bytes())
    for found in find(**job):
        Path(f"{result}.new").write_bytes(pickle.dumps(found))
        os.replace(f"{result}.new", result)


def find(folder, count, scored):
    """Yields dicts, each better than the one before.

    Args:
        folder: a version. count: texts that are wanted. scored: texts to score, for generation.

    Yields: "texts", list of strings, or of histories; "references", list of translations, log-mels or of
        what came, or None; "scored", list of strings; "split", the name of the held-out split; "missing", why
        there are no held-out data.
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
    drawn = {"texts": verify.drawn(task, count), "references": None, "scored": [], "split": None}
    yield {**drawn, "missing": "reading them takes too long"}
    split = config.data.default_split
    try:
        yield {**verify.held_out(task, split, count, scored), "split": split, "missing": None}
    except (ConfigError, DataError, OSError) as error:
        yield {**drawn, "missing": " ".join(str(error).split())}


if __name__ == "__main__":
    main(*sys.argv[1:])
