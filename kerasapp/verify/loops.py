"""The stateless signatures of an export, called one after the other: what streams and ports do.

A loop is a function (run, inputs, specs) -> outputs, both of one row; run and specs are those of
`kerasapp.tasks.generation.stream`. It calls signatures by `run`, which has the types and the padding that a
server's batches have. Needs NumPy alone.
"""

import itertools
from typing import NamedTuple

import numpy as np

from kerasapp.verify.outcomes import bytes_of

CALLS = 6_000  # of signatures in one loop, at most
PADDING = 3  # columns that are put behind a row: they must not count
PADDED = {"ids": "lengths", "history": "lengths", "mel": "frames", "frames": "count"}  # array -> its length


class Spec(NamedTuple):
    """An input of a signature."""

    shape: list
    dtype: str


def runner(call, specs):
    """A function (signature, inputs) -> outputs, arrays of NumPy whatever `call` gives; text as bytes.

    Args:
        call: function (signature, inputs name -> array) -> outputs name -> array or nested list.
        specs: signature -> {input: `Spec`}.
    """

    calls = itertools.count()

    def run(signature, inputs):
        if next(calls) >= CALLS:
            raise ValueError(f"the loop does not end: {CALLS} calls, and {signature} is called again")
        wanted = specs[signature]
        given = {name: _cast(value, wanted[name].dtype) for name, value in inputs.items()}
        for name, length in PADDED.items():
            if name in given and length in given and given[name].ndim > 1:
                given[name] = _widened(given[name])
        outputs = {name: _array(value) for name, value in call(signature, given).items()}
        for array in outputs.values():
            array.flags.writeable = False  # as those that came over gRPC are
        return outputs

    return run


def _cast(value, dtype):
    return _array(value) if dtype == "string" else np.asarray(value).astype(dtype)


def _widened(rows):
    """Rows [batch, time, ...] with more columns, which repeat the last one: real values, and not zeros."""
    width = [(0, 0)] * rows.ndim
    width[1] = (0, PADDING)
    if rows.shape[1]:
        return np.pad(rows, width, mode="edge")
    return np.ones([rows.shape[0], PADDING, *rows.shape[2:]], rows.dtype)


def _array(value):
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value
    flat = np.array(value, object)
    first = next((one for one in flat.ravel()), 0)
    if isinstance(first, str | bytes | dict):
        found = np.empty(flat.shape, object)
        found.ravel()[:] = [bytes_of(one) for one in flat.ravel()]
        return found
    return flat.astype(np.int32 if isinstance(first, int | np.integer) else np.float32)


def round_trip(run, inputs, specs):
    """A text as ids, and these as a text again: what `tokenize` gives, and "again"."""
    read = run("tokenize", inputs)
    count = int(read["lengths"][0])
    again = run("detokenize", {"ids": read["ids"][:, :count], "lengths": read["lengths"]})["text"]
    return {**read, "again": again}
