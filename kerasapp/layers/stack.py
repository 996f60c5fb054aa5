"""Recurrent layers on each other, of one width."""

import keras
import tensorflow as tf

from kerasapp.layers import old_files, recurrent
from kerasapp.layers.carried import Carried
from kerasapp.layers.dropout import variational_dropout

CELLS = {**recurrent.GATED, "simple_rnn": recurrent.SimpleRNN}


@keras.saving.register_keras_serializable("kerasapp")
class RecurrentStack(keras.layers.Layer):
    """Recurrent layers on each other, each with layer normalisation, a residual connection and dropout.

    With x the input of a layer: y = normalise(layer(x)), then dropout(x + y), or x + dropout(y) where
    `drop_sum` is False. The regularisers are those of AWD-LSTM (Merity et al. 2018, arXiv:1708.02182).

    Args:
        units: width of each layer.
        cell: "lstm", "gru" or "simple_rnn".
        layers: number of layers; with 0 the output is the input.
        dropout: share of the units dropped after each layer (see `variational_dropout`).
        recurrent_dropout: share of the recurrent kernel's weights dropped, one mask per call (weight drop).
        layer_normalisation: normalise the output of each layer.
        residual: add a layer's input to its output where their widths agree.
        drop_sum: whether dropout comes after the residual connection or before it.
        streams: rows of a training batch whose states are carried from window to window (see `Carried`);
            None: each call starts from zeros.
        first: number of the first layer in the names of the states.

    Call: `x` [batch, time, features], `states` (dict of the states of `state_names` [batch, units]; None:
        zeros, or those that are carried), `mask` bool [batch, time] -> (y [batch, time, units], dict of the
        states after the last step). A masked step (False) changes no state.

    Example:

    >>> stack = RecurrentStack(256, layers=2, residual=True)
    >>> y, states = stack(x)
    >>> y, states = stack.step(x[:, 0], states)    # one step more
    """

    def __init__(
        self, units, cell="lstm", layers=1, dropout=0.0, recurrent_dropout=0.0, layer_normalisation=False,
        residual=False, drop_sum=True, streams=None, first=0, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.own_config = {
            "units": units, "cell": cell, "layers": layers, "dropout": dropout,
            "recurrent_dropout": recurrent_dropout, "layer_normalisation": layer_normalisation,
            "residual": residual, "drop_sum": drop_sum, "streams": streams, "first": first,
        }  # fmt: skip
        self.units, self.residual, self.drop_sum = units, residual, drop_sum
        self.supports_masking = True
        self.recurrent_layers, self.normalisations, self.dropouts, self.carried = [], [], [], []
        for i in range(first, first + layers):
            layer = CELLS[cell](
                units, return_sequences=True, return_state=True, recurrent_dropout=recurrent_dropout,
                dtype=self.dtype_policy, name=f"{cell}_{i}",
            )  # fmt: skip
            self.recurrent_layers.append(layer)
            if layer_normalisation:
                norm = keras.layers.LayerNormalization(dtype=self.dtype_policy, name=f"normalisation_{i}")
                self.normalisations.append(norm)
            self.dropouts.append(variational_dropout(dropout, self.dtype_policy, f"dropout_{i}"))
            if streams:
                self.carried.append(Carried(layer, streams, dtype=self.dtype_policy, name=f"carried_{i}"))
        self.layer_states = [
            [f"{kind}_{first + i}" for kind in layer.state_names]
            for i, layer in enumerate(self.recurrent_layers)
        ]

    @property
    def state_names(self):
        """Names of the states of all layers, in order: `h_0`, `c_0`, `h_1` ...; only LSTMs have `c`."""
        return [name for names in self.layer_states for name in names]

    @property
    def memory(self):
        """The states that are carried from window to window, `tf.Variable`s: no weights (see `Carried`)."""
        return [variable for carried in self.carried for variable in carried.memory]

    def build(self, x_shape, *_):
        for i, layer in enumerate(self.carried or self.recurrent_layers):
            layer.build(x_shape)
            x_shape = (*x_shape[:-1], self.units)
            if self.normalisations:
                self.normalisations[i].build(x_shape)

    def call(self, x, states=None, mask=None, training=False):
        after = {}
        for i, layer in enumerate(self.recurrent_layers):
            if self.carried and states is None:
                y, *new = self.carried[i].run(x, training, mask)
            else:
                initial = None if states is None else [states[name] for name in self.layer_states[i]]
                y, *new = layer(x, initial_state=initial, mask=mask, training=training)
            after.update(zip(self.layer_states[i], new, strict=True))
            x = self.join(i, x, y, drop=lambda y, i=i: self.dropouts[i](y, training=training))
        return x, after

    def step(self, x, states):
        """One step without dropout: x [batch, features], states of `state_names` [batch, units] -> (y [batch,
        units], states). It is the fast form for few rows or a single step."""
        return self._step([layer.step for layer in self.recurrent_layers], x, states)

    def step_function(self, inputs=None):
        """`step` for a loop over many rows: function (x [features, batch], states [units, batch]) -> (y
        [units, batch], states), all transposed.

        Call `step_function` before the loop: it arranges the weights once. With `inputs` [count, features],
        all possible x, the function takes their numbers int32 [batch] for x.
        """
        steps = [layer.step_function(None if i else inputs) for i, layer in enumerate(self.recurrent_layers)]
        return lambda x, states: self._step(steps, x, states, axis=0, inputs=inputs)

    def _step(self, steps, x, states, axis=-1, inputs=None):
        after = {}
        for i, names in enumerate(self.layer_states):
            new = steps[i](x, [states[name] for name in names])
            after.update(zip(names, new, strict=True))
            if i == 0 and inputs is not None:
                x = tf.transpose(tf.gather(inputs, x))  # [features, batch]
            x = self.join(i, x, new[0], axis)
        return x, after

    def join(self, i, x, y, axis=-1, drop=lambda y: y):
        """What layer `i` hands on, of its input x and its output y with their features along `axis`."""
        if self.normalisations:
            norm = self.normalisations[i]
            y = tf.transpose(norm(tf.transpose(y))) if axis == 0 else norm(y)
        if not self.residual or x.shape[axis] != y.shape[axis]:
            return drop(y)
        return drop(x + y) if self.drop_sum else x + drop(y)

    def load_own_variables(self, store):
        place = old_files.place(store)
        if self.recurrent_layers and not store.has_path(place):
            self.load_old_files(store, place.rpartition("/")[0])

    def load_old_files(self, store, folder):
        """Loads the layers from where they stand in an old file: beside each other in `folder`."""
        for i, layer in enumerate(self.recurrent_layers):
            number = f"_{i}" if i else ""
            path = f"carried{number}/layer" if self.carried else f"{self.own_config['cell']}{number}"
            old_files.load(layer.cell, store, f"{folder}/{path}/cell")
            if self.normalisations:
                old_files.load(self.normalisations[i], store, f"{folder}/layer_normalization{number}")
        old_files.keep(self)

    def get_config(self):
        return {**super().get_config(), **self.own_config}


def transposed(states):
    """States by name [batch, units] as [units, batch], and back."""
    return {name: tf.transpose(state) for name, state in states.items()}
