"""Compact arrays: quantised, deflated, in base64; page/packed.js reads them."""

import base64
import zlib

import numpy as np

KINDS = {"uint8": "<u1", "uint16": "<u2", "float32": "<f4", "float64": "<f8"}
LEVEL = 6  # of zlib: 9 takes four times as long for 1% less


def pack(array):
    """An array of one of the dtypes `KINDS` as JSON: dict of "kind", "shape" and "data"."""
    array = np.asarray(array)
    data = deflate(array.astype(KINDS[array.dtype.name]).tobytes())
    return {"kind": array.dtype.name, "shape": list(array.shape), "data": data}


def deflate(data):
    """Bytes as a string of ASCII."""
    return base64.b64encode(zlib.compress(data, LEVEL)).decode("ascii")


def quantise(rows, levels):
    """Rows [rows, time] in `levels` even steps from the least to the greatest value of each.

    Returns: (uint8 [rows, time], or uint16 for more than 256 levels; least [rows], greatest [rows]). The
        error is at most half a step.
    """
    rows = np.asarray(rows, np.float32)
    least, greatest = rows.min(axis=1), rows.max(axis=1)
    room = np.where(greatest > least, greatest - least, 1.0)[:, np.newaxis]
    steps = np.rint((rows - least[:, np.newaxis]) / room * (levels - 1))
    return steps.astype(np.uint8 if levels <= 256 else np.uint16), least, greatest


def pack_rows(rows):
    """Rows [rows, time] in 65,536 even steps each: what `pack` gives, with "least" and "greatest" of each."""
    steps, least, greatest = quantise(rows, 1 << 16)
    return {**pack(steps), "least": least.tolist(), "greatest": greatest.tolist()}
