"""Texts that an export is asked: of its held-out data, where they are there, else of letters at random.

Runs in a process of its own: large data can take long to read, and are given up then.
"""

import os
import pickle
import sys
from pathlib import Path

import numpy as np

from kerasapp.tasks.series.answers import DEFAULTS

SEED = 0
PROMPT = 40  # tokens of a prompt
SCORED = 256  # tokens of a text that is scored
DRAWN = 12  # tokens of a text of letters at random, or steps of a history
PAST = 200  # steps of a history


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
    from kerasapp import api
    from kerasapp.artefact import find as artefact
    from kerasapp.config import parsing, registry
    from kerasapp.errors import ConfigError
    from pipelines.errors import DataError

    place = artefact(folder)
    config = parsing.load(place.config)
    made = api.TASKS[config.task]
    task = made(config=config, tokenizer=made.load_tokenizer(place.folder), minimum=1)
    drawn = {"texts": _drawn(task, count), "references": None, "scored": [], "split": None}
    yield {**drawn, "missing": "reading them takes too long"}
    split = registry.task_module(config.task).default_split(config)
    try:
        yield {**_READERS[config.task](task, split, count, scored), "split": split, "missing": None}
    except (ConfigError, DataError, OSError) as error:
        yield {**drawn, "missing": " ".join(str(error).split())}


def _drawn(task, count):
    """Texts of tokens at random, or histories."""
    import tensorflow as tf

    from pipelines import sentences

    tokenizer = task.tokenizer
    if task.name == "series":
        walks = np.random.default_rng(SEED).normal(0, 0.3, [count, DRAWN, len(tokenizer.columns)])
        return tokenizer.restored(tf.constant(walks.cumsum(axis=1), tf.float32)).numpy().tolist()
    if task.name == "translation":
        tokenizer = tokenizer[0]
    elif task.name == "synthesis":
        tokenizer = tokenizer.tokenizer
    draw = np.random.default_rng(SEED)
    ids = tf.constant(draw.integers(4, tokenizer.size, [count, DRAWN]), tf.int32)
    lengths = tf.constant(draw.integers(3, DRAWN + 1, count), tf.int32)
    decoded = sentences.decode(tokenizer, ids, lengths)
    return [text.decode() for text in decoded.numpy()]


def _generation(task, split, count, scored):
    tokens = np.asarray(task.tokens(split))

    def cut(pieces, length):
        length = min(length, len(tokens))
        starts = np.unique(np.linspace(0, len(tokens) - length, pieces).astype(int))
        rows = np.stack([tokens[start : start + length] for start in starts]).astype(np.int32)
        texts = task.tokenizer.decode(rows, np.full(len(rows), length, np.int32)).numpy()
        return [text.decode(errors="replace") for text in texts]

    return {"texts": cut(count, PROMPT), "references": None, "scored": cut(scored, SCORED)}


def _translation(task, split, count, scored):
    sources, references = task.corpus.texts(split)
    rows = _spread(len(sources), count)
    return {
        "texts": [sources[i] for i in rows], "references": [references[i] for i in rows], "scored": [],
    }  # fmt: skip


def _synthesis(task, split, count, scored):
    texts, clips = task.corpus.texts(split), task.corpus.part(split)
    rows = _spread(len(texts), count)
    mels = [np.asarray(clips.mel(i), np.float32) for i in rows]
    return {"texts": [texts[i] for i in rows], "references": mels, "scored": []}


def _spread(total, count):
    """Places that stand for all: evenly spread."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).astype(int)).tolist() if total else []


def _series(task, split, count, scored):
    origins, _ = task.origins(split)
    origins = origins[_spread(len(origins), count)]
    values = task.corpus.values
    histories = [values[max(0, origin - PAST) : origin].tolist() for origin in origins]
    came = [values[origin : origin + DEFAULTS["horizon"]].tolist() for origin in origins]
    return {"texts": histories, "references": came, "scored": []}


_READERS = {
    "generation": _generation,
    "translation": _translation,
    "synthesis": _synthesis,
    "series": _series,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
