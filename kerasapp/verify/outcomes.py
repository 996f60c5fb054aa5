"""What a runtime says to one input, in a form that is the same for all runtimes. Needs NumPy alone."""

import base64
from typing import NamedTuple

import numpy as np

from kerasapp import spec


class Outcome(NamedTuple):
    """An answer.

    text: what is shown of it. exact: name -> text, whole number or list of them, which have to be equal.
    numbers: name -> array, which has to be near. count: tokens or frames made, 0 where none are.
    refused: why there is no answer, or None. units: name -> what a difference of 1 is in these numbers, for
    those that say it (see `comparison.compare`).
    """

    text: str = ""
    exact: dict = {}
    numbers: dict = {}
    count: int = 0
    refused: str | None = None
    units: dict = {}


def outcomes(task, signature, outputs, rows):
    """The outcomes of a request.

    Args:
        task: the model's task. signature: one of the task's `OUTCOMES` (see `kerasapp.verify.inputs`).
        outputs: name -> array or nested list, the batch first.
        rows: how many there are.

    Returns: list of `Outcome`, without the padding of shorter rows.
    """
    read = spec.spec(task).load("verify").OUTCOMES[signature]
    return [read({name: value[i] for name, value in outputs.items()}) for i in range(rows)]


def scored(row, count, value="nats"):
    """The `Outcome` of a text that was scored. count: name of the output that counts its parts."""
    number, parts = floats(row[value]), int(row[count])
    return Outcome(f"{value} {float(number):.4f}", {count: parts}, {value: number})


def read_ids(row):
    """The `Outcome` of `tokenize`, or of a round trip: ids without padding, and all other outputs."""
    count = int(row["lengths"])
    exact = {name: _plain(value) for name, value in row.items() if name not in ("ids", "lengths")}
    exact["read"] = np.asarray(row["ids"])[:count].tolist()
    return Outcome(f"{count} ids", exact)


def _plain(value):
    return text_of(value) if isinstance(value, str | bytes) else np.asarray(value).tolist()


def bytes_of(value):
    """The bytes of a string, whatever the runtime gives for one."""
    if isinstance(value, dict):
        return base64.b64decode(value["b64"])
    return value.encode() if isinstance(value, str) else bytes(value)


def text_of(value):
    """A string, whatever the runtime gives for one."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def floats(value):
    """A float32 array."""
    return np.asarray(value, np.float32)
