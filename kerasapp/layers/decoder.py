"""A recurrent decoder with attention over an encoder's outputs."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasapp.layers import old_files
from kerasapp.layers.batch import split_batch
from kerasapp.layers.recurrent import GATED
from kerasapp.layers.scan import scan, sum_dtype
from kerasapp.layers.stack import RecurrentStack, transposed


class _Products(NamedTuple):
    """How a step makes its products: `cell(x, states)` gives the cell's new states, `query(h)` the projected
    query [batch, size], `output(context, h)` what becomes the vector after tanh."""

    cell: callable
    query: callable
    output: callable


@keras.saving.register_keras_serializable("kerasapp")
class AttentionDecoder(keras.layers.Layer):
    """Recurrent cell, attention and input feeding (Luong et al. 2015, arXiv:1508.04025), and further
    recurrent layers on them if asked for.

    At each step, with x the input, h the cell's state, v the attentional vector:

        h_t = cell([x_t; v_(t-1)], h_(t-1));  c_t, a_t = attention(h_t);  v_t = tanh(O [c_t; h_t] + b)

    v_t is fed to the next step. Without further layers it is the output, too; each of them adds its own
    output, after dropout, to what it reads.

    Args:
        attention: a layer of `kerasapp.layers.attention`.
        units: size of v and of each state.
        cell: "lstm" or "gru".
        layers: number of recurrent layers. Only the first one attends.
        dropout: share of the units of v, and of each further layer's output, dropped in training, the same
            ones at every step of a sentence.
        recurrent_dropout: share of the recurrent weights dropped in training (weight drop).

    Call: `inputs` [batch, time, features], `memory` [batch, source, memory_size], `lengths` int32 [batch] of
    the source, `states` (the cell's first states, list of [batch, units]: h, and c of an LSTM; zeros if None)
    -> (outputs [batch, time, units], alignment [batch, time, source]).

    For one step after the other there are `first_states` and, with the same arguments and results, `step` and
    what `step_function` gives.
    """

    def __init__(self, attention, units, cell="lstm", layers=1, dropout=0.0, recurrent_dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.attention, self.units = attention, units
        self.dropout = dropout
        self.seed_generator = keras.random.SeedGenerator()
        options = {"recurrent_dropout": recurrent_dropout, "dtype": self.dtype_policy}
        self.recurrent = GATED[cell](units, name=cell, **options)
        self.upper = RecurrentStack(
            units, cell, layers - 1, dropout, residual=True, drop_sum=False, first=1, name="upper", **options
        )
        self.own_config = {"cell": cell, "layers": layers, "recurrent_dropout": recurrent_dropout}

    @property
    def state_names(self):
        """Names of what a step hands to the next: the cell's states, the vector v, the cumulative alignment
        (the sum of the alignments so far; "attended" in exported signatures), the further layers' states."""
        return [*self.recurrent.state_names, "vector", "attended", *self.upper.state_names]

    def build(self, inputs_shape, memory_shape, *_):
        units = self.units
        if not self.attention.built:
            self.attention.build((None, units), memory_shape)
        self.recurrent.build((*inputs_shape[:-1], inputs_shape[-1] + units))
        self.upper.build((*inputs_shape[:-1], units))
        shape = [self.attention.value_size + units, units]
        self.output_kernel = self.add_weight(shape=shape, initializer="glorot_uniform", name="output_kernel")
        self.output_bias = self.add_weight(shape=[units], initializer="zeros", name="output_bias")

    def call(self, inputs, memory, lengths, states=None, training=False):
        prepared = self.attention.prepare(memory, lengths)
        rows = inputs, prepared, self._cell_states(prepared, states)
        weights, parameters = self._joined_weights(training), self.attention.parameters()

        def run(rows):
            return self._scan(*rows, weights, parameters, training)

        vectors, alignment = split_batch(run, rows, training)
        return self.upper(vectors, training=training)[0], alignment

    def first_states(self, prepared, states=None):
        """The states before the first step, of `state_names`: `prepared` is what `attention.prepare` gives,
        `states` as in the call."""
        found = self._cell_states(prepared, states)
        return {**found, **{name: tf.zeros_like(found["vector"]) for name in self.upper.state_names}}

    def step(self, x, states, prepared):
        """One step: x [batch, features], states of `state_names` [batch, ...], `prepared` from
        `attention.prepare` -> (y [batch, units], alignment [batch, source], states). It is the fast form for
        few rows or a single step."""
        after, alignment = self._step(self._rows(), x, states, prepared, self.attention.parameters())
        y, states = self.upper.step(after["vector"], states)
        return y, alignment, {**after, **states}

    def step_function(self):
        """`step` for a loop over many rows: a function with the same arguments and results. Call
        `step_function` before the loop: it arranges the weights once."""
        weights, upper = self._joined_weights(training=False), self.upper.step_function()
        products, parameters = self._columns(lambda name, a: weights[name] @ a), self.attention.parameters()

        def step(x, states, prepared):
            states = _transposed(states)
            after, alignment = self._step(products, tf.transpose(x), states, prepared, parameters)
            y, states = upper(after["vector"], states)
            return tf.transpose(y), alignment, _transposed({**after, **states})

        return step

    def _scan(self, inputs, prepared, states, weights, parameters, training):
        mask, dropped = prepared["mask"], None
        if training and self.dropout:
            ones = tf.ones([self.units, tf.shape(inputs)[0]], inputs.dtype)
            dropped = keras.random.dropout(ones, self.dropout, seed=self.seed_generator)

        def step(product, x, states, constants):
            memory = {"keys": constants["keys"], "values": constants["values"], "mask": mask}
            new, alignment = self._step(self._columns(product), x, states, memory, constants)
            if dropped is not None:
                new["vector"] *= dropped
            return {**new, "alignment": alignment}

        constants = {"keys": prepared["keys"], "values": prepared["values"], **parameters}
        states = {**_transposed(states), "alignment": tf.zeros_like(mask)}
        x = tf.transpose(inputs, [1, 2, 0])  # [time, features, batch]
        out, _ = scan(step, x, states, weights, constants, outputs=["vector", "alignment"], training=training)
        vectors = tf.transpose(out["vector"], [2, 0, 1])  # [batch, time, units]
        return vectors, tf.transpose(out["alignment"], [1, 0, 2])  # [batch, time, source]

    def _step(self, products, x, states, prepared, parameters):
        """(new states of the cell, the vector and the cumulative alignment; alignment [batch, source])."""
        cell = products.cell(x, states)
        query = products.query(cell[0])
        context, alignment = self.attention.attend(query, prepared, states["attended"], parameters)
        return {
            **dict(zip(self.recurrent.state_names, cell, strict=True)),
            "vector": tf.tanh(products.output(context, cell[0])),
            "attended": states["attended"] + tf.cast(alignment, states["attended"].dtype),
        }, alignment

    def _rows(self):
        """The products of a single step, tensors being [batch, features]."""
        kernel, bias = self._output_weights()

        def cell(x, states):
            x = tf.concat([x, states["vector"]], axis=1)
            return self.recurrent.step(x, [states[name] for name in self.recurrent.state_names])

        return _Products(
            cell, self.attention.project, lambda context, h: tf.concat([context, h], axis=1) @ kernel + bias
        )

    def _columns(self, product):
        """The products of a step in a loop, tensors being [features, batch]; see `scan` for `product`."""

        def cell(x, states):
            z = product("gates", tf.concat([x, states["vector"], tf.ones_like(x[:1]), states["h"]], axis=0))
            return self.recurrent.advance(z, *(states[name] for name in self.recurrent.state_names))[0]

        def query(h):
            return tf.transpose(product("query", h) if self.attention.projects_query else h)

        def output(context, h):
            return product("output", tf.concat([tf.transpose(context), h, tf.ones_like(h[:1])], axis=0))

        return _Products(cell, query, output)

    def _joined_weights(self, training):
        """The matrices of `_columns`, by name."""
        kernel, bias = self._output_weights()
        weights = {
            "gates": self.recurrent.joined_weights(training),
            "output": tf.transpose(tf.concat([kernel, bias[tf.newaxis]], axis=0)),
        }
        if self.attention.projects_query:
            weights["query"] = self.attention.cast(self.attention.query_kernel)
        return weights

    def _output_weights(self):
        return (tf.cast(weight, self.compute_dtype) for weight in (self.output_kernel, self.output_bias))

    def _cell_states(self, prepared, states=None):
        """The first states of the cell, the vector and the cumulative alignment, [batch, ...]."""
        mask, names = prepared["mask"], self.recurrent.state_names
        zeros = tf.zeros([tf.shape(mask)[0], self.units], self.compute_dtype)
        states = [zeros] * len(names) if states is None else states
        attended = tf.zeros_like(mask, sum_dtype(mask.dtype))
        return {**dict(zip(names, states, strict=True)), "vector": zeros, "attended": attended}

    def load_own_variables(self, store):
        if "1" not in store or store["1"].ndim == 1:
            super().load_own_variables(store)
        else:
            self._load_old_files(store)

    def _load_old_files(self, store):
        """Files from before `RecurrentStack`: "0" is the matrix of all gates [rows, features + units + 1 +
        units] of [x; v; 1; h], a GRU's with a block of rows for either part of the candidate; "1" is [O; b]
        transposed; the further layers stand beside this one."""
        gates, output = store["0"].T, store["1"].T
        kernel, bias, recurrent = np.split(gates, [-self.units - 1, -self.units])
        if self.own_config["cell"] == "gru":
            units = self.units
            of_x, of_h = np.r_[0 : 3 * units], np.r_[0 : 2 * units, 3 * units : 4 * units]
            inner = np.concatenate([np.zeros([1, 2 * units]), bias[:, 3 * units :]], axis=1)
            kernel, recurrent = kernel[:, of_x], recurrent[:, of_h]
            bias = np.concatenate([bias[:, of_x], inner])
        for variable, value in zip(self.recurrent.cell.weights, (kernel, recurrent, bias), strict=True):
            variable.assign(np.reshape(value, variable.shape))
        old_files.keep(self.recurrent.cell)
        self.output_kernel.assign(output[:-1])
        self.output_bias.assign(output[-1])
        self.upper.load_old_files(store, old_files.place(store).rpartition("/")[0])

    def get_config(self):
        return {
            **super().get_config(),
            "attention": keras.saving.serialize_keras_object(self.attention),
            "units": self.units,
            "dropout": self.dropout,
            **self.own_config,
        }

    @classmethod
    def from_config(cls, config):
        attention = keras.saving.deserialize_keras_object(config["attention"])
        return cls(**{**config, "attention": attention})


def _transposed(states):
    """As `transposed`, but the cumulative alignment stays [batch, source]."""
    return {**transposed(states), "attended": states["attended"]}
