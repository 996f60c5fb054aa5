"""One loaded SavedModel: its signatures by name, run with NumPy arrays in and out."""

import itertools
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow.python.eager import cancellation, context, execute  # no public way stops what runs

from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.serving.protocol.signatures import (
    DEFAULT_SIGNATURE,
    TensorSpec,
    read_specs,
    signature_not_found,
)

_TAGS = ["serve"]
_WARMUP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
_MAX_WARMUP_RECORDS = 1000  # TF Serving's own limit

# A SavedModel may use the operations of tensorflow-text. The package itself would import Keras.
tf.load_library(str(Path(find_spec("tensorflow_text").origin).parent / "python" / "ops"))

Tensors = dict[str, tf.Tensor]


class Bundle:
    """A SavedModel in memory; safe to call from several threads.

    Args:
        path: the version's folder.

    Raises:
        StatusError: NOT_FOUND if the folder holds no SavedModel, or none for serving.
        Exception: what TensorFlow raises for a broken SavedModel.
    """

    def __init__(self, path: Path):
        self.signature_defs = dict(_read_meta_graph(path).signature_def)
        self._model = tf.saved_model.load(str(path), tags=_TAGS)  # keeps alive what the functions refer to
        self._functions = {name: _function(signature) for name, signature in self._model.signatures.items()}
        self._inputs = {name: read_specs(found.inputs) for name, found in self.signature_defs.items()}

    def inputs(self, signature_name: str) -> dict[str, TensorSpec]:
        """The inputs of a signature, "" being the default one; StatusError if there is no such signature."""
        name = signature_name or DEFAULT_SIGNATURE
        if name not in self._inputs:
            raise signature_not_found(name)
        return self._inputs[name]

    def predict(
        self, signature_name: str, inputs: dict[str, np.ndarray], deadline: Deadline | None = None
    ) -> dict[str, np.ndarray]:
        """Runs a signature ("" is the default one).

        Args:
            signature_name: one that `inputs` knows.
            inputs: exactly the signature's; strings as object arrays of bytes.
            deadline: where it is over, the run is stopped, at the next operation.

        Returns:
            All outputs by name; strings as object arrays of bytes.

        Raises:
            StatusError: TensorFlow's code and message if the run fails, the deadline's if it was stopped.
        """
        function, deadline = self._functions[signature_name or DEFAULT_SIGNATURE], deadline or Deadline()
        manager = cancellation.CancellationManager()
        try:
            with deadline.calls(manager.start_cancel):
                outputs = function({name: tf.constant(array) for name, array in inputs.items()}, manager)
        except tf.errors.OpError as error:
            if isinstance(error, tf.errors.CancelledError) and deadline.is_over():
                raise deadline.error() from None
            raise StatusError(status_code(error), _plain_message(error)) from error
        return {name: _to_numpy(tensor) for name, tensor in outputs.items()}

    def warm_up(self, path: Path, threads: int = 1) -> int:
        """Replays the predict requests in the version's folder, `threads` at once, and returns their number.

        The first run of a signature builds its graph for this machine, which takes longer than most requests.
        """

        def run(request: tuple[str, dict[str, np.ndarray]]) -> None:
            signature_name, arrays = request
            self.inputs(signature_name)
            self.predict(signature_name, arrays)

        with ThreadPoolExecutor(threads, "warm-up") as executor:
            return len(list(executor.map(run, warmup_requests(path))))


def warmup_requests(path: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yields signature name and inputs of each predict request that is recorded in a version's folder.

    Raises:
        StatusError: INVALID_ARGUMENT if there are more than TF Serving allows.
    """
    records = path / _WARMUP_FILE
    if not records.is_file():
        return
    from tensorflow_serving.apis import prediction_log_pb2

    count = 0
    for record in tf.data.TFRecordDataset(str(records)).as_numpy_iterator():
        if count == _MAX_WARMUP_RECORDS:
            raise invalid(f"Number of warmup records exceeds the maximum ({_MAX_WARMUP_RECORDS})")
        log = prediction_log_pb2.PredictionLog.FromString(record)
        if log.WhichOneof("log_type") == "predict_log":
            request = log.predict_log.request
            arrays = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
            yield request.model_spec.signature_name, arrays
            count += 1


def _function(signature) -> Callable[[Tensors, cancellation.CancellationManager], Tensors]:
    """A signature as a function of tensors by name, and of what stops it.

    TensorFlow's own call binds arguments and visits every variable, which takes three times as long as the
    run of a small model. And it is stopped by `CancellationManagerContext`, one global of the process: with
    threads, a request would run under the manager of another.
    """
    names, captured = signature._arg_keywords, list(signature.captured_inputs)
    inner, active = signature.inference_fn, context.context()
    count, pack = len(inner.function_type.flat_outputs), inner.function_type.pack_output
    options = tuple(itertools.chain(*active.function_call_options.as_attrs().items()))

    def run(tensors: Tensors, manager: cancellation.CancellationManager) -> Tensors:
        flat = [*(tensors[name] for name in names), *captured]
        return pack(
            execute.execute_with_cancellation(inner.name.decode(), count, flat, options, active, manager)
        )

    return run


def status_code(error: Exception) -> str:
    """The canonical name of an exception's status."""
    if isinstance(error, StatusError):
        return error.code
    names = {value: name for name, value in vars(tf.errors).items() if isinstance(value, int)}
    return names.get(getattr(error, "error_code", None), "UNKNOWN")


def _read_meta_graph(path: Path) -> meta_graph_pb2.MetaGraphDef:
    model = saved_model_pb2.SavedModel()
    if (path / "saved_model.pb").is_file():
        model.ParseFromString((path / "saved_model.pb").read_bytes())
    elif (path / "saved_model.pbtxt").is_file():
        text_format.Parse((path / "saved_model.pbtxt").read_text(), model)
    else:
        raise StatusError(
            "NOT_FOUND", f"Could not find SavedModel .pb or .pbtxt in the version folder {path.name}"
        )
    for meta_graph in model.meta_graphs:
        if list(meta_graph.meta_info_def.tags) == _TAGS:
            return meta_graph
    raise StatusError("NOT_FOUND", "Could not find meta graph def matching supplied tags: { serve }")


def _to_numpy(tensor: tf.Tensor) -> np.ndarray:
    # A scalar string is bytes, which NumPy would cut at a NUL.
    return np.asarray(tensor.numpy(), object if tensor.dtype == tf.string else None)


def _plain_message(error: tf.errors.OpError) -> str:
    """TensorFlow's message without what the Python call adds to it."""
    message = re.sub(
        r"^Graph execution error:.*<stack traces unavailable>\n", "", error.message, flags=re.DOTALL
    )
    return re.sub(r" \[Op:\w+\](?: name: .*)?$", "", message)
