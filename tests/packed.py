"""The arrays in a report, unpacked as inspection/page/packed.js does."""

import base64
import zlib

import numpy as np

from kerasapp.inspection.packing import KINDS


def unpack(packed):
    """The array of what `pack` gave."""
    return np.frombuffer(inflate(packed["data"]), KINDS[packed["kind"]]).reshape(packed["shape"])


def inflate(text):
    """The bytes of what `deflate` gave."""
    return zlib.decompress(base64.b64decode(text))


def unpack_rows(packed):
    """The rows of what `pack_rows` gave, float64 [rows, time]."""
    least, greatest = (np.array(packed[name])[:, np.newaxis] for name in ("least", "greatest"))
    return least + (greatest - least) * unpack(packed) / 65535
