"""Knobs, the inputs of a request that have defaults; as arrays of one value per row.

Needs no TensorFlow, and NumPy only where there are arrays: `--help` has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

DTYPES = {int: "int32", float: "float32", str: "string"}  # of tensors
INT32 = -(2**31), 2**31 - 1


@dataclass(frozen=True)
class Knob:
    """An input of a task's main signature, one value per row; written once, for every place that knows it.

    type: int, float or str. least, most: its range, both included; None for a `str`. at_most: the name of
    another knob that it must not exceed. metavar: of its flag. on_phone: whether a bundle has it.

    Example:

        Knob("temperature", float, 0.8, 0, 100, "0 takes the likeliest token each time", "T")
    """

    name: str
    type: type
    default: int | float | str | None
    least: int | float | None = None
    most: int | float | None = None
    help: str = ""
    metavar: str = "N"
    at_most: str | None = None
    on_phone: bool = True

    @property
    def flag(self) -> str:
        """Its flag on a command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def dtype(self) -> str:
        """The name of its tensors' type."""
        return DTYPES[self.type]

    @property
    def is_limited(self) -> bool:
        """Whether a tensor of its type may be out of its range."""
        return self.least is not None and (self.least, self.most) != INT32

    @property
    def range(self) -> str:
        """Its range in words."""
        return range_in_words(self.type, self.least, self.most)

    def check(self, value: Any, others: Mapping[str, Any] = {}) -> None:
        """Raises ValueError for a value out of range, or above that of the knob `at_most` among `others`."""
        if self.least is None:
            return
        if not self.least <= value <= self.most or (self.type is int and value != int(value)):
            raise ValueError(f"{self.name}: {value:g} is not {self.range}")
        if self.at_most in others and value > others[self.at_most]:
            raise ValueError(f"{self.name}: {value:g} is above {self.at_most}, {others[self.at_most]:g}")

    def array(self, values: Sequence) -> "np.ndarray":
        """Values as an array [rows] of its type."""
        import numpy as np

        return texts(values) if self.type is str else np.array(values, self.dtype)

    def described(self) -> dict[str, Any]:
        """As JSON, for those who have no Python: a bundle's metadata, the server's page."""
        described = {"name": self.name, "type": self.dtype, "default": self.default}
        described |= {"help": self.help, "metavar": self.metavar}  # a help may speak of its metavar
        limits = {"least": self.least, "most": self.most, "at_most": self.at_most}
        return described | {key: value for key, value in limits.items() if value is not None}


COUNT = Knob("count", int, 32, 1, 64, "tokens that one call of a signature for streams makes")


def range_in_words(kind: type, least: int | float, most: int | float) -> str:
    """A range of int or float, both ends included, such as "a whole number from 1 to 64"."""
    ends = (str(end) if isinstance(end, int) else f"{end:g}" for end in (least, most))
    return f"{'a whole number' if kind is int else 'a number'} from {' to '.join(ends)}"


def texts(strings: Sequence[str | bytes]) -> "np.ndarray":
    """A list of strings as an object array [batch] of bytes; what a shell passes on that is not UTF-8 stays.

    Raises: ValueError for a string in place of the list.
    """
    import numpy as np

    if isinstance(strings, str | bytes):
        raise ValueError(f"a list of strings is expected, not the string {strings!r}")
    encoded = np.empty(len(strings), object)
    encoded[:] = [s.encode("utf-8", "surrogateescape") if isinstance(s, str) else s for s in strings]
    return encoded


def columns(given: Mapping[str, Any], knobs: Sequence[Knob], rows: int, what: str) -> dict[str, "np.ndarray"]:
    """An array [rows] for each knob.

    Args:
        given: name -> one value for all rows, or a list of one per row; others take their defaults.
        knobs: all that there are.
        rows: how many. what: the rows in words, such as "sentences".

    Raises: ValueError for a knob that is unknown, out of range, or not given for every row.
    """
    import numpy as np

    unknown = set(given) - {knob.name for knob in knobs}
    if unknown:
        known = ", ".join(knob.name for knob in knobs)
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; there are {known}")
    requested = {}
    for knob in knobs:
        values = given.get(knob.name, knob.default)
        values = list(values) if isinstance(values, list | tuple | np.ndarray) else [values] * rows
        if len(values) != rows:
            raise ValueError(f"{knob.name}: {len(values)} values for {rows} {what}")
        requested[knob.name] = values
    for i in range(rows):
        row = {name: values[i] for name, values in requested.items()}
        for knob in knobs:
            knob.check(row[knob.name], row)
    return {knob.name: knob.array(requested[knob.name]) for knob in knobs}
