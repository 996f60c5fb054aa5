"""The weights in an export's files, compared with those of the model: one that no answer needs shows, too."""

import itertools
import re

import numpy as np
import tensorflow as tf

from kerasapp.export.tflite_file import constants
from kerasapp.verify.comparison import NEAR

SMALLEST = 64  # numbers of a constant that is compared
MOSTLY = 0.9  # share of a constant's numbers that are a weight's: then the others have to be, too


def of_saved_model(model, version):
    """Lines about the variables of a SavedModel that are not the model's."""
    try:
        reader = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        yield f"variables/: cannot be read: {error}"
        return
    for name in sorted(reader.get_variable_to_shape_map()):
        if place := re.match(r"weights/(\d+)/", name):
            wanted = model.variables[int(place[1])]  # seeds are no weights
            if wanted.dtype == "float32" and not np.array_equal(reader.get_tensor(name), np.asarray(wanted)):
                yield f"variables/: {wanted.path} is not that of model.keras"


def of_file(model, path):
    """Lines about the constants of a .tflite file that are a weight of the model but for a few numbers.

    A constant that is like no weight is left to the answers: converters fold weights into others.
    """
    known = {}
    for weight in model.variables:
        array = np.asarray(weight)
        if array.size >= SMALLEST and array.dtype == np.float32:
            for axes in itertools.permutations(range(array.ndim)):
                known.setdefault(array.size, []).append((weight.path, array.transpose(axes)))
    for name, values, error in constants(path.read_bytes()):
        if values.size < SMALLEST:
            continue
        for weight, array in known.get(values.size, ()):
            share = _share(values, error, array.reshape(values.shape))
            if share == 1.0:
                break
            if share > MOSTLY:
                count = round(values.size * (1 - share))
                yield f"tflite/{path.name}: {count} numbers of {name} are not those of {weight}"
                break


def _share(values, error, weight):
    """The share of the values that are a weight's, rounded. Rows of 8 bits without scales have their own."""
    if error is None:
        error = np.maximum(np.abs(weight).max(axis=-1, keepdims=True), 1e-12) / 127
        values = values * error
    return float(np.mean(np.abs(values - weight) <= 0.51 * error + NEAR * np.abs(weight)))
