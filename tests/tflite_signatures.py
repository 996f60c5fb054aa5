"""Signatures of .tflite files, and inputs for them."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def opened(bundle, precision="float32"):
    """The signatures of a file, name -> function."""
    interpreter = Interpreter(str(bundle / f"{precision}.tflite"), num_threads=1)
    return {name: interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()}


def zeros(signature, *names):
    details = signature.get_input_details()
    return {name: np.zeros(details[name]["shape"], "float32") for name in names or details if name != "ids"}


def padded(ids, room):
    return np.pad(np.array([ids], "int32"), [[0, 0], [0, room - len(ids)]])
