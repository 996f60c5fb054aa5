"""`series` on a phone: the graph, and what a runtime has to know of it."""

import tensorflow as tf

from kerasapp.export.tflite_parts import Weights, every_third, zeros
from kerasapp.tasks.series.answers import QUANTILES
from kerasapp.tasks.series.model import LEAST_DEVIATION
from kerasapp.tasks.series.model import step as model_step
from kerasapp.tasks.series.spec import SPEC

SAMPLED = 12  # windows that the ranges of int8 are measured on
TOLERANCE = 1e-3  # of float32's forecasts, a share of the widest band of each column


def signatures(task, model, precision):
    """The function of the file, one series each.

    step: "scaled" float32 [1, columns], a step's values as the metadata's "scaling" makes them, zeros before
        the first; states -> "raw" float32 [1, parameters] of the mixture of the values after them (see
        `kerasapp.tasks.series.model.mixture`), states.

    The states are float32 [1, units], zeros at first.
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
    """Inputs from the training data (see `kerasapp.export.tflite`)."""
    before = next(iter(task.training_data()))[0].numpy()[:SAMPLED]  # [windows, window, columns]
    for row in before:
        states = zeros(functions["step"], model.state_names)
        for inputs in every_third(functions["step"], states, "scaled", row):
            yield "step", inputs


def description(task, model):
    """What the metadata have of this task alone."""
    return {
        "limits": {name: SPEC.knob(name).most for name in ("horizon", "samples")},
        "quantiles": QUANTILES,
        "components": model.components,
        "least_deviation": LEAST_DEVIATION,
        "scaling": task.tokenizer._asdict(),
        "dtype": task.tokenizer.dtype,
    }


def tokenizers(task):
    """The vocabularies by name: none."""
    return {}


def vectors(servable):
    """Requests, one history each, and what a port has to give for them, as JSON values."""
    ((_, inputs), *_) = servable.example_requests()
    answer = servable.forecast(**inputs)
    found = []
    for i, (length, horizon) in enumerate(zip(inputs["lengths"], inputs["horizon"], strict=True)):
        request = {name: int(inputs[name][i]) for name in ("horizon", "samples", "seed", "lengths")}
        request["history"] = inputs["history"][i, :length].tolist()
        outputs = {name: answer[name][i, :horizon].numpy().tolist() for name in ("mean", "quantiles")}
        found.append({"inputs": request, "outputs": outputs})
    return {"tolerance": {"values": TOLERANCE}, "requests": found}
