"""A .tflite file: its operations and runtimes, and the file without duplicates.

The format is tensorflow/compiler/mlir/lite/schema/schema.fbs. TensorFlow ships the classes that read it.
"""

import copy

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from kerasapp.errors import ConfigError

_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # bytes, of the buffers: as the schema has it, but not its Python classes
_CONSTANTS = {
    schema.TensorType.FLOAT32: np.dtype("<f4"),
    schema.TensorType.FLOAT16: np.dtype("<f2"),
    schema.TensorType.INT8: np.dtype("i1"),
}
_NAMES = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}


def operations(content):
    """The operations in a file's bytes, including those of loops and branches: sorted names, each once.

    The name of a custom operation, such as one of Flex, begins with "custom ".
    """
    names = set()
    for code in _read(content).operatorCodes:
        name = _NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]  # codes below 127 are in the second
        names.add(name if name != "CUSTOM" else f"custom {code.customCode.decode()}")
    return sorted(names)


def require_builtin(content, what):
    """The operations of a file's bytes. Raises: ConfigError if one is not built into TensorFlow Lite."""
    names = operations(content)
    others = [name.removeprefix("custom ") for name in names if name.startswith("custom ")]
    if others:
        raise ConfigError(
            f"{what}: {', '.join(others)} would need Flex or a custom operation; phones have neither"
        )
    return names


def least_runtime(content):
    """The least version of TensorFlow Lite that runs a file, such as "2.17.0", from the file's own metadata.

    None if the converter wrote no version.
    """
    model = _read(content)
    for entry in model.metadata or []:
        if entry.name == b"min_runtime_version":
            return bytes(model.buffers[entry.buffer].data).rstrip(b"\0").decode()
    return None


def engines(content):
    """The engines of LiteRT that run a file: "interpreter", and "compiled" (CompiledModel) if no tensor
    keeps its value between calls."""
    kept = any(tensor.isVariable for graph in _read(content).subgraphs for tensor in graph.tensors)
    return ["interpreter"] if kept else ["interpreter", "compiled"]


def constants(content):
    """Yields (name, float32 array, step of its rounding) of the constants of a file's bytes, in floats and in
    8 bits. A step is an array that fits, or None for 8 bits without scales: then the values are integers."""
    model, seen = _read(content), set()
    for tensor in (tensor for graph in model.subgraphs for tensor in graph.tensors):
        data = model.buffers[tensor.buffer].data
        if data is None or tensor.type not in _CONSTANTS or tensor.buffer in seen:
            continue
        seen.add(tensor.buffer)
        shape = [] if tensor.shape is None else tensor.shape
        array = np.frombuffer(data.tobytes(), _CONSTANTS[tensor.type])
        values, step = array.astype(np.float32).reshape(shape), np.float32(0)
        if array.dtype == np.float16:
            with np.errstate(over="ignore", invalid="ignore"):  # of infinity
                step = np.spacing(np.abs(array)).astype(np.float32).reshape(shape)
        if array.dtype == np.int8:
            values, step = _scaled(values, tensor.quantization)
        yield tensor.name.decode(), values, step


def _scaled(values, quantisation):
    """Integers as what they stand for, and the step between two of them; see `constants`."""
    if quantisation is None or quantisation.scale is None or not len(quantisation.scale):
        return values, None
    shape = [1] * values.ndim
    if len(quantisation.scale) > 1:
        shape[quantisation.quantizedDimension] = -1
    scale, zero = (np.asarray(x, np.float32) for x in (quantisation.scale, quantisation.zeroPoint))
    return (values - zero.reshape(shape)) * scale.reshape(shape), scale.reshape(shape)


def compact(content):
    """A file's bytes with each buffer and each list of numbers once, and a separate tensor for each output.

    The answers stay the same. The converter stores a weight twice if two kinds of operations read it, and the
    weight's scales and zeros once per operation.
    """
    model = _read(content)
    _separate_outputs(model)
    _share_buffers(model)
    model.buffers = [_Aligned(buffer) for buffer in model.buffers]
    builder = _Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _read(content):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content), 0))


def _separate_outputs(model):
    """Gives each output of a signature a separate tensor.

    In the converter's files outputs of equal constants, such as first states, share one tensor. LiteRT's
    CompiledModel knows a tensor by one name only, so it would lack the other outputs.
    """
    for signature in model.signatureDefs or []:
        graph, seen = model.subgraphs[signature.subgraphIndex], set()
        outputs = list(graph.outputs)
        for output in signature.outputs:
            index = output.tensorIndex
            if index in seen:
                tensor = copy.copy(graph.tensors[index])
                if model.buffers[tensor.buffer].data is None:
                    raise ConfigError(f"the output {output.name.decode()} is another output, too")
                output.tensorIndex = len(graph.tensors)
                tensor.name += b"_of_" + output.name
                graph.tensors.append(tensor)
                last = len(outputs) - 1 - outputs[::-1].index(index)
                outputs[last] = output.tensorIndex
            seen.add(output.tensorIndex)
        graph.outputs = np.array(outputs, np.int32)


def _share_buffers(model):
    """Keeps the first of several equal buffers, for all tensors that use one of them."""
    first, places, kept = {}, [], []
    for i, buffer in enumerate(model.buffers):
        data = b"" if buffer.data is None else buffer.data.tobytes()
        # An empty buffer marks a tensor that is no constant. The very first buffer has to stay the first.
        key = data if data and i else i
        if key not in first:
            first[key] = len(kept)
            kept.append(buffer)
        places.append(first[key])
    model.buffers = kept
    tensors = (tensor for graph in model.subgraphs for tensor in graph.tensors)
    for owner in [*tensors, *(model.metadata or [])]:
        owner.buffer = places[owner.buffer]


class _Aligned:
    """A buffer that is written with its alignment."""

    def __init__(self, buffer):
        self._data = buffer.data

    def Pack(self, builder):
        if self._data is None:
            schema.BufferStart(builder)
            return schema.BufferEnd(builder)
        data = np.ascontiguousarray(self._data).tobytes()
        builder.StartVector(1, len(data), _ALIGNMENT)
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


class _Builder(flatbuffers.Builder):
    """Writes equal lists of numbers once: scales, zeros, shapes."""

    def __init__(self, size):
        super().__init__(size)
        self._written = {}

    def CreateNumpyVector(self, x):
        key = x.dtype, x.tobytes()
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]
