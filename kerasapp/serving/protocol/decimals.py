"""Floating-point numbers as TF Serving writes them (WriteDecimal in its util/json_tensor.cc)."""

import numpy as np

_FULL_PRECISION = {np.dtype(np.float32): "%.9g", np.dtype(np.float64): "%.17g"}
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def decimals(values: np.ndarray) -> list[str]:
    """The JSON text of each number.

    Six digits, or else nine for float32 and 17 for float64, so that the text reads back as the same number,
    and always a point or an exponent; NaN, Infinity and -Infinity stand bare.

    Args:
        values: float32 or float64, of one axis.

    Example:
        >>> decimals(np.float32([1, 0.1, 9000000, np.nan]))
        ['1.0', '0.1', '9e+06', 'NaN']
    """
    numbers = tuple(values.tolist())
    short = ("%g " * len(numbers) % numbers).split()
    full = (f"{_FULL_PRECISION[values.dtype]} " * len(numbers) % numbers).split()
    with np.errstate(over="ignore"):  # six digits of the largest float may round past it
        same = np.array(list(map(float, short)), np.float64).astype(values.dtype) == values
    texts = [six if equal else more for six, more, equal in zip(short, full, same.tolist(), strict=True)]
    return [text if "." in text or "e" in text else _NOT_FINITE.get(text) or f"{text}.0" for text in texts]
