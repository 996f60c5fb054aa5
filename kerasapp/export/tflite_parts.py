"""Parts of the graphs for TensorFlow Lite: weights as constants, and forms of layers that convert.

The layers and steps are those of every other runtime. The forms here suit the converter and phones: products
of rows, and loops that end with the text and keep nothing between calls.
"""

import keras
import numpy as np
import tensorflow as tf

EACH = 3  # steps from one that ranges are measured on to the next
CHUNK = 16  # rows whose inputs a `Reader` projects with one product


class Weights:
    """The weights of a model as constants of the graph that is being traced.

    The converter quantises a weight, and stores it once, only if it is a constant of the graph that uses it.
    So each body of a loop and each branch enters the scope again. Variables would stay variables in a file of
    several signatures.

    Example:

    >>> weights = Weights(model)
    >>> with weights():
    ...     logits = model.output_layer(x)
    """

    def __init__(self, model):
        self._values = {id(variable): variable.numpy() for variable in model.variables}

    def __call__(self):
        """A context in which all layers of the model use constants."""
        return _Constants(self._values)


class _Constants(keras.StatelessScope):
    """Gives the layers inside it constants in place of their variables."""

    def __init__(self, values):
        super().__init__()
        self._values = values

    def get_current_value(self, variable):
        value = self._values.get(id(variable))
        return None if value is None else tf.constant(value)


class View:
    """A model with some attributes replaced by forms that convert, for the functions of a task's `model.py`.

    Args:
        model: the model.
        **layers: attribute -> its replacement.
    """

    def __init__(self, model, **layers):
        self._model = model
        self.__dict__.update(layers)

    def __getattr__(self, name):
        return getattr(self._model, name)


class Table:
    """An embedding whose rows are looked up in 8 bits, each row with its own scale, or in floats.

    The converter would give all rows one scale, and store them twice if they are also the logits' weights.
    These rows have the same bytes as the converter's form of such weights, so the file holds them once.

    Args:
        layer: the embedding. precision: of the file.

    Call: like the layer, `ids` of any shape, or `x` with `reverse` for logits.
    """

    def __init__(self, layer, precision):
        self._layer, self._scales = layer, None
        self._rows = layer.embeddings.numpy()
        if precision in ("dynamic", "int8"):
            largest = np.maximum(np.abs(self._rows).max(axis=1), 1e-12)
            scales = largest / np.float32(127)
            # As the converter does, to the last bit: it divides by a scale of 64 bits for `dynamic`, and
            # multiplies by the inverse of a scale of 32 bits for `int8`.
            if precision == "dynamic":
                rows = self._rows / (largest.astype(np.float64) / 127)[:, np.newaxis]
            else:
                rows = self._rows * (1 / scales)[:, np.newaxis]
            self._rows = _rounded(rows).astype(np.int8)
            # As integers: the converter would turn scales that are floats into 8 bits.
            self._unit = float(scales.max()) / 2**30
            self._scales = np.round(scales / self._unit).astype(np.int32)

    def __call__(self, inputs, reverse=False):
        if reverse:
            return self._layer(inputs, reverse=True)
        rows = tf.gather(tf.constant(self._rows), inputs)
        if self._scales is None:
            return rows
        scales = tf.cast(tf.gather(tf.constant(self._scales), inputs), tf.float32) * self._unit
        return tf.cast(rows, tf.float32) * scales[..., tf.newaxis]


def _rounded(x):
    """The nearest integer, halves away from zero."""
    return np.sign(x) * np.floor(np.abs(x).astype(np.float64) + 0.5)  # in 32 bits the sum would be rounded


class Reader:
    """A bidirectional layer that reads one sentence.

    Both directions run in one WHILE that ends with the sentence; the backward direction counts down from the
    end. An outer loop projects `CHUNK` rows at a time with one product; an inner loop takes the steps. So the
    product of a step has only the recurrent weights, and the loops copy little. No tensor keeps its value
    between calls: LiteRT's CompiledModel refuses such files, for example with UNIDIRECTIONAL_SEQUENCE_LSTM.

    Args:
        layer: the `Bidirectional`. weights: the model's `Weights`.

    Call: x [1, time, features], lengths [1] -> [1, time, 2 * units], zeros after the length.
    """

    def __init__(self, layer, weights):
        self._directions, self._units, self._weights = (layer.forward, layer.backward), layer.units, weights

    def __call__(self, x, lengths):
        time, length = x.shape[1], lengths[0]
        rows = min(CHUNK, time)
        x = _bits(x[0])  # [time, features]

        def read_chunk(t, states, outputs):
            starts = tf.minimum(t, time - rows), tf.maximum(length - t - rows, 0)
            places = [start + tf.range(rows) for start in starts]
            inputs = [_floats(tf.gather(x, place)) for place in places]  # [rows, features]
            written = [tf.gather(output, place) for output, place in zip(outputs, places, strict=True)]
            states = tf.nest.map_structure(_floats, states)
            states, written = self._read_rows(t, length, starts, inputs, states, written)
            states = tf.nest.map_structure(_bits, states)
            outputs = [
                tf.tensor_scatter_nd_update(output, place[:, tf.newaxis], part)
                for output, place, part in zip(outputs, places, written, strict=True)
            ]
            return t + rows, states, outputs

        zero = tf.minimum(length, 0)  # computed, so that the file holds no array of zeros
        outputs = [tf.fill([time, self._units], zero)] * 2
        first = tf.fill([1, self._units], zero)
        states = [[first for _ in layer.state_names] for layer in self._directions]
        outputs = tf.while_loop(lambda t, *_: t < length, read_chunk, (0, states, outputs))[2]
        return _floats(tf.concat(outputs, axis=-1))[tf.newaxis]  # [1, time, 2 * units]

    def _read_rows(self, t, length, starts, inputs, states, written):
        """The steps from `t` to the end of its chunk, or of the sentence: (new states, written).

        Args, per direction:
            starts: the place of the first row. inputs: its rows [rows, features]. states: its states.
            written: the bits of its outputs [rows, units].
        """
        rows = written[0].shape[0]
        with self._weights():
            z = [_bits(layer.project(x)) for layer, x in zip(self._directions, inputs, strict=True)]

        def step(t, states, written):
            now = t - starts[0], length - 1 - t - starts[1]
            with self._weights():
                states = [
                    layer.recur(_floats(tf.gather(one, tf.reshape(row, [1]))), state)
                    for layer, one, row, state in zip(self._directions, z, now, states, strict=True)
                ]
            written = [
                tf.where(tf.range(rows)[:, tf.newaxis] == row, _bits(state[0]), old)
                for row, state, old in zip(now, states, written, strict=True)
            ]
            return t + 1, states, written

        last = tf.minimum(t + rows, length)
        return tf.while_loop(lambda t, *_: t < last, step, (t, states, written))[1:]


def _bits(x):
    """Floats as the integers of the same bits.

    The converter crashes when it measures the ranges for int8 and a loop passes floats through unchanged
    (tensorflow#75140). So the loops read and carry these integers.
    """
    return tf.bitcast(x, tf.int32)


def _floats(bits):
    return tf.bitcast(bits, tf.float32)


def nonempty(tensors):
    """The tensors, by name, that have elements. TensorFlow Lite refuses others, such as the keys of a decoder
    without attention."""
    return {name: tensor for name, tensor in tensors.items() if 0 not in tensor.shape}


def padded(ids, end, room):
    """The inputs of `encode` for a list of ids and the id of the end, cut and padded to `room`."""
    ids = [*ids[: room - 1], end]
    return {
        "ids": np.pad(np.array([ids], np.int32), [[0, 0], [0, room - len(ids)]]),
        "length": np.array([len(ids)], np.int32),
    }


def run(function, inputs):
    """The outputs of a concrete function, name -> array, for inputs name -> array."""
    outputs = function(**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in outputs.items()}


def every_third(function, inputs, key, values):
    """Runs a step function over a sequence; yields the inputs of every third step, for the ranges of int8.

    Args:
        function: a concrete function whose outputs are, by their names, inputs of the next step, or others.
        inputs: name -> array, of the first step. key: the input that `values` [time, ...] are for.
    """
    for t, value in enumerate(values):
        inputs = {**inputs, key: value[np.newaxis]}
        if t % EACH == 0:
            yield inputs
        found = run(function, inputs)
        inputs = {name: found.get(name, value) for name, value in inputs.items()}


def input_specs(function):
    """The inputs of a concrete function: name -> TensorSpec."""
    positional, named = function.structured_input_signature
    return {**{spec.name: spec for spec in positional}, **named}


def zeros(function, names):
    """Arrays of zeros for inputs of a concrete function, name -> array."""
    specs = input_specs(function)
    return {name: np.zeros(specs[name].shape, np.float32) for name in names}
