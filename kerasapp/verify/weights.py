"""The weights in an export's files, compared with those of the model: one that no answer needs shows, too."""

import itertools
import re

import numpy as np
import tensorflow as tf

from kerasapp.verify.comparison import NEAR

EXACT = "float32.tflite"
SMALLEST = 64  # numbers of a constant that is compared
FOLDED = 0.2  # share of a file's weights that are the model's, at least, however many are folded
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


def of_file(model, file, held):
    """Lines about the constants of a .tflite file that are a weight of the model but for a few numbers.

    Args:
        file: its name. held: its constants, a list of what `kerasapp.export.tflite_file.constants` yields.

    A constant that is like no weight is left to the answers: converters fold weights into others.
    """
    known = _by_size((weight.path, np.asarray(weight)) for weight in model.variables)
    for name, values, error in held:
        if values.size < SMALLEST:
            continue
        for weight, array in known.get(values.size, ()):
            share = _share(values, error, array.reshape(values.shape))
            if share == 1.0:
                break
            if share > MOSTLY:
                count = round(values.size * (1 - share))
                yield f"tflite/{file}: {count} numbers of {name} are not those of {weight}"
                break


def of_rounded(model, held):
    """Lines about files of rounded weights that are not the model's: they are those of another checkpoint.

    Where there is a file of float32, its constants are what is rounded; without it the model's weights are,
    of which converters may fold many into others.

    Args:
        held: name of a file -> its constants (see `of_file`).
    """
    arrays, least = [(weight.path, np.asarray(weight)) for weight in model.variables], FOLDED
    if EXACT in held:
        arrays, least = [(name, values) for name, values, _ in held[EXACT]], MOSTLY
    known = _by_size(arrays)
    for file in sorted(held.keys() - {EXACT}):
        total = same = 0
        for _, values, error in held[file]:
            if values.size >= SMALLEST:
                arrays = [array.reshape(values.shape) for _, array in known.get(values.size, ())]
                shares = (_share(values, error, array) for array in arrays)
                total += values.size
                same += values.size * next((share for share in shares if share > MOSTLY), 0.0)
        if same < least * total:
            share = f"{same / total:.0%} of its weights are the model's, rounded"
            yield f"tflite/{file}: {share}; at least {least:.0%} have to be"


def _by_size(arrays):
    """Arrays of float32 by their size: list of (name, array), with the axes in every order."""
    known = {}
    for name, array in arrays:
        if array.size >= SMALLEST and array.dtype == np.float32:
            for axes in itertools.permutations(range(array.ndim)):
                known.setdefault(array.size, []).append((name, array.transpose(axes)))
    return known


def _share(values, error, weight):
    """The share of the values that are a weight's, rounded. Rows of 8 bits without scales have their own."""
    if error is None:
        error = np.maximum(np.abs(weight).max(axis=-1, keepdims=True), 1e-12) / 127
        values = values * error
    return float(np.mean(np.abs(values - weight) <= 0.51 * error + NEAR * np.abs(weight)))
