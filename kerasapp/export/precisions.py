"""The precisions of a bundle's files. Needs no TensorFlow: commands list them in their help."""

QUANTISATION = {  # of matrix products; everything else is computed in float32
    "float32": {"weights": "float32", "inputs": "float32"},
    "float16": {"weights": "float16", "inputs": "float32"},
    "dynamic": {"weights": "int8", "inputs": "int8, by their range in each call"},
    "int8": {"weights": "int8", "inputs": "int8, by their range in the training data", "outputs": "int8"},
}
PRECISIONS = tuple(QUANTISATION)
