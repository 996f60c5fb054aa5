"""Converts SavedModels to TensorFlow Lite, in a separate program because the converter can crash its process.

    python tflite_worker.py FOLDER...

Each folder is named after a precision: FOLDER/saved_model is read and FOLDER/model.tflite is written. For
int8 the ranges are measured on FOLDER/samples/SIGNATURE.npz, arrays [samples, ...]. It needs only TensorFlow;
the converter reports on standard error.
"""

import os
import sys
from pathlib import Path

import numpy as np

# The operations in 8 bits. The others stay in floats: REVERSE_SEQUENCE has no form in 8 bits, and states,
# gates and softmax lose much precision in it.
QUANTISED = ("FULLY_CONNECTED", "CONV_2D")
SMALLEST = 1024  # weights; a smaller matrix stays in floats, as in the converter's other precisions


def main(folder):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved_model"))
    if folder.name != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if folder.name == "float16":
        converter.target_spec.supported_types = [tf.float16]
    content = _in_8_bits(converter, folder) if folder.name == "int8" else converter.convert()
    (folder / "model.tflite").write_bytes(content)


def samples(folder):
    """Yields (signature, inputs name -> array) for each sample."""
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as arrays:
            columns = dict(arrays)
        for row in range(len(next(iter(columns.values())))):
            yield file.stem, {name: column[row] for name, column in columns.items()}


def _in_8_bits(converter, folder):
    """The converter's two stages, ranges and rounding; the second gets a list of what stays in floats.

    tf.lite.experimental.QuantizationDebugger does the same, but only for one signature.
    """
    from tensorflow.lite.python.convert import mlir_quantize

    converter.representative_dataset = lambda: samples(folder / "samples")
    converter._experimental_calibrate_only = True
    measured = converter.convert()
    others, small = _kept_in_floats(measured)
    return mlir_quantize(measured, denylisted_ops=others, denylisted_nodes=small)


def _kept_in_floats(content):
    """Names of the operations outside `QUANTISED`, and of the outputs of those with few weights."""
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content), 0))
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    codes = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
    small = [
        graph.tensors[operator.outputs[0]].name.decode()
        for graph in model.subgraphs
        for operator in graph.operators
        if codes[operator.opcodeIndex] in QUANTISED
        and np.prod(graph.tensors[operator.inputs[1]].shape) < SMALLEST
    ]
    return sorted(set(codes) - set(QUANTISED)), small


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    for path in sys.argv[1:]:
        main(Path(path))
