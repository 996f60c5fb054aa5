"""Recurrent networks that predict numbers: at each step a mixture of Gaussians for the next values."""

import math

import keras
from keras import ops

from kerasapp.layers.stack import RecurrentStack

LEAST_DEVIATION = 0.01  # of a Gaussian, scaled: a smaller one would learn single values by heart
MIXTURE = ("log_weights", "means", "deviations")


@keras.saving.register_keras_serializable("kerasapp")
class SeriesModel(keras.Model):
    """Predicts the next values of a series from all before them, as a mixture density (Bishop 1994; Graves
    2013, arXiv:1308.0850, section 4).

    A plain functional model, the values before [batch, time, columns] float32 -> raw parameters [batch, time,
    components * (1 + 2 * columns)] float32, which `mixture` reads; `window` and `step` are the same layers
    with states in and out. All values are scaled; zeros stand before the first ones.

    Args:
        columns: how many values a step has.
        cell: "lstm", "gru" or "simple_rnn".
        units: width of each recurrent layer.
        layers: number of recurrent layers.
        components: Gaussians of the mixture.
        dropout: share of the units dropped after each recurrent layer, one mask per window.
        recurrent_dropout: share of the recurrent kernel's weights dropped (weight drop).
        layer_normalisation: normalise the output of each recurrent layer.
        residual: add a recurrent layer's input to its output where their widths agree.
        streams: rows of a training batch whose states are carried from window to window (see
            `kerasapp.layers.carried`): row `i` of a batch has to go on where row `i` of the batch before
            ended. None: each training window starts from zeros, and any windows will do.

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
        self.stack = RecurrentStack(
            units, cell, layers, dropout, recurrent_dropout, layer_normalisation, residual, streams=streams,
            dtype=dtype, name="stack",
        )  # fmt: skip
        # Densities are exponentials of the parameters: these are float32 in mixed training, too.
        self.output_layer = keras.layers.Dense(
            components * (1 + 2 * columns), dtype="float32", name="mixture"
        )

        # === Functional Model ===
        values = keras.Input([None, columns], name="values")
        x, _ = self.stack(values)
        super().__init__(inputs=values, outputs=self.output_layer(x), **kwargs)

        # === Config ===
        self.columns, self.components = columns, components
        self.cell, self.units, self.depth = cell, units, layers
        self.settings = {
            "columns": columns,
            "cell": cell,
            "units": units,
            "layers": layers,
            "components": components,
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
            "layer_normalisation": layer_normalisation,
            "residual": residual,
            "streams": streams,
            "dtype": dtype,
        }

    def get_config(self):
        return {**self.settings, "name": self.name}

    @property
    def state_names(self):
        """Names of the states of all layers, in order (see `RecurrentStack.state_names`)."""
        return self.stack.state_names


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


def window(model, values, states, lengths=None):
    """The model over a window, with states in and out.

    Args:
        model: a `SeriesModel`.
        values: float32 [batch, time, columns]. states: name -> [batch, units].
        lengths: int32 [batch]; steps from a row's length on leave its states as they are. None: all rows are
            as long as the window.

    Returns: (raw parameters [batch, time, size], states after the window).
    """
    mask = None if lengths is None else ops.arange(ops.shape(values)[1]) < lengths[:, None]
    x, states = model.stack(values, states, mask=mask)
    return model.output_layer(x), states


def step(model, values, states):
    """One step: values [batch, columns], states name -> [batch, units] -> (raw [batch, size], states)."""
    x, states = model.stack.step(values, states)
    return model.output_layer(x), states
