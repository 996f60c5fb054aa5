"""Knobs, the inputs of a request that have defaults; a bundle's metadata name them, with their ranges."""

from typing import NamedTuple

TYPES = {"int32": int, "float32": float, "string": str}


class Knob(NamedTuple):
    """A knob of a bundle.

    type: one of `TYPES`. least, most: its range, both included; None for a string, and in a bundle that names
    no range. at_most: the name of another knob that it must not exceed. metavar: the name of its value on a
    command line and in `help`.
    """

    name: str
    type: str
    default: int | float | str
    help: str = ""
    least: int | float | None = None
    most: int | float | None = None
    at_most: str | None = None
    metavar: str | None = None

    @property
    def range(self):
        """The values that it takes, in words."""
        kind = {"int32": "a whole number", "float32": "a number", "string": "a text"}[self.type]
        return kind if self.least is None else f"{kind} from {self.least} to {self.most}"

    def checked(self, value):
        """A value as the knob's type. Raises: ValueError for a value of another type, or out of range."""
        try:
            found = TYPES[self.type](value)
        except (TypeError, ValueError, OverflowError):
            found = None
        if found is None or found != value or not (self.least is None or self.least <= found <= self.most):
            raise ValueError(f"{self.name}: {value} is not {self.range}")
        return found


def read(metadata):
    """The knobs of a bundle. One written by an older kerasapp has their defaults alone, and so no ranges."""
    if "knobs" in metadata:
        return [
            Knob(**{key: known[key] for key in Knob._fields if key in known}) for known in metadata["knobs"]
        ]
    names = {kind: name for name, kind in TYPES.items()}
    return [Knob(name, names[type(value)], value) for name, value in metadata.get("defaults", {}).items()]


def filled(knobs, given):
    """The value of each knob, name -> the one in `given`, or the default.

    Raises: ValueError for a knob that is unknown, out of range, or above the knob that its `at_most` names.
    """
    unknown = sorted(set(given) - {knob.name for knob in knobs})
    if unknown:
        known = ", ".join(knob.name for knob in knobs)
        raise ValueError(f"unknown: {', '.join(unknown)}; there are {known}")
    values = {k.name: k.checked(given[k.name]) if k.name in given else k.default for k in knobs}
    for knob in knobs:
        if knob.at_most and values[knob.name] > values[knob.at_most]:
            limit = f"{knob.at_most}, {values[knob.at_most]}"
            raise ValueError(f"{knob.name}: {values[knob.name]} is above {limit}")
    return values
