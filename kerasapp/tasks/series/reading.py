"""A model of series reads a history, and everything that it does is kept."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasapp.layers.recording import record
from kerasapp.tasks.series.model import log_density, mixture

WINDOW = 1024  # steps read at once: bounds the memory that gates and states take


class Reading(NamedTuple):
    """What a model did with a history of `time` steps.

    scaled: float32 [time, columns], the values on the network's scale. nats: float32 [time], -ln of the
        density of each step's values given all before it, in the values' own unit.
    mixture: the prediction of each step from all before it: {"log_weights" float32 [time, components],
        "means", "deviations" [time, components, columns]}, on the network's scale.
    states: name -> float32 [time, units], as "c_0": after each step. gates: the same, as "forget_0".
    """

    scaled: np.ndarray
    nats: np.ndarray
    mixture: dict
    states: dict
    gates: dict

    def since(self, step):
        """What comes from a step on."""
        return tf.nest.map_structure(lambda array: array[step:], self)


def read(forecaster, history, progress=None):
    """Lets a model read a history as `score` does: from states of zeros, after zeros.

    Args:
        forecaster: a `Forecaster`.
        history: float [time, columns], at least one step of values that the scaling takes.
        progress: function that gets the share done, now and then.

    Returns: a `Reading`.
    """
    model, scaling = forecaster.model, forecaster.servable.scaling
    scaled = scaling.scaled(history).numpy()
    inputs = np.concatenate([np.zeros_like(scaled[:1]), scaled])  # [time + 1, columns]
    states = {name: tf.zeros([model.units]) for name in model.state_names}
    read_window, parts = _window(model), []
    for start in range(0, len(inputs), WINDOW):
        found, states = read_window(inputs[start : start + WINDOW], states)
        parts.append(tf.nest.map_structure(lambda tensor: tensor.numpy(), found))
        if progress:
            progress(min(1.0, (start + WINDOW) / len(inputs)))
    found = tf.nest.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
    # Before a step the network has read one value less than after it.
    after = ({name: array[1:] for name, array in found[kind].items()} for kind in ("states", "gates"))
    parameters = mixture(tf.constant(found["raw"][:-1]), model.columns)
    slope = tf.reduce_sum(scaling.log_slope(history), axis=-1)
    nats = -log_density(parameters, scaled) - slope
    parameters = {name: array.numpy() for name, array in parameters.items()}
    return Reading(scaled, nats.numpy(), parameters, *after)


def _window(model):
    states = {name: tf.TensorSpec([model.units], name=name) for name in model.state_names}

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, model.columns]), states])
    def read_window(values, states):
        x, after, gates = record(model.stack, values, states)
        found = {"raw": model.output_layer(x), "states": after, "gates": gates}
        return found, {name: state[-1] for name, state in after.items()}

    return read_window
