"""What the graphs for TensorFlow Lite are made of: weights as constants, and forms of layers that convert.

The layers and steps are those of every other runtime. Only here stand the forms that the converter and a
phone want: products of rows, loops that end with the text, and LSTMs that become one operation.
"""

import uuid

import keras
import numpy as np
import tensorflow as tf

from kerasapp.layers.recurrent import LSTM

SHORTEST = 16  # positions of the least length that a whole-sequence LSTM is built for


class Weights:
    """The weights of a model as constants of the graph that is being traced.

    The converter quantises a weight, and stores it once, only where it is a constant in the very graph that
    uses it: each body of a loop and each branch enters the scope anew. In a file of several signatures
    variables would stay variables.

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
    """Gives the layers inside it constants for their variables, each one when it is asked for."""

    def __init__(self, values):
        super().__init__()
        self._values = values

    def get_current_value(self, variable):
        value = self._values.get(id(variable))
        return None if value is None else tf.constant(value)


class View:
    """A model some of whose layers stand in forms that convert, for the functions of a task's `model.py`.

    Args:
        model: the model.
        **layers: attribute -> what stands in its place.
    """

    def __init__(self, model, **layers):
        self._model = model
        self.__dict__.update(layers)

    def __getattr__(self, name):
        return getattr(self._model, name)


class Table:
    """An embedding whose rows are looked up in numbers of 8 bits, each row with its own scale, or in floats.

    The converter would give all rows one scale, and store them once more where they are the logits' weights,
    too. These rows are the bytes that it makes of such weights, so that the file has them once.

    Args:
        layer: the embedding. precision: of the file.

    Call: as of the layer, `ids` of any shape, or `x` with `reverse` for logits.
    """

    def __init__(self, layer, precision):
        self._layer, self._scales = layer, None
        self._rows = layer.embeddings.numpy()
        if precision in ("dynamic", "int8"):
            largest = np.maximum(np.abs(self._rows).max(axis=1), 1e-12)
            scales = largest / np.float32(127)
            # As the converter does, to the last bit: it divides by a scale of 64 bits for the one precision,
            # and multiplies by the inverse of one of 32 bits for the other.
            if precision == "dynamic":
                rows = self._rows / (largest.astype(np.float64) / 127)[:, np.newaxis]
            else:
                rows = self._rows * (1 / scales)[:, np.newaxis]
            self._rows = _rounded(rows).astype(np.int8)
            # In whole numbers: of scales that are floats the converter would make numbers of 8 bits.
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
    """To the nearest whole number, halves away from zero."""
    return np.sign(x) * np.floor(np.abs(x).astype(np.float64) + 0.5)  # in 32 bits the sum would be rounded


class Reader:
    """A bidirectional layer that reads one sentence.

    Call: x [1, time, features], lengths [1] -> [1, time, 2 * units], as of the layer up to the length.

    LSTMs become UNIDIRECTIONAL_SEQUENCE_LSTM, whose number of steps is fixed: there is one for each of
    several lengths, and IF takes the shortest that is long enough; they share their weights in the file.
    Other cells become WHILE, which ends with the sentence; so do LSTMs in int8, in which that operation
    writes beyond its states (seen in ai-edge-litert 2.3.0: wrong answers and "free(): invalid pointer").

    Args:
        layer: the `Bidirectional`. weights: the model's `Weights`. precision: of the file.
    """

    def __init__(self, layer, weights, precision):
        self._layer, self._weights = layer, weights
        self._fused = isinstance(layer.forward, LSTM) and precision != "int8"

    def __call__(self, x, lengths):
        layer = self._layer
        if self._fused:
            return _shortest(layer, x, lengths, self._weights, sizes(x.shape[1]))
        forward = _loop(layer.forward, x, lengths, self._weights)
        backward = _loop(layer.backward, tf.reverse_sequence(x, lengths, seq_axis=1), lengths, self._weights)
        return tf.concat([forward, tf.reverse_sequence(backward, lengths, seq_axis=1)], axis=-1)


def sizes(time):
    """The lengths that a `Reader` has branches for: they double, up to `time`."""
    found = [SHORTEST]
    while found[-1] < time:
        found.append(2 * found[-1])
    return [*found[:-1], time]


def _shortest(encoder, x, lengths, weights, sizes):
    """The encoder over the first of `sizes` positions that holds the sentence, zeros after them."""
    size, *longer = sizes
    time = x.shape[1]

    def read():
        with weights():
            y = _fused(encoder, x[:, :size], lengths)
        return tf.pad(y, [[0, 0], [0, time - size], [0, 0]])

    if not longer:
        return read()
    return tf.cond(lengths[0] <= size, read, lambda: _shortest(encoder, x, lengths, weights, longer))


def _fused(encoder, x, lengths):
    """Both directions of an LSTM, each of which the converter makes one operation.

    Padding follows the sentence and is read after it, so it changes no output before it. The operation writes
    its last states over the tensors that it is given: each gets one of its own, of zeros that are computed
    anew in each call (a constant would carry the states over to the next call, and be shared).
    """
    states = tf.unstack(_zeros([4, 1, encoder.units], lengths))
    forward = _fused_lstm(encoder.forward, x, *states[:2])
    backward = _fused_lstm(encoder.backward, tf.reverse_sequence(x, lengths, seq_axis=1), *states[2:])
    return tf.concat([forward, tf.reverse_sequence(backward, lengths, seq_axis=1)], axis=-1)


def _zeros(shape, lengths):
    """Zeros that are computed when the graph runs: no constant in the file."""
    return tf.fill(shape, tf.minimum(tf.cast(lengths[0], tf.float32), 0.0))


def _fused_lstm(layer, x, h, c):
    """Outputs [1, time, units] of an LSTM from the states h and c [1, units].

    The converter replaces a function with these attributes by UNIDIRECTIONAL_SEQUENCE_LSTM, as long as
    nothing uses its state c (tensorflow/compiler/mlir/lite/utils/lstm_utils.cc, ConvertKerasLSTMLayer).
    """
    attributes = {
        "api_implements": f"lstm_{uuid.uuid4()}",
        "api_preferred_device": "CPU",
        "time_major": False,
        "go_backwards": False,
    }

    def lstm(x, h, c, kernel, recurrent_kernel, bias):
        def step(t, h, c, outputs):
            z = x[:, t] @ kernel + h @ recurrent_kernel + bias
            (h, c), _ = layer.advance(z, h, c, axis=1)
            return t + 1, h, c, outputs.write(t, h)

        time = x.shape[1]
        outputs = tf.TensorArray(x.dtype, time, element_shape=h.shape)
        _, h, c, outputs = tf.while_loop(lambda t, *_: t < time, step, (0, h, c, outputs))
        outputs = tf.ensure_shape(tf.transpose(outputs.stack(), [1, 0, 2]), [1, time, layer.units])
        return h, outputs, h, c, tf.constant(1.0)

    cell = layer.cell
    bias = cell.bias if layer.use_bias else tf.zeros([4 * layer.units])
    given = (tf.identity(weight) for weight in (cell.kernel, cell.recurrent_kernel, bias))
    return tf.function(lstm, autograph=False, experimental_attributes=attributes)(x, h, c, *given)[1]


def _loop(layer, x, lengths, weights):
    """Outputs [1, time, units] of a recurrent layer, one step after the other, zeros beyond the length.

    Nothing in it crashes the converter where it measures the ranges of int8. It does so for floats that the
    loop hands on as they are (tensorflow#75140): so `x` goes in as the whole numbers of the same bits. An
    array that grows has no fixed shape: so each step writes all outputs.
    """
    time = x.shape[1]
    bits = tf.bitcast(x[0], tf.int32)  # [time, features]
    positions = tf.range(time)[tf.newaxis, :, tf.newaxis]

    def step(t, states, outputs):
        row = tf.bitcast(tf.gather(bits, tf.reshape(t, [1])), tf.float32)
        with weights():
            states = layer.step(row, states)
        return t + 1, states, tf.where(positions == t, states[0][:, tf.newaxis], outputs)

    states = [tf.zeros([1, layer.units]) for _ in layer.state_names]
    first = 0, states, _zeros([1, time, layer.units], lengths)
    return tf.while_loop(lambda t, *_: t < lengths[0], step, first)[2]


def nonempty(tensors):
    """Those of tensors by name that have elements: a decoder without attention has keys of none, and
    TensorFlow Lite refuses such."""
    return {name: tensor for name, tensor in tensors.items() if 0 not in tensor.shape}


def padded(ids, end, room):
    """The inputs of `encode` for ids [any] and the end, as many as there is room for."""
    ids = [*ids[: room - 1], end]
    return {
        "ids": np.pad(np.array([ids], np.int32), [[0, 0], [0, room - len(ids)]]),
        "length": np.array([len(ids)], np.int32),
    }


def run(function, inputs):
    """What a concrete function gives for inputs name -> array: name -> array."""
    found = function(**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in found.items()}


def input_specs(function):
    """What a concrete function takes: name -> TensorSpec."""
    positional, named = function.structured_input_signature
    return {**{spec.name: spec for spec in positional}, **named}


def zeros(function, names):
    """Arrays of zeros for inputs of a concrete function, name -> array."""
    specs = input_specs(function)
    return {name: np.zeros(specs[name].shape, np.float32) for name in names}
