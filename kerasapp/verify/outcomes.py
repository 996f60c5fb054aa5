"""What a runtime says to one input, in a form that is the same for all runtimes. Needs NumPy alone."""

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


def text_of(value):
    """A string, whatever the runtime gives for one."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def floats(value):
    """A float32 array."""
    return np.asarray(value, np.float32)
