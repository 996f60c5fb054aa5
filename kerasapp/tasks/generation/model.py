"""Recurrent language models: stacked LSTM, GRU or SimpleRNN layers over tokens."""

import keras

from kerasapp.layers.dropout import variational_dropout
from kerasapp.layers.recording import record
from kerasapp.layers.stack import RecurrentStack


@keras.saving.register_keras_serializable("kerasapp")
class GenerationModel(keras.Model):
    """Predicts each next token of a text from all tokens before it.

    Embedding, `layers` recurrent layers, logits over the vocabulary (Graves 2013, arXiv:1308.0850; the
    regularisers are those of AWD-LSTM, Merity et al. 2018, arXiv:1708.02182). A plain functional model,
    tokens [batch, time] int32 -> logits [batch, time, vocabulary_size] float32. `window`, `step` and
    `step_function` are the same layers with states in and out.

    Args:
        vocabulary_size: number of token ids.
        cell: "lstm", "gru" or "simple_rnn".
        units: width of each recurrent layer.
        layers: number of recurrent layers.
        embedding_size: width of the token embedding; None for `units`.
        tie_embeddings: the output layer is the transposed embedding (Press & Wolf 2017, arXiv:1608.05859);
            `embedding_size` is `units` then.
        input_dropout: share of the embedding's units dropped, one mask per window (Gal & Ghahramani 2016).
        dropout: the same between the recurrent layers and before the logits.
        recurrent_dropout: share of the recurrent kernel's weights dropped (weight drop).
        layer_normalisation: normalise the output of each recurrent layer.
        residual: add a recurrent layer's input to its output where their widths agree.
        streams: rows of a training batch whose states are carried from window to window (see
            `kerasapp.layers.carried`): row `i` of a batch has to go on where row `i` of the batch before
            ended. None: each training window starts from zeros, and any windows will do.

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
        self.input_dropout_layer = variational_dropout(input_dropout, dtype, "input_dropout")
        self.stack = RecurrentStack(
            units, cell, layers, dropout, recurrent_dropout, layer_normalisation, residual, streams=streams,
            dtype=dtype, name="stack",
        )  # fmt: skip
        self.output_layer = None
        if not tie_embeddings:
            self.output_layer = keras.layers.Dense(vocabulary_size, dtype=dtype, name="logits")
        self.to_float32 = keras.layers.Activation("linear", dtype="float32", name="float32_logits")

        # === Functional Model ===
        tokens = keras.Input([None], dtype="int32", name="tokens")
        x, _ = self.stack(self.input_dropout_layer(self.embedding(tokens)))
        super().__init__(inputs=tokens, outputs=logits(self, x), **kwargs)

        # === Config ===
        self.vocabulary_size, self.cell, self.units, self.depth = vocabulary_size, cell, units, layers
        self.settings = {
            "vocabulary_size": vocabulary_size,
            "cell": cell,
            "units": units,
            "layers": layers,
            "embedding_size": embedding_size,
            "tie_embeddings": tie_embeddings,
            "input_dropout": input_dropout,
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


def window(model, tokens, states, lengths=None):
    """The model over a window, with states in and out: for prompts and scoring at any length.

    Args:
        model: a `GenerationModel`.
        tokens: int32 [batch, time]. states: name -> [batch, units].
        lengths: int32 [batch]; positions from a row's length on leave its states as they are. None: all rows
            are as long as the window.

    Returns: (logits [batch, time, vocabulary_size], states after the window).
    """
    mask = None if lengths is None else keras.ops.arange(keras.ops.shape(tokens)[1]) < lengths[:, None]
    x, states = model.stack(model.embedding(tokens), states, mask=mask)
    return logits(model, x), states


def step(model, tokens, states):
    """One token per row: for streaming, and for loops over a few rows.

    tokens int32 [batch], states name -> [batch, units] -> (logits [batch, vocabulary_size], states).
    """
    x, states = model.stack.step(model.embedding(tokens), states)
    return logits(model, x), states


def step_function(model):
    """`step` for a loop over many rows.

    Returns: function (tokens int32 [batch], states) -> (logits [batch, vocabulary_size], states), its states
    name -> [units, batch], transposed. Call `step_function` before the loop: it arranges the weights once.
    """
    # With few tokens, what each adds to the first layer's gates is computed before the loop.
    few = model.vocabulary_size <= 4 * model.units
    tokens = keras.ops.arange(model.vocabulary_size)
    stack_step = model.stack.step_function(model.embedding(tokens) if few else None)

    def step(tokens, states):
        x, states = stack_step(tokens if few else keras.ops.transpose(model.embedding(tokens)), states)
        return logits(model, keras.ops.transpose(x)), states

    return step


def recording(model, tokens, states):
    """The model over one text, with all that goes on in it: for inspection (see `kerasapp.layers.recording`).

    Args:
        tokens: int32 [time]. states: those before, name -> [units].

    Returns: (outputs of the last recurrent layer [time, units], states after every token, name -> [time,
        units], gates, "forget_0" and so on -> [time, units]).
    """
    return record(model.stack, model.embedding(tokens), states)


def logits(model, x):
    """Logits [..., vocabulary_size] float32 of the last recurrent layer's output [..., units]."""
    x = model.embedding(x, reverse=True) if model.output_layer is None else model.output_layer(x)
    return model.to_float32(x)
