"""Texts and knobs of a request as arrays of one value a row. Nothing here needs TensorFlow."""

import numpy as np


def texts(strings):
    """A list of strings as an object array [batch] of bytes; what a shell passes on that is not UTF-8 stays.
    Raises: ValueError for a string in place of the list."""
    if isinstance(strings, str | bytes):
        raise ValueError(f"a list of strings is expected, not the string {strings!r}")
    encoded = np.empty(len(strings), object)
    encoded[:] = [s.encode("utf-8", "surrogateescape") if isinstance(s, str) else s for s in strings]
    return encoded


def columns(knobs, defaults, check, rows, what):
    """An array [rows] for each knob of a request, of the type of its default: int32, float32, or text.

    Args:
        knobs: name -> one value for all rows, or a list of one for each.
        defaults: name -> value, of all knobs there are.
        check: function (name, value, knobs of the row) that raises ValueError for one out of range.
        what: the rows in words, such as "sentences".

    Raises: ValueError.
    """
    unknown = set(knobs) - set(defaults)
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(defaults)}")
    found = {}
    for name, default in defaults.items():
        values = knobs.get(name, default)
        found[name] = list(values) if isinstance(values, list | tuple | np.ndarray) else [values] * rows
        if len(found[name]) != rows:
            raise ValueError(f"{name}: {len(found[name])} values for {rows} {what}")
    for name, values in found.items():
        for i, value in enumerate(values):
            check(name, value, {other: column[i] for other, column in found.items()})
    return {name: _array(values, defaults[name]) for name, values in found.items()}


def _array(values, default):
    if isinstance(default, str):
        return texts(values)
    return np.array(values, np.int32 if isinstance(default, int) else np.float32)


def require_range(name, value, whole, least, most):
    """Raises ValueError for a knob's value outside its range, or with a fraction where it is `whole`."""
    if not least <= value <= most or (whole and value != int(value)):
        numbers = "a whole number from" if whole else "from"
        raise ValueError(f"{name}: {value:g} is not {numbers} {least} to {most:g}")
