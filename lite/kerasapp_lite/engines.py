"""LiteRT's two engines behind one interface: a .tflite file's signatures as functions of arrays by name."""

import math

import numpy as np

ENGINES = ("interpreter", "compiled")


def open_file(path, engine="interpreter", threads=1):
    """The signatures of a file.

    Args:
        path: of the file.
        engine: "interpreter" for LiteRT's `Interpreter`, or "compiled" for its `CompiledModel`, on the CPU.
        threads: that a signature may use.

    Returns: a function of a signature's name that gives the signature: arrays by name -> new arrays by name.
    Raises: ValueError or RuntimeError where LiteRT refuses the file.
    """
    if engine == "compiled":
        return _Compiled(path, threads).signature
    from ai_edge_litert.interpreter import Interpreter  # here: bundles are checked without LiteRT, too

    return Interpreter(model_path=str(path), num_threads=threads).get_signature_runner


def frozen(arrays):
    """Arrays by name, made read-only: inputs of many calls that an engine need not copy in each."""
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


class _Compiled:
    """A file opened by `CompiledModel`."""

    def __init__(self, path, threads):
        from ai_edge_litert.compiled_model import CompiledModel, CpuOptions, Options

        options = Options(cpu_options=CpuOptions(num_threads=threads))  # of the CPU alone, as is the default
        self._model = CompiledModel.from_file(str(path), options=options)

    def signature(self, name):
        """A signature as a function. It has buffers of its own, which each call writes and reads."""
        model, place = self._model, self._model.get_signature_index(name)
        if place < 0:
            raise ValueError(f"the file has no signature {name!r}")
        names = model.get_signature_by_index(place)
        inputs, outputs = model.create_input_buffers(place), model.create_output_buffers(place)
        given = _described(names["inputs"], inputs, model.get_input_tensor_details(name))
        told = _described(names["outputs"], outputs, model.get_output_tensor_details(name))
        written = {}  # name -> the array that its buffer holds

        def call(**arrays):
            if arrays.keys() != given.keys():
                raise ValueError(f"{name}: takes {', '.join(given)}, not {', '.join(arrays)}")
            for key, array in arrays.items():
                buffer, shape, dtype = given[key]
                if array.shape != shape or array.dtype != dtype:
                    raise ValueError(f"{name}: {key} must be {dtype} {list(shape)}")
                if array is not written.get(key) or array.flags.writeable:  # else it is as it was
                    buffer.write(array)
                    written[key] = array
            model.run_by_index(place, inputs, outputs)  # by name it takes longer
            return {
                key: buffer.read(math.prod(shape), dtype).reshape(shape)
                for key, (buffer, shape, dtype) in told.items()
            }

        return call


def _described(names, buffers, details):
    """name -> (buffer, shape, type) of a signature's inputs or outputs."""
    return {
        name: (buffer, tuple(details[name]["shape"]), np.dtype(details[name]["dtype"]))
        for name, buffer in zip(names, buffers, strict=True)
    }
