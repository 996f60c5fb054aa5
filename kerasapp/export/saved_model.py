"""A trained model as a SavedModel version that TF Serving loads, with all that kerasapp needs of it."""

import base64
import inspect
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasapp.artefact import EXTRA, versions
from kerasapp.config import parsing
from kerasapp.errors import ConfigError
from kerasapp.export import bundle, lint, model_card, warmup

FIGURE = "figure.json"  # of the validation data: the one by which the run chose this model, and likelihoods


def export(task, model, folder, metrics=None, tflite=(), check=None):
    """Writes the next version of a model and returns its folder.

    Everything is written in `folder/.tmp-…` and renamed at the end to the next free number, so that a
    server that watches the folder never sees half a version.

    Args:
        task: the task that the model was built by.
        model: the trained model.
        folder: `saved_models/NAME`.
        metrics: name -> number, for the model card; with "data", a digest of the data that they are of,
            `kerasapp verify` measures the one that chose the model again.
        tflite: precisions of a bundle for phones, see `kerasapp.export.tflite`; none, no bundle.
        check: function (folder of the staged version) -> Markdown for the model card. If it raises, no
            version is written.

    Raises: ConfigError where the folder cannot be written, TF Serving could not serve the model, or a
        precision cannot be made of it.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=".tmp-", dir=folder))
    except OSError as error:
        raise ConfigError(f"{folder}: cannot export there: {error.strerror}") from None
    try:
        _write(task, model, staged, folder.name, dict(metrics or {}), tflite, check)
        staged.chmod(0o755)  # mkdtemp's folder is for its owner alone; a server may be another user
        return _publish(staged, folder)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def _write(task, model, staged, name, metrics, tflite, check):
    """Writes a version to the folder `staged`; see `export`."""
    serving_model = task.serving_model(model)
    servable = task.servable(serving_model)
    traced = {name: _traced(function) for name, function in servable.signatures().items()}
    tf.saved_model.save(_resources(servable, serving_model), str(staged), signatures=traced)
    extra = staged / EXTRA
    extra.mkdir(parents=True)
    serving_model.save(extra / "model.keras")
    parsing.save(task.config, extra / "config.yaml")
    task.save_tokenizer(extra)
    if task.data_report_file:
        shutil.copyfile(task.data_report_file, extra / task.data_report_file.name)
    requests = servable.example_requests()
    replayed = [_default_request(servable, requests), *requests]
    warmup.write(staged / "assets.extra" / "tf_serving_warmup_requests", name, replayed)
    answers = json.dumps(vectors(servable, requests), indent=1)
    (extra / "vectors.json").write_text(answers, encoding="utf-8")
    data = metrics.pop("data", None)
    if data and f"valid_{task.monitor}" in metrics:
        names = [
            name for name in metrics if name.startswith("valid_nats_") or name == f"valid_{task.monitor}"
        ]
        figures = {
            "data": data,
            "figures": {name.removeprefix("valid_"): float(metrics[name]) for name in names},
        }
        (extra / FIGURE).write_text(json.dumps(figures), encoding="utf-8")
    lint.check(staged)
    if tflite:
        bundle.write(task, serving_model, servable, tflite, staged / bundle.FOLDER, name)
    verified = check(staged) if check else None
    card = model_card.text(name, task.config, serving_model, servable.signatures(), staged, metrics, verified)
    (extra / "model_card.md").write_text(card, encoding="utf-8")


def _traced(function):
    """The graph of a signature. Of a `tf.function` `save` would trace another, in a context of its own."""
    concrete = tf.types.experimental.ConcreteFunction
    return function if isinstance(function, concrete) else function.get_concrete_function()


def _default_request(servable, requests):
    """A request of the default signature, which most clients use, with one row of the first example."""
    names = inspect.signature(servable.serving_default).parameters
    return "serving_default", {name: requests[0][1][name][-1:] for name in names}


def _resources(servable, model):
    """The resources of the servable's signatures: the model's variables, its tokenizers and their tables.

    The variables are TensorFlow's own, without the Keras model around them. Keras's variables would be saved
    twice, as the functions read them and as they are restored. TensorFlow's C++ loader, which TF Serving
    uses, does not find the first (https://github.com/keras-team/keras/issues/19274).
    """
    root = tf.Module(name=servable.name)
    root.weights = [variable.value for variable in model.variables]
    root.parts = list(servable.submodules)
    return root


def vectors(servable, requests):
    """Requests with their answers, as JSON values; every other runtime has to give these answers."""
    signatures = servable.signatures()
    answers = []
    for name, inputs in requests:
        result = signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        outputs = {key: _plain(value.numpy(), key) for key, value in result.items()}
        answers.append(
            {"signature": name, "inputs": {k: _plain(v) for k, v in inputs.items()}, "outputs": outputs}
        )
    return answers


def _plain(value, name=""):
    """Lists of numbers and strings; those of an output named "..._bytes" in base64, as in TF Serving."""
    if name.endswith("_bytes"):
        return [{"b64": base64.b64encode(item).decode()} for item in value.tolist()]
    if value.dtype == object and value.size:  # strings, as TensorFlow or as Python has them
        value = np.vectorize(lambda text: text.decode() if isinstance(text, bytes) else text)(value)
    return value.tolist()


def _publish(staged, folder):
    while True:
        version = folder / str(max(versions(folder), default=0) + 1)
        bundle.stamp(staged, int(version.name))
        try:
            os.rename(staged, version)
            return version
        except OSError:
            if not version.exists():  # otherwise another export was quicker: take the number after it
                raise
