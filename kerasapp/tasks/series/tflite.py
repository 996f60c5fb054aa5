"""`series` on a phone: the graph, and what a runtime has to know of it."""

import numpy as np
import tensorflow as tf

from kerasapp.export.tflite_parts import Weights, run, zeros
from kerasapp.tasks.series.answers import QUANTILES
from kerasapp.tasks.series.model import LEAST_DEVIATION
from kerasapp.tasks.series.model import step as model_step
from kerasapp.tasks.series.spec import SPEC

SAMPLED = 12  # windows that ranges are measured on
EACH = 3  # steps of them, every third
TOLERANCE = 1e-3  # of float32's forecasts, relative


def signatures(task, model, precision):
    """The function of the file, one series each.

    step: "scaled" float32 [1, columns], a step's values as the metadata's "scaling" makes them, zeros before
        the first; states -> "raw" float32 [1, parameters] of the mixture of the values after them (see
        `kerasapp.tasks.series.model.mixture`), states.

    Args:
        task: the `Series` task. model: its model. precision: of the file.

    Returns: name -> concrete function. The states are float32 [1, units], zeros at first.
    """
    weights = Weights(model)
    states = {name: tf.TensorSpec([1, model.units], tf.float32, name) for name in model.state_names}

    @tf.function(autograph=False)
    def step(scaled, **states):
        with weights():
            raw, states = model_step(model, scaled, states)
        return {"raw": raw, **states}

    values = tf.TensorSpec([1, model.columns], tf.float32, "scaled")
    return {"step": step.get_concrete_function(values, **states)}


def samples(task, model, functions):
    """Yields (signature, inputs name -> array) from the training data, for the ranges of numbers of 8 bits.

    Args:
        task: the `Series` task. model: its model. functions: what `signatures` gives.
    """
    before = next(iter(task.training_data()))[0].numpy()[:SAMPLED]  # [windows, window, columns]
    for row in before:
        states = zeros(functions["step"], model.state_names)
        for t, values in enumerate(row):
            inputs = {"scaled": values[np.newaxis], **states}
            if t % EACH == 0:
                yield "step", inputs
            states = run(functions["step"], inputs)
            states.pop("raw")


def description(task, model):
    """What the metadata have of this task alone."""
    return {
        "limits": {name: SPEC.knob(name).most for name in ("horizon", "samples")},
        "quantiles": QUANTILES,
        "components": model.components,
        "least_deviation": LEAST_DEVIATION,
        "scaling": task.tokenizer._asdict(),
    }


def tokenizers(task):
    """The vocabularies by name: none."""
    return {}


def vectors(servable):
    """Requests, one history each, and what a port has to give for them, as JSON values."""
    ((_, inputs), *_) = servable.example_requests()
    answer = servable.forecast(**{name: tf.constant(value) for name, value in inputs.items()})
    found = []
    for i, (length, horizon) in enumerate(zip(inputs["lengths"], inputs["horizon"], strict=True)):
        request = {name: int(inputs[name][i]) for name in ("horizon", "samples", "seed", "lengths")}
        request["history"] = inputs["history"][i, :length].tolist()
        outputs = {name: answer[name][i, :horizon].numpy().tolist() for name in ("mean", "quantiles")}
        found.append({"inputs": request, "outputs": outputs})
    return {"tolerance": {"values": TOLERANCE}, "requests": found}
