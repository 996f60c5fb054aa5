"""Recurrent networks that predict numbers: at each step a mixture of Gaussians for the next values."""

import math

import keras
from keras import ops

from kerasapp.layers import stack

LEAST_DEVIATION = 0.01  # of a Gaussian, scaled: a smaller one would learn single values by heart
MIXTURE = ("log_weights", "means", "deviations")


@keras.saving.register_keras_serializable("kerasapp")
class SeriesModel(keras.Model):
    """Predicts the next values of a series from all before them, as a mixture density (Bishop 1994; Graves
    2013, arXiv:1308.0850, section 4).

    A plain functional model, the values before [batch, time, columns] float32 -> raw parameters [batch, time,
    components * (1 + 2 * columns)] float32, which `mixture` reads; `window_graph` and `row_step` go over the
    same layers with states in and out. All values are scaled; before the first are zeros.

    Args:
        columns: how many values a step has.
        cell: "lstm", "gru" or "simple_rnn".
        units: width of each recurrent layer.
        layers: number of recurrent layers.
        components: Gaussians of the mixture.
        dropout: share of the units dropped after each recurrent layer, one mask a window.
        recurrent_dropout: share of the recurrent kernel's weights dropped, one mask a step (weight drop).
        layer_normalisation: normalise the output of each recurrent layer.
        residual: add a recurrent layer's input to its output where their widths agree.
        streams: rows of a training batch whose state is carried from window to window (see
            `kerasapp.layers.carried`); None: each training window starts from zeros.

    Example:

        model = SeriesModel(columns=1, units=32, components=3)
        model(np.zeros([1, 7, 1], "float32")).shape    # (1, 7, 9)
    """

    def __init__(
        self,
        columns,
        cell="lstm",
        units=64,
        layers=1,
        components=4,
        dropout=0.0,
        recurrent_dropout=0.0,
        layer_normalisation=False,
        residual=False,
        streams=None,
        dtype=None,
        **kwargs,
    ):
        # === Layers ===
        self.residual = residual
        stack.add_layers(self, cell, units, layers, dropout, recurrent_dropout, layer_normalisation, dtype)
        # Densities are exponentials of the parameters: these are float32 in mixed training, too.
        self.output_layer = keras.layers.Dense(
            components * (1 + 2 * columns), dtype="float32", name="mixture"
        )

        # === Functional Model ===
        values = keras.Input([None, columns], name="values")
        x = stack.train(self, values, streams, dtype)
        super().__init__(inputs=values, outputs=self.output_layer(x), **kwargs)

        # === Config ===
        self.columns = columns
        self.cell = cell
        self.units = units
        self.components = components
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.layer_normalisation = layer_normalisation
        self.streams = streams
        self.policy = dtype

    def get_config(self):
        return {
            "columns": self.columns,
            "cell": self.cell,
            "units": self.units,
            "layers": len(self.recurrent_layers),
            "components": self.components,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "layer_normalisation": self.layer_normalisation,
            "residual": self.residual,
            "streams": self.streams,
            "dtype": self.policy,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)

    @property
    def state_names(self):
        """Names of the states of all layers, in order (see `kerasapp.layers.stack.state_names`)."""
        return stack.state_names(self.cell, len(self.recurrent_layers))


def mixture(raw, columns):
    """What raw parameters [..., components * (1 + 2 * columns)] stand for.

    Returns: {"log_weights" [..., components], normalised; "means", "deviations" [..., components, columns]}.
    """
    components = raw.shape[-1] // (1 + 2 * columns)
    weights, rest = raw[..., :components], raw[..., components:]
    shape = [*ops.shape(raw)[:-1], 2, components, columns]
    rest = ops.reshape(rest, shape)  # [..., 2, components, columns]
    return {
        "log_weights": ops.log_softmax(weights, axis=-1),
        "means": rest[..., 0, :, :],
        "deviations": LEAST_DEVIATION + ops.softplus(rest[..., 1, :, :]),
    }


def log_density(parameters, values):
    """ln of the density of scaled values [..., columns] under a mixture (see `mixture`) -> [...].

    The columns are independent within a component. Stable where all densities underflow: their logarithms are
    summed by logsumexp.
    """
    z = (values[..., None, :] - parameters["means"]) / parameters["deviations"]  # [..., components, columns]
    each = -0.5 * ops.square(z) - ops.log(parameters["deviations"]) - 0.5 * math.log(2 * math.pi)
    return ops.logsumexp(parameters["log_weights"] + ops.sum(each, axis=-1), axis=-1)


def window_graph(model, padded=True):
    """The model over a window, with states in and out.

    Args:
        model: a `SeriesModel`, whose layers the graph shares.
        padded: whether rows may be shorter than the window: steps from a row's length on leave its state as
            it is. Without, there is no input "lengths".

    Returns: a functional model: {"values" [batch, time, columns], "lengths" [batch] int32, state [batch,
    units] for each of `model.state_names`} -> {"raw" [batch, time, parameters], states after the window}.
    """
    values = keras.Input([None, model.columns], name="values")
    states = {name: keras.Input([model.units], name=name) for name in model.state_names}
    inputs, mask = {"values": values, **states}, None
    if padded:
        inputs["lengths"] = keras.Input([], dtype="int32", name="lengths")
        places = ops.cumsum(ops.ones_like(values[..., 0], dtype="int32"), axis=1)  # [batch, time], from 1
        mask = places <= ops.expand_dims(inputs["lengths"], 1)
    x, after = stack.advance(model, values, states, mask)
    return keras.Model(inputs, {"raw": model.output_layer(x), **after}, name="window")


def row_step(model, values, states):
    """One step: values [batch, columns], states name -> [batch, units] -> (raw [batch, size], states)."""
    x, after = stack.advance_rows(model, values, states)
    return model.output_layer(x), after
