"""Attention translation: a bidirectional recurrent encoder, attention, a recurrent decoder."""

import functools
from types import SimpleNamespace

import keras
from keras import ops

from kerasapp.layers.attention import ATTENTIONS, summary
from kerasapp.layers.bidirectional import Bidirectional
from kerasapp.layers.decoder import AttentionDecoder
from kerasapp.layers.dropout import variational_dropout
from kerasapp.layers.recurrent import GATED

# Keras's own embeddings are uniform up to 0.05: with them attention is learned hundreds of steps later.
EMBEDDING_DEVIATION = 0.1


@keras.saving.register_keras_serializable("kerasapp")
class TranslationModel(keras.Model):
    """Predicts each next token of a translation from the source and the tokens before it.

    Embeddings, a bidirectional encoder, a decoder with attention and input feeding, further recurrent layers
    if asked for, logits by the transposed target embedding (Bahdanau et al. 2015, arXiv:1409.0473; Luong et
    al. 2015, arXiv:1508.04025; Press & Wolf 2017, arXiv:1608.05859). A plain functional model, {"source"
    [batch, source] int32, "target_in" [batch, target] int32} -> logits float32 [batch, target,
    target_vocabulary_size]. Token 0 is padding. `encode`, `step` and `step_function` infer with the same
    layers.

    Args:
        source_vocabulary_size, target_vocabulary_size: number of token ids.
        cell: "lstm" or "gru".
        units: width of the decoder; half of it is the encoder's width in each direction.
        encoder_layers, decoder_layers: number of recurrent layers. Only the decoder's first one attends.
        embedding_size: width of the token embeddings.
        attention: a name of `kerasapp.layers.attention.ATTENTIONS`. heads: of "multi_head".
        joint_vocabulary: one embedding for source, target and logits; the vocabularies are one then.
        dropout: share of the units dropped after each layer, one mask per sentence (Gal & Ghahramani 2016,
            arXiv:1512.05287).
        embedding_dropout: the same for the embeddings' units and for the readout, which the target
            embedding turns into logits.
        word_dropout: share of the tokens whose embedding is dropped whole (Sennrich & Zhang 2019,
            arXiv:1905.11901).
        recurrent_dropout: share of the recurrent weights dropped, one mask per training step.

    Example:

        model = TranslationModel(5000, 4000, units=512)
        tokens = np.ones([1, 7], "int32")
        model({"source": tokens, "target_in": tokens}).shape    # (1, 7, 4000)
    """

    def __init__(
        self,
        source_vocabulary_size,
        target_vocabulary_size,
        cell="lstm",
        units=512,
        encoder_layers=1,
        decoder_layers=1,
        embedding_size=256,
        attention="additive",
        heads=4,
        joint_vocabulary=False,
        dropout=0.0,
        embedding_dropout=0.0,
        word_dropout=0.0,
        recurrent_dropout=0.0,
        dtype=None,
        **kwargs,
    ):
        # === Layers ===
        # The layers become attributes once the graph is there: so their weights have the order of the graph,
        # which is that of a clone's weights, too.
        own = SimpleNamespace()

        def each_sentence(rate, name):
            return variational_dropout(rate, dtype, name)

        def each_word(rate, name):
            return keras.layers.Dropout(rate, noise_shape=(None, None, 1), dtype=dtype, name=name)

        def embeddings():
            return keras.initializers.RandomNormal(stddev=EMBEDDING_DEVIATION)

        own.target_embedding = keras.layers.ReversibleEmbedding(
            target_vocabulary_size,
            embedding_size,
            tie_weights=True,
            embeddings_initializer=embeddings(),
            dtype=dtype,
            name="target_embedding",
        )
        own.source_embedding = own.target_embedding
        if not joint_vocabulary:
            own.source_embedding = keras.layers.Embedding(
                source_vocabulary_size,
                embedding_size,
                embeddings_initializer=embeddings(),
                dtype=dtype,
                name="source_embedding",
            )
        own.encoders = [
            Bidirectional(units // 2, cell, recurrent_dropout, dtype=dtype, name=f"encoder_{i}")
            for i in range(encoder_layers)
        ]
        own.bridges = [
            keras.layers.Dense(units, activation="tanh", dtype=dtype, name=f"first_{kind}")
            for kind in GATED[cell].state_names
        ]
        options = {"heads": heads} if attention == "multi_head" else {}
        own.decoder = AttentionDecoder(
            ATTENTIONS[attention](units, **options, dtype=dtype, name="attention"),
            units, cell, decoder_layers, dropout, recurrent_dropout, dtype=dtype, name="decoder",
        )  # fmt: skip
        own.readout = keras.layers.Dense(embedding_size, dtype=dtype, name="readout")
        own.to_float32 = keras.layers.Activation("linear", dtype="float32", name="float32_logits")

        # === Functional Model ===
        source = keras.Input([None], dtype="int32", name="source")
        target_in = keras.Input([None], dtype="int32", name="target_in")
        x = each_word(word_dropout, "source_word_dropout")(own.source_embedding(source))
        x = each_sentence(embedding_dropout, "source_dropout")(x)
        lengths = _lengths(source)
        for i, encoder in enumerate(own.encoders):
            y = each_sentence(dropout, f"encoder_dropout_{i}")(encoder(x, lengths))
            x = _residual(x, y, i)
        states = _first_states(own, x, lengths)
        y = each_word(word_dropout, "target_word_dropout")(own.target_embedding(target_in))
        y = each_sentence(embedding_dropout, "target_dropout")(y)
        y, _ = own.decoder(y, x, lengths, states)
        y = each_sentence(embedding_dropout, "readout_dropout")(own.readout(y))
        logits = own.to_float32(own.target_embedding(y, reverse=True))
        super().__init__(inputs={"source": source, "target_in": target_in}, outputs=logits, **kwargs)
        for name, layer in vars(own).items():
            setattr(self, name, layer)

        # === Config ===
        self.cell, self.units, self.attention_name = cell, units, attention
        self.settings = {
            "source_vocabulary_size": source_vocabulary_size,
            "target_vocabulary_size": target_vocabulary_size,
            "cell": cell,
            "units": units,
            "encoder_layers": encoder_layers,
            "decoder_layers": decoder_layers,
            "embedding_size": embedding_size,
            "attention": attention,
            "heads": heads,
            "joint_vocabulary": joint_vocabulary,
            "dropout": dropout,
            "embedding_dropout": embedding_dropout,
            "word_dropout": word_dropout,
            "recurrent_dropout": recurrent_dropout,
            "dtype": dtype,
        }

    def get_config(self):
        return {**self.settings, "name": self.name}

    @property
    def state_names(self):
        """Names of what a step hands to the next (see `AttentionDecoder.state_names`)."""
        return self.decoder.state_names


def encode(model, source):
    """Reads the source: what a step of the decoder needs.

    Args:
        model: a `TranslationModel`.
        source: int32 [batch, source], padded with 0.

    Returns: (prepared, states): dicts of [batch, ...]. `prepared` stays as it is through all steps: "keys",
        "values" and "mask" of the attention. `states` has the names of `model.state_names`.
    """
    x, lengths = model.source_embedding(source), _lengths(source)
    for i, encoder in enumerate(model.encoders):
        x = _residual(x, encoder(x, lengths), i)
    prepared = model.decoder.attention.prepare(x, lengths)
    return prepared, model.decoder.first_states(prepared, _first_states(model, x, lengths))


def step(model, tokens, states, prepared):
    """One step of the decoder: tokens int32 [batch], the rest as `encode` gives it -> (logits [batch,
    vocabulary], alignment [batch, source], states). For streaming, and for phones."""
    return _step(model, model.decoder.step, tokens, states, prepared)


def step_function(model):
    """`step` for a loop over many rows: function (tokens, states, prepared). Call `step_function` before the
    loop: it arranges the weights once."""
    return functools.partial(_step, model, model.decoder.step_function())


def _step(model, decoder_step, tokens, states, prepared):
    y, alignment, states = decoder_step(model.target_embedding(tokens), states, prepared)
    return model.to_float32(model.target_embedding(model.readout(y), reverse=True)), alignment, states


def _lengths(source):
    return ops.sum(ops.cast(ops.not_equal(source, 0), "int32"), axis=1)


def _residual(x, y, i):
    return x + y if i and x.shape[-1] == y.shape[-1] else y


def _first_states(model, memory, lengths):
    """The decoder's first states, from the encoder's last, in either direction."""
    positions = ops.cumsum(ops.ones_like(memory[:, :, 0], dtype="int32"), axis=1)  # [batch, source], from 1
    mask = ops.cast(positions <= ops.expand_dims(lengths, 1), memory.dtype)
    last = summary(memory, mask)
    return [bridge(last) for bridge in model.bridges]
