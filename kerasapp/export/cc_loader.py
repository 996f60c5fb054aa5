"""An export in TensorFlow's own C++ loader, without Python's TensorFlow: what TF Serving runs.

It opens the library of the TensorFlow package (`libtensorflow_cc.so.2`) by its C interface,
tensorflow/c/c_api.h, adds the operations of tensorflow-text, loads the SavedModel and answers requests. By
hand:

    python -m kerasapp.export.cc_loader saved_models/NAME/1 < requests.json
"""

import base64
import ctypes
import importlib.util
import json
import os
import sys
from pathlib import Path

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# Numbers of DataType in tensorflow/core/framework/types.proto.
_DTYPES = {
    1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 5: np.int16, 6: np.int8, 7: np.object_,
    9: np.int64, 10: np.bool_, 17: np.uint16, 19: np.float16, 22: np.uint32, 23: np.uint64,
}  # fmt: skip
# Fields (name, number, type) of tensorflow/core/protobuf/meta_graph.proto. A map is a list of its entries.
_MESSAGES = {
    "Tensor": [("name", 1, "STRING"), ("dtype", 2, "INT32")],
    "TensorEntry": [("key", 1, "STRING"), ("value", 2, "Tensor")],
    "Signature": [("inputs", 1, "TensorEntry"), ("outputs", 2, "TensorEntry")],
    "SignatureEntry": [("key", 1, "STRING"), ("value", 2, "Signature")],
    "MetaGraph": [("signature_def", 5, "SignatureEntry")],
}
_STRING = 7
_STRING_BYTES = 24  # of a TF_TString, tensorflow/core/platform/ctstring_internal.h


class LoaderError(RuntimeError):
    """The C++ loader could not load the export or run a request; the message is TensorFlow's own."""


class _Output(ctypes.Structure):  # TF_Output
    _fields_ = (("operation", ctypes.c_void_p), ("index", ctypes.c_int))


class _Buffer(ctypes.Structure):  # TF_Buffer
    _fields_ = (("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("deallocator", ctypes.c_void_p))


class _Library:
    """TensorFlow's C interface. `checked` calls a function that takes a status last, and raises its error."""

    def __init__(self):
        self._library = ctypes.CDLL(str(_package("tensorflow") / "libtensorflow_cc.so.2"))
        self._status = self("TF_NewStatus", ctypes.c_void_p)
        for path in sorted((_package("tensorflow_text") / "python" / "ops").glob("*.so")):
            self.checked("TF_LoadLibrary", ctypes.c_void_p, str(path).encode())

    def __call__(self, name: str, returns, *arguments):
        function = getattr(self._library, name)
        function.restype = returns
        return function(*(ctypes.c_void_p(word) if isinstance(word, int) else word for word in arguments))

    def checked(self, name: str, returns, *arguments):
        result = self(name, returns, *arguments, self._status)
        if self("TF_GetCode", ctypes.c_int, self._status):
            raise LoaderError(self("TF_Message", ctypes.c_char_p, self._status).decode(errors="replace"))
        return result


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)  # finds, and does not import
    if spec is None:
        raise LoaderError(f"the package {name} is not installed")
    return Path(spec.submodule_search_locations[0])


class Session:
    """A SavedModel in TensorFlow's C++ loader, in this process; `folder` is the version's.

    Raises:
        LoaderError: the SavedModel does not load, or a call of `run` fails.
    """

    def __init__(self, folder: Path):
        self._library = _Library()
        self._graph = self._library("TF_NewGraph", ctypes.c_void_p)
        meta_graph = _Buffer()
        self._session = self._library.checked(
            "TF_LoadSessionFromSavedModel",
            ctypes.c_void_p,
            self._library("TF_NewSessionOptions", ctypes.c_void_p),
            None,  # run options
            os.fsencode(folder),
            (ctypes.c_char_p * 1)(b"serve"),
            ctypes.c_int(1),
            self._graph,
            ctypes.byref(meta_graph),
        )
        self._signatures = _signatures(ctypes.string_at(meta_graph.data, meta_graph.length))

    def run(self, signature_name: str, values: dict) -> dict:
        """The outputs of a signature, as JSON values."""
        if signature_name not in self._signatures:
            known = sorted(name for name in self._signatures if not name.startswith("__"))
            raise LoaderError(f"no signature {signature_name}; there are {', '.join(known)}")
        inputs, outputs = self._signatures[signature_name]
        if values.keys() != inputs.keys():
            raise LoaderError(f"{signature_name} takes {', '.join(sorted(inputs))}")
        tensors = [self._tensor(values[name], dtype) for name, (_, dtype) in inputs.items()]
        results = (ctypes.c_void_p * len(outputs))()
        try:
            self._library.checked(
                "TF_SessionRun", None, self._session, None,
                self._places(inputs), (ctypes.c_void_p * len(tensors))(*tensors), ctypes.c_int(len(tensors)),
                self._places(outputs), results, ctypes.c_int(len(results)),
                None, ctypes.c_int(0), None,
            )  # fmt: skip
            return {
                name: _plain(self._array(result, dtype).tolist(), name.endswith("_bytes"))
                for (name, (_, dtype)), result in zip(outputs.items(), results, strict=True)
            }
        finally:
            for tensor in filter(None, [*tensors, *results]):
                self._library("TF_DeleteTensor", None, tensor)

    def _places(self, tensors: dict):
        """The tensors of a signature in the graph, from names such as "StatefulPartitionedCall:1"."""
        places = []
        for tensor, _ in tensors.values():
            name, _, index = tensor.partition(":")
            operation = self._library("TF_GraphOperationByName", ctypes.c_void_p, self._graph, name.encode())
            places.append(_Output(operation, int(index or 0)))
        return (_Output * len(places))(*places)

    def _tensor(self, value, dtype: int) -> int:
        array = np.array(_strings(value) if dtype == _STRING else value, _DTYPES[dtype])
        size = array.size * (_STRING_BYTES if dtype == _STRING else array.itemsize)
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        count, size = ctypes.c_int(array.ndim), ctypes.c_size_t(size)
        tensor = self._library("TF_AllocateTensor", ctypes.c_void_p, ctypes.c_int(dtype), shape, count, size)
        data = self._library("TF_TensorData", ctypes.c_void_p, tensor)
        if dtype != _STRING:
            ctypes.memmove(data, np.ascontiguousarray(array).ctypes.data, array.nbytes)
            return tensor
        for index, text in enumerate(array.reshape(-1)):
            place = data + index * _STRING_BYTES
            self._library("TF_StringInit", None, place)
            self._library("TF_StringCopy", None, place, text, ctypes.c_size_t(len(text)))
        return tensor

    def _array(self, tensor: int, dtype: int) -> np.ndarray:
        rank = self._library("TF_NumDims", ctypes.c_int, tensor)
        shape = [self._library("TF_Dim", ctypes.c_int64, tensor, ctypes.c_int(axis)) for axis in range(rank)]
        data = self._library("TF_TensorData", ctypes.c_void_p, tensor)
        count = int(np.prod(shape, dtype=np.int64))
        array = np.empty(count, _DTYPES[dtype])
        if dtype == _STRING:
            for index in range(count):
                place = data + index * _STRING_BYTES
                size = self._library("TF_StringGetSize", ctypes.c_size_t, place)
                start = self._library("TF_StringGetDataPointer", ctypes.c_void_p, place)
                array[index] = ctypes.string_at(start, size)
        elif count:
            ctypes.memmove(array.ctypes.data, data, array.nbytes)
        return array.reshape(shape)


def _strings(value):
    """JSON strings, and {"b64": ...}, as bytes; lists of them the same way."""
    if isinstance(value, list):
        return [_strings(item) for item in value]
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode()


def _plain(value, binary: bool):
    """Nested lists with their bytes as text, or as {"b64": ...}."""
    if isinstance(value, list):
        return [_plain(item, binary) for item in value]
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()} if binary else value.decode(errors="replace")
    return value


def _signatures(meta_graph: bytes) -> dict[str, tuple[dict, dict]]:
    """Inputs and outputs of each signature: name -> (tensor's name, number of its type)."""
    return {
        signature.key: tuple(
            {entry.key: (entry.value.name, entry.value.dtype) for entry in sorted(side, key=lambda e: e.key)}
            for side in (signature.value.inputs, signature.value.outputs)
        )
        for signature in _meta_graph_class().FromString(meta_graph).signature_def
    }


def _meta_graph_class() -> type:
    """The part of MetaGraphDef that is needed here; the generated class would import all of TensorFlow."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="signatures.proto", package="signatures", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for key, number, kind in fields:
            label = field.LABEL_REPEATED if kind.endswith("Entry") else field.LABEL_OPTIONAL
            if kind in _MESSAGES:
                options = {"type": field.TYPE_MESSAGE, "type_name": f".signatures.{kind}"}
            else:
                options = {"type": field.Type.Value(f"TYPE_{kind}")}
            message.field.add(name=key, number=number, label=label, **options)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("signatures.MetaGraph"))


def main(folder: str) -> int:
    """Reads requests from standard input and writes the outputs to standard output, both JSON.

    A request is {"signature": name, "inputs": {name: nested lists}}, as in `vectors.json`; a binary string is
    {"b64": ...}. The outputs are nested lists by name; strings are text, or {"b64": ...} in outputs named
    "..._bytes".

    Returns:
        The exit code: 1 if the output is {"error": message}.
    """
    try:
        session = Session(Path(folder))
        outputs = [session.run(request["signature"], request["inputs"]) for request in json.load(sys.stdin)]
    except LoaderError as error:
        json.dump({"error": " ".join(str(error).split())}, sys.stdout)
        return 1
    imported = any(name.split(".")[0] in ("tensorflow", "keras") for name in sys.modules)
    json.dump({"outputs": outputs, "tensorflow_imported": imported}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
