"""Recurrent layers on each other, of one width: what the models of generation and of series have in common.

A model that has such a stack keeps `recurrent_layers`, `normalisations` (empty without them) and `dropouts`,
a list of layers each, and has `residual` and `state_names`.
"""

import keras

from kerasapp.layers import recurrent
from kerasapp.layers.carried import Carried

CELLS = {**recurrent.GATED, "simple_rnn": recurrent.SimpleRNN}


def add_layers(model, cell, units, layers, dropout, recurrent_dropout, layer_normalisation, dtype):
    """Gives a model the layers of its stack; the arguments are those of `GenerationModel`."""
    model.recurrent_layers, model.normalisations, model.dropouts = [], [], []
    options = {"return_sequences": True, "return_state": True, "recurrent_dropout": recurrent_dropout}
    for i in range(layers):
        model.recurrent_layers.append(CELLS[cell](units, **options, dtype=dtype, name=f"{cell}_{i}"))
        if layer_normalisation:
            norm = keras.layers.LayerNormalization(dtype=dtype, name=f"normalisation_{i}")
            model.normalisations.append(norm)
        model.dropouts.append(variational_dropout(dropout, dtype, f"dropout_{i}"))


def variational_dropout(rate, dtype, name):
    """One mask for all time steps (Gal & Ghahramani 2016, arXiv:1512.05287); far cheaper on a CPU too."""
    return keras.layers.Dropout(rate, noise_shape=(None, 1, None), dtype=dtype, name=name)


def train(model, x, streams, dtype):
    """The stack over windows `x` [batch, time, features], as `fit` has it: with dropout, and with states that
    are carried from window to window where there are `streams`."""
    for i, layer in enumerate(model.recurrent_layers):
        if streams:
            y = Carried(layer, streams, dtype=dtype, name=f"carried_{i}")(x)
        else:
            y = layer(x)[0]
        x = model.dropouts[i](finish(model, y, x, i))
    return x


def advance(model, x, states, mask=None):
    """The stack over `x` [batch, time, features] from `states`, without dropout: (output, states)."""
    after = {}
    for i, layer in enumerate(model.recurrent_layers):
        names = names_of_layer(model, i)
        y, *new = layer(x, initial_state=[states[name] for name in names], mask=mask)
        after.update(zip(names, new, strict=True))
        x = finish(model, y, x, i)
    return x, after


def advance_rows(model, x, states):
    """`advance` by one step, for graphs of a few rows: no time axis, nothing turned.

    x [batch, features], states name -> [batch, units] -> (output [batch, units], states).
    """
    after = {}
    for i, layer in enumerate(model.recurrent_layers):
        names = names_of_layer(model, i)
        new = layer.step(x, [states[name] for name in names])
        after.update(zip(names, new, strict=True))
        x = finish(model, new[0], x, i)
    return x, after


def finish(model, y, x, i):
    """What follows recurrent layer `i`, y its output and x its input [batch, ..., features]."""
    if model.normalisations:
        y = model.normalisations[i](y)
    return x + y if model.residual and x.shape[-1] == y.shape[-1] else y


def state_names(cell, layers):
    """Names of the states of all layers, in order: `h_0`, `c_0`, `h_1` ...; only LSTMs have `c`."""
    kinds = ("h", "c") if cell == "lstm" else ("h",)
    return [f"{kind}_{i}" for i in range(layers) for kind in kinds]


def names_of_layer(model, i):
    """The names of the states of recurrent layer `i`."""
    return [name for name in model.state_names if name.endswith(f"_{i}")]
