"""LSTM, GRU and SimpleRNN layers that train fast on a CPU.

They hold the weights of the `keras.layers` classes of the same names and agree with them in values and
gradients. What makes them fast:

- The gradient of a step is written by hand, and that of the weights is one large product after the loop (see
  `kerasapp.layers.scan`).
- All the products of a step are one, and tensors inside the loop are [features, batch]: the gates split
  without a copy.
- In training each half of the batch has a loop of its own, side by side (see `kerasapp.layers.batch`).
"""

import keras
import tensorflow as tf

from kerasapp.layers.batch import split_batch
from kerasapp.layers.scan import scan


class _Recurrent:
    """The call and the two forms of one step, shared by the three layers.

    The product of a step is z = weights x [x; 1; h], [rows, batch]. A layer adds:

    - `state_names`: "h" first.
    - `_spread(w, recurrent)` moves the columns of Keras's (recurrent) kernel to z's rows, if they differ.
    - `advance(z, *states)`, with the features along `axis`, gives (new states, values for the gradient).
    - `_backward(values, *dstates)` gives (gradient of z, that of each state other than through z, or None).
    - `_values`: how many tensors [units, batch] `advance` gives for the gradient.
    """

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        name = type(self).__name__
        for option in ("go_backwards", "stateful", "unroll", "zero_output_for_mask"):
            if getattr(self, option):
                raise ValueError(f"{name} does not support {option}=True")
        if not getattr(self, "reset_after", True):
            raise ValueError(f"{name} does not support reset_after=False")
        gate = getattr(self, "recurrent_activation", keras.activations.sigmoid)
        if self.activation is not keras.activations.tanh or gate is not keras.activations.sigmoid:
            raise ValueError(f"{name} supports only the activations tanh and (of gates) sigmoid")

    def call(self, sequences, initial_state=None, mask=None, training=False):
        if initial_state is None:
            initial_state = self.get_initial_state(tf.shape(sequences)[0])
        states = [tf.cast(state, self.compute_dtype) for state in keras.tree.flatten(initial_state)]
        mask = None if mask is None else tf.cast(mask, tf.bool)
        if training and self.dropout:
            ones = tf.ones_like(sequences[:, :1])  # one mask for all steps, as in Keras
            sequences *= keras.random.dropout(ones, self.dropout, seed=self.cell.seed_generator)
        outputs, *states = self._run(sequences, states, mask, training)
        if mask is not None:  # before the first step that is not masked Keras gives 0, not the initial h
            begun = tf.cumsum(tf.cast(mask, tf.int32), axis=1) > 0
            outputs = tf.where(begun[:, :, None], outputs, tf.zeros_like(outputs))
        outputs = outputs if self.return_sequences else outputs[:, -1]
        return (outputs, *states) if self.return_state else outputs

    def _run(self, sequences, states, mask, training):
        """[outputs [batch, time, units], *final states [batch, units]], by the loop that is fastest here."""
        weights = self._weights(training)
        if sequences.shape[1] == 1:
            new = self.step(sequences[:, 0], states, weights)
            states = new if mask is None else [tf.where(mask, n, s) for n, s in zip(new, states, strict=True)]
            return [states[0][:, None], *states]
        weights = self._join(*weights)
        rows = sequences, states, [] if mask is None else [mask]
        return split_batch(lambda rows: self._scan(*rows, weights, training), rows, training)

    def _scan(self, sequences, states, mask, weights, training):
        mask = tf.transpose(mask[0])[:, None] if mask else None  # [time, 1, batch]
        states = {name: tf.transpose(state) for name, state in zip(self.state_names, states, strict=True)}
        options = {"back": self._step_back, "saves": [self.units] * self._values, "training": training}
        x, weights = self.columns(sequences), {"z": weights}
        outputs, last = scan(self.scan_step, x, states, weights, outputs=["h"], mask=mask, **options)
        outputs = tf.transpose(outputs["h"], [2, 0, 1])  # [batch, time, units]
        return [outputs, *(tf.transpose(last[name]) for name in self.state_names)]

    def columns(self, sequences):
        """Sequences [batch, time, features] as `scan_step` takes them: [time, features + 1, batch]. The row
        of ones meets the bias."""
        x = tf.transpose(sequences, [1, 2, 0])  # [time, features, batch]
        return tf.concat([x, tf.ones_like(x[:, :1])], axis=1)

    def scan_step(self, product, x, states, constants):
        """A step of `kerasapp.layers.scan.scan`: states name -> [units, batch]."""
        z = product("z", tf.concat([x, states["h"]], axis=0))  # [rows, batch]
        new, saved = self.advance(z, *(states[name] for name in self.state_names))
        return dict(zip(self.state_names, new, strict=True)), saved

    def _step_back(self, product_back, saved, dstates):
        dz, direct = self._backward(saved, *(dstates[name] for name in self.state_names))
        dxh = product_back("z", dz)
        dx, dh = tf.split(dxh, [dxh.shape[0] - self.units, self.units], axis=0)
        dstates = [dh if direct[0] is None else dh + direct[0], *direct[1:]]
        return dx, dict(zip(self.state_names, dstates, strict=True))

    def step(self, x, states, weights=None):
        """One step: x [batch, features], states [batch, units] -> new states, h first. It is the fast form
        for few rows or a single step: no weight is copied."""
        weights = weights or self._weights(training=False)
        return self.recur(self.project(x, weights), states, weights)

    def project(self, x, weights=None):
        """The inputs' part of z: x [rows, features] -> [rows, size of z]."""
        kernel, _, bias, _ = weights or self._weights(training=False)
        return self._spread(x @ kernel + bias, False)

    def recur(self, z, states, weights=None):
        """One step of projected inputs: z [batch, size], states [batch, units] -> new states, h first."""
        _, kernel, _, bias = weights or self._weights(training=False)
        return self.advance(z + self._spread(states[0] @ kernel + bias, True), *states, axis=1)[0]

    def step_function(self, inputs=None):
        """One step for a loop over many rows: function (x [features, batch], states [units, batch]) -> new
        states, h first.

        Call `step_function` before the loop: it arranges the weights once. With `inputs` [count, features],
        all possible x, the function takes their numbers int32 [batch]; their product is computed once, too.
        """
        weights = self.joined_weights()
        of_h = weights[:, -self.units :]
        if inputs is not None:
            ones = tf.ones([1, tf.shape(inputs)[0]], inputs.dtype)
            table = weights[:, : -self.units] @ tf.concat([tf.transpose(inputs), ones], axis=0)
            table = tf.transpose(table)  # [count, rows]

        def step(x, states):
            if inputs is not None:
                z = tf.transpose(tf.gather(table, x)) + of_h @ states[0]  # [rows, batch]
            else:
                z = weights @ tf.concat([x, tf.ones_like(x[:1]), states[0]], axis=0)
            return self.advance(z, *states)[0]

        return step

    def joined_weights(self, training=False):
        """The matrix of a step's product z = weights x [x; 1; h], [rows, features + 1 + units]."""
        return self._join(*self._weights(training))

    def _spread(self, w, recurrent):
        return w

    def _weights(self, training):
        """Keras's kernel, recurrent kernel, and the bias of either, in the compute dtype."""
        kernels = self.cell.kernel, self.cell.recurrent_kernel
        kernel, recurrent_kernel = (tf.cast(kernel, self.compute_dtype) for kernel in kernels)
        if training and self.recurrent_dropout:
            recurrent_kernel = keras.random.dropout(
                recurrent_kernel, self.recurrent_dropout, seed=self.cell.seed_generator
            )
        biases = [tf.zeros(kernel.shape[1:], kernel.dtype)] * 2
        if self.use_bias:  # a GRU has both, the others have that of the kernel alone
            bias = tf.reshape(tf.cast(self.cell.bias, self.compute_dtype), [-1, kernel.shape[1]])
            biases = [*tf.unstack(bias), *biases][:2]
        return kernel, recurrent_kernel, *biases

    def _join(self, kernel, recurrent_kernel, bias, recurrent_bias):
        """The weights of z [rows, features + 1 + units]."""
        bias = self._spread(bias, False) + self._spread(recurrent_bias, True)
        parts = [self._spread(kernel, False), bias[None], self._spread(recurrent_kernel, True)]
        return tf.transpose(tf.concat(parts, axis=0))


@keras.saving.register_keras_serializable("kerasapp")
class LSTM(_Recurrent, keras.layers.LSTM):
    """`keras.layers.LSTM` (Hochreiter & Schmidhuber 1997) that trains faster on a CPU.

    It has Keras's weights, arguments and results, and can stand in any model. It does not use cuDNN. The
    activations are tanh and sigmoid; others, `stateful`, `go_backwards`, `unroll` and `zero_output_for_mask`
    raise ValueError.

    Args:
        units: size of the output and of each state.
        dropout: share of the input features dropped in training, the same ones at every step.
        recurrent_dropout: share of the *recurrent weights* dropped in training, the same ones for the whole
            call (weight drop: Merity, Keskar & Socher 2018, "Regularizing and optimizing LSTM language
            models"). Keras drops units of h instead; this costs nothing in the loop.
        **options: the other arguments of the Keras layer.

    Call: `sequences` [batch, time, features], `initial_state` (list of [batch, units]; zeros if None), `mask`
    (bool [batch, time]) -> the last output [batch, units], or all of them [batch, time, units] with
    `return_sequences`; with `return_state` a tuple of it and the final states [batch, units]: h, and c in an
    LSTM. A masked step (False) changes no state and repeats the output of the step before it, or 0 at the
    start. Time 1 is computed without a loop. The fast gradient needs `training=True`; without it gradients
    are right but slow.

    Example:

    >>> layer = LSTM(256, return_sequences=True, return_state=True)
    >>> outputs, h, c = layer(tf.zeros([64, 100, 32]))
    >>> outputs, h, c = layer(tf.zeros([64, 100, 32]), initial_state=[h, c], training=True)
    """

    _values = 6
    state_names = "h", "c"

    @staticmethod
    def advance(z, h, c, axis=0):
        i, f, g, o = tf.split(z, 4, axis=axis)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        next_c = f * c + i * g
        tanh_c = tf.tanh(next_c)
        return [o * tanh_c, next_c], [i, f, g, o, tanh_c, c]

    def _backward(self, values, dh, dc):
        i, f, g, o, tanh_c, c = values
        dc += _dtanh(tanh_c, dh * o)
        gates = _dsigmoid(i, dc * g), _dsigmoid(f, dc * c), _dtanh(g, dc * i), _dsigmoid(o, dh * tanh_c)
        return tf.concat(gates, axis=0), [None, dc * f]


@keras.saving.register_keras_serializable("kerasapp")
class GRU(_Recurrent, keras.layers.GRU):
    """`keras.layers.GRU` (Cho et al. 2014; `reset_after=True`, as in cuDNN), as `LSTM` in this module."""

    _values = 5
    state_names = ("h",)

    def _spread(self, w, recurrent):
        # The reset gate multiplies h's part of the candidate, not x's: z has four blocks, not three.
        gates, candidate = tf.split(w, [2 * self.units, self.units], axis=-1)
        zeros = tf.zeros_like(candidate)
        return tf.concat([gates, zeros, candidate] if recurrent else [gates, candidate, zeros], axis=-1)

    @staticmethod
    def advance(z, h, axis=0):
        update, reset, candidate, inner = tf.split(z, 4, axis=axis)
        update, reset = tf.sigmoid(update), tf.sigmoid(reset)
        candidate = tf.tanh(candidate + reset * inner)
        return [candidate + update * (h - candidate)], [update, reset, candidate, inner, h]

    def _backward(self, values, dh):
        update, reset, candidate, inner, h = values
        dupdate = _dsigmoid(update, dh * (h - candidate))
        dcandidate = _dtanh(candidate, dh - dh * update)
        dreset = _dsigmoid(reset, dcandidate * inner)
        return tf.concat([dupdate, dreset, dcandidate, dcandidate * reset], axis=0), [dh * update]


@keras.saving.register_keras_serializable("kerasapp")
class SimpleRNN(_Recurrent, keras.layers.SimpleRNN):
    """`keras.layers.SimpleRNN` (Elman 1990), as `LSTM` in this module."""

    _values = 1
    state_names = ("h",)

    @staticmethod
    def advance(z, h, axis=0):
        h = tf.tanh(z)
        return [h], [h]

    def _backward(self, values, dh):
        return _dtanh(*values, dh), [None]


GATED = {"lstm": LSTM, "gru": GRU}


def _dsigmoid(y, dy):
    return tf.raw_ops.SigmoidGrad(y=y, dy=dy)


def _dtanh(y, dy):
    return tf.raw_ops.TanhGrad(y=y, dy=dy)
