"""Recurrent language models: stacked LSTM, GRU or SimpleRNN layers over tokens."""

import keras

from kerasapp.layers import stack
from kerasapp.layers.recording import record


@keras.saving.register_keras_serializable("kerasapp")
class GenerationModel(keras.Model):
    """Predicts each next token of a text from all tokens before it.

    Embedding, `layers` recurrent layers, logits over the vocabulary (Graves 2013, arXiv:1308.0850; the
    regularisers are those of AWD-LSTM, Merity et al. 2018, arXiv:1708.02182). A plain functional model,
    tokens [batch, time] int32 -> logits [batch, time, vocabulary_size] float32; `window_graph` and
    `step_graph` build the graphs with states in and out from the same layers.

    Args:
        vocabulary_size: number of token ids.
        cell: "lstm", "gru" or "simple_rnn".
        units: width of each recurrent layer.
        layers: number of recurrent layers.
        embedding_size: width of the token embedding; None for `units`.
        tie_embeddings: the output layer is the transposed embedding (Press & Wolf 2017, arXiv:1608.05859);
            `embedding_size` is `units` then.
        input_dropout: share of the embedding's units dropped, one mask a window (Gal & Ghahramani 2016).
        dropout: the same between the recurrent layers and before the logits.
        recurrent_dropout: share of the recurrent kernel's weights dropped, one mask a step (weight drop).
        layer_normalisation: normalise the output of each recurrent layer.
        residual: add a recurrent layer's input to its output where their widths agree.
        streams: rows of a training batch whose state is carried from window to window (see
            `kerasapp.layers.carried`); None: each training window starts from zeros.

    Example:

        model = GenerationModel(vocabulary_size=65, units=256, layers=2)
        model(np.zeros([1, 7], "int32")).shape    # (1, 7, 65)
    """

    def __init__(
        self,
        vocabulary_size,
        cell="lstm",
        units=256,
        layers=2,
        embedding_size=None,
        tie_embeddings=False,
        input_dropout=0.0,
        dropout=0.0,
        recurrent_dropout=0.0,
        layer_normalisation=False,
        residual=False,
        streams=None,
        dtype=None,
        **kwargs,
    ):
        # === Layers ===
        width = embedding_size or units
        if tie_embeddings:
            embed = keras.layers.ReversibleEmbedding(vocabulary_size, width, dtype=dtype, name="embedding")
        else:
            embed = keras.layers.Embedding(vocabulary_size, width, dtype=dtype, name="embedding")
        self.embedding = embed
        self.residual = residual
        self.input_dropout_layer = stack.variational_dropout(input_dropout, dtype, "input_dropout")
        stack.add_layers(self, cell, units, layers, dropout, recurrent_dropout, layer_normalisation, dtype)
        self.output_layer = None
        if not tie_embeddings:
            self.output_layer = keras.layers.Dense(vocabulary_size, dtype=dtype, name="logits")
        self.to_float32 = keras.layers.Activation("linear", dtype="float32", name="float32_logits")

        # === Functional Model ===
        tokens = keras.Input([None], dtype="int32", name="tokens")
        x = self.input_dropout_layer(self.embedding(tokens))
        x = stack.train(self, x, streams, dtype)
        super().__init__(inputs=tokens, outputs=logits(self, x), **kwargs)

        # === Config ===
        self.vocabulary_size = vocabulary_size
        self.cell = cell
        self.units = units
        self.embedding_size = embedding_size
        self.tie_embeddings = tie_embeddings
        self.input_dropout = input_dropout
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.layer_normalisation = layer_normalisation
        self.streams = streams
        self.policy = dtype

    def get_config(self):
        return {
            "vocabulary_size": self.vocabulary_size,
            "cell": self.cell,
            "units": self.units,
            "layers": len(self.recurrent_layers),
            "embedding_size": self.embedding_size,
            "tie_embeddings": self.tie_embeddings,
            "input_dropout": self.input_dropout,
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


def window_graph(model, padded=True):
    """The model over a window, with states in and out: for prompts and scoring at any length.

    Args:
        model: a `GenerationModel`, whose layers the graph shares.
        padded: whether rows may be shorter than the window: positions from a row's length on leave its
            state as it is. Without, there is no input "lengths".

    Returns: a functional model: {"tokens" [batch, time] int32, "lengths" [batch] int32, state [batch, units]
    for each of `model.state_names`} -> {"logits" [batch, time, vocabulary_size], states after the window}.
    """
    tokens = keras.Input([None], dtype="int32", name="tokens")
    states = {name: keras.Input([model.units], name=name) for name in model.state_names}
    inputs, mask = {"tokens": tokens, **states}, None
    if padded:
        inputs["lengths"] = keras.Input([], dtype="int32", name="lengths")
        positions = keras.ops.cumsum(keras.ops.ones_like(tokens), axis=1)  # [batch, time], from 1
        mask = positions <= keras.ops.expand_dims(inputs["lengths"], 1)
    x, after = stack.advance(model, model.embedding(tokens), states, mask)
    return keras.Model(inputs, {"logits": logits(model, x), **after}, name="window")


def step_graph(model):
    """The model over one token a row, with states in and out: for generation and for streaming.

    Returns a functional model: {"tokens" [batch] int32, states as in `window_graph`} -> {"logits"
    [batch, vocabulary_size], states}.
    """
    tokens = keras.Input([], dtype="int32", name="tokens")
    states = {name: keras.Input([model.units], name=name) for name in model.state_names}
    x, after = stack.advance(model, model.embedding(keras.ops.expand_dims(tokens, 1)), states)
    outputs = {"logits": logits(model, keras.ops.squeeze(x, 1)), **after}
    return keras.Model({"tokens": tokens, **states}, outputs, name="step")


def stepper(model):
    """`step_graph` as a function for a loop, in the form that is quickest there.

    Returns: function (tokens [batch] int32, states) -> (logits [batch, vocabulary_size], states), its states
    name -> [units, batch], transposed. Call `stepper` before the loop: it arranges the weights once.
    """
    transpose = keras.ops.transpose
    first, *others = model.recurrent_layers
    # With few tokens, what each adds to the first layer's gates is computed before the loop.
    few = model.vocabulary_size <= 4 * model.units
    tokens = keras.ops.arange(model.vocabulary_size)
    steps = [first.stepper(model.embedding(tokens) if few else None), *(layer.stepper() for layer in others)]

    def step(tokens, states):
        x, after = transpose(model.embedding(tokens)), {}  # [features, batch]
        for i, layer_step in enumerate(steps):
            names = stack.names_of_layer(model, i)
            new = layer_step(tokens if few and i == 0 else x, [states[name] for name in names])
            after.update(zip(names, new, strict=True))
            x = transpose(stack.finish(model, transpose(new[0]), transpose(x), i))
        return logits(model, transpose(x)), after

    return step


def row_step(model, tokens, states):
    """`step_graph` up to the logits, for graphs of a few rows: no time axis, nothing turned.

    tokens [batch] int32, states name -> [batch, units] -> (output of the last recurrent layer [batch, units],
    states).
    """
    return stack.advance_rows(model, model.embedding(tokens), states)


def recording(model, tokens, states):
    """The model over one text, with all that goes on in it: for looking at it (see
    `kerasapp.layers.recording`).

    Args:
        tokens: int32 [time]. states: those before, name -> [units].

    Returns: (outputs of the last recurrent layer [time, units], states after every token, name -> [time,
        units], gates, "forget_0" and so on -> [time, units]).
    """
    x, after, gates = model.embedding(tokens), {}, {}
    for i, layer in enumerate(model.recurrent_layers):
        names = stack.names_of_layer(model, i)
        new, values = record(layer, x, [states[name] for name in names])
        after.update(zip(names, new, strict=True))
        gates.update({f"{name}_{i}": value for name, value in values.items()})
        x = stack.finish(model, new[0], x, i)
    return x, after, gates


def logits(model, x):
    """Logits [..., vocabulary_size] float32 of the last recurrent layer's output [..., units]."""
    x = model.embedding(x, reverse=True) if model.output_layer is None else model.output_layer(x)
    return model.to_float32(x)
