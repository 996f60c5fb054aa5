"""Recurrent networks that predict numbers: at each step a mixture of Gaussians for the next values."""

import math

import keras
from keras import ops

from kerasapp.layers.carried import Carried
from kerasapp.models.generation import CELLS

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
        self.recurrent_layers, self.normalisations, self.dropouts = [], [], []
        options = {"return_sequences": True, "return_state": True, "recurrent_dropout": recurrent_dropout}
        for i in range(layers):
            self.recurrent_layers.append(CELLS[cell](units, **options, dtype=dtype, name=f"{cell}_{i}"))
            if layer_normalisation:
                norm = keras.layers.LayerNormalization(dtype=dtype, name=f"normalisation_{i}")
                self.normalisations.append(norm)
            drop = keras.layers.Dropout(
                dropout, noise_shape=(None, 1, None), dtype=dtype, name=f"dropout_{i}"
            )
            self.dropouts.append(drop)
        # Densities are exponentials of the parameters: these are float32 in mixed training, too.
        self.output_layer = keras.layers.Dense(
            components * (1 + 2 * columns), dtype="float32", name="mixture"
        )

        # === Functional Model ===
        values = keras.Input([None, columns], name="values")
        x = values
        for i, layer in enumerate(self.recurrent_layers):
            if streams:
                y = Carried(layer, streams, dtype=dtype, name=f"carried_{i}")(x)
            else:
                y = layer(x)[0]
            x = self.dropouts[i](_finish(self, y, x, i))
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
        """Names of the states of all layers, in order: `h_0`, `c_0`, `h_1` ...; only LSTMs have `c`."""
        kinds = ("h", "c") if self.cell == "lstm" else ("h",)
        return [f"{kind}_{i}" for i in range(len(self.recurrent_layers)) for kind in kinds]


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
    x, after = values, {}
    for i, layer in enumerate(model.recurrent_layers):
        names = _names_of_layer(model, i)
        y, *new = layer(x, initial_state=[states[name] for name in names], mask=mask)
        after.update(zip(names, new, strict=True))
        x = _finish(model, y, x, i)
    return keras.Model(inputs, {"raw": model.output_layer(x), **after}, name="window")


def row_step(model, values, states):
    """One step: values [batch, columns], states name -> [batch, units] -> (raw [batch, size], states)."""
    x, after = values, {}
    for i, layer in enumerate(model.recurrent_layers):
        names = _names_of_layer(model, i)
        new = layer.step(x, [states[name] for name in names])
        after.update(zip(names, new, strict=True))
        x = _finish(model, new[0], x, i)
    return model.output_layer(x), after


def _names_of_layer(model, i):
    return [name for name in model.state_names if name.endswith(f"_{i}")]


def _finish(model, y, x, i):
    """What follows recurrent layer `i`, y its output and x its input [batch, ..., features]."""
    if model.normalisations:
        y = model.normalisations[i](y)
    return x + y if model.residual and x.shape[-1] == y.shape[-1] else y
