"""Attention speech synthesis: characters to the frames of a log-mel spectrogram, as in Tacotron 2."""

import functools
from types import SimpleNamespace

import keras
from keras import ops

from kerasapp.layers.attention import ATTENTIONS
from kerasapp.layers.bidirectional import Bidirectional
from kerasapp.layers.convolutions import Convolutions
from kerasapp.layers.decoder import AttentionDecoder
from kerasapp.layers.dropout import variational_dropout
from kerasapp.tasks.synthesis.config import HEADS
from pipelines.speech.clips import PADDING


@keras.saving.register_keras_serializable("kerasapp")
class SynthesisModel(keras.Model):
    """Predicts each next group of spectrogram frames from the text and the frames before it.

    Characters pass convolutions and a bidirectional LSTM; a prenet, an LSTM with attention and further LSTM
    layers write `reduction` frames per step; a postnet refines them (Shen et al. 2018, arXiv:1712.05884; more
    than one frame per step: Wang et al. 2017, arXiv:1703.10135). A plain functional model:

        {"tokens" int32 [batch, text], padded with 0,
         "mel_in" [batch, steps, mels]: the frame before each group, normalised, beyond the end PADDING}
        -> {"mel_out" float32 [batch, steps * reduction, 2 * mels]: normalised frames before the postnet and,
                beside them, after it,
            "stop" float32 [batch, steps]: logits of this group being the last one or coming after it,
            "alignment" float32 [batch, steps, text]: how the attention is spread}

    mel_out and alignment are zero beyond the end. `encode`, `step`, `step_function` and `postnet` infer with
    the same layers.

    Args:
        vocabulary_size: number of token ids. mels: channels of a frame.
        embedding_size: width of the characters' embeddings.
        encoder_layers, encoder_width: convolutions over the text, and how many characters each one spans.
        encoder_units: of the bidirectional LSTM, both directions together; also channels of the convolutions.
        attention: a name of `kerasapp.layers.attention.ATTENTIONS`. attention_size: of its keys.
        filters, filter_width: of the attention "location" alone.
        prenet_units, prenet_dropout: two layers between a frame and the decoder. Much dropout there, drawn
            anew in each step, lets the decoder not just copy what it has written, but listen to the text.
        decoder_units, decoder_layers: of the LSTM layers that write. Only the first one attends.
        reduction: frames per step.
        postnet_layers, postnet_channels, postnet_width: convolutions over the frames; 0 layers for none.
        dropout: share of the units dropped after each other layer, one mask per utterance.

    Example:

        model = SynthesisModel(40, mels=80)
        out = model({"tokens": np.ones([1, 7], "int32"), "mel_in": np.zeros([1, 30, 80], "float32")})
        out["mel_out"].shape, out["alignment"].shape    # (1, 60, 160), (1, 30, 7)
    """

    def __init__(
        self,
        vocabulary_size,
        mels,
        embedding_size=256,
        encoder_layers=3,
        encoder_width=5,
        encoder_units=256,
        attention="location",
        attention_size=128,
        filters=32,
        filter_width=31,
        prenet_units=128,
        prenet_dropout=0.5,
        decoder_units=512,
        decoder_layers=2,
        reduction=2,
        postnet_layers=5,
        postnet_channels=256,
        postnet_width=5,
        dropout=0.1,
        dtype=None,
        **kwargs,
    ):
        # === Layers ===
        # The layers become attributes once the graph is there: so their weights have the order of the graph,
        # which is that of a clone's weights, too.
        own = SimpleNamespace()
        own.embedding = keras.layers.Embedding(vocabulary_size, embedding_size, dtype=dtype, name="embedding")
        own.convolutions = Convolutions(
            [encoder_units] * encoder_layers, encoder_width, "relu", dropout, dtype=dtype, name="convolutions"
        )
        own.encoder = Bidirectional(encoder_units // 2, "lstm", dtype=dtype, name="encoder")
        own.prenet = [
            keras.layers.Dense(prenet_units, activation="relu", dtype=dtype, name=f"prenet_{i}")
            for i in range(2)
        ]
        options = {
            "location": {"filters": filters, "width": filter_width},
            "multi_head": {"heads": HEADS},
        }.get(attention, {})
        own.decoder = AttentionDecoder(
            ATTENTIONS[attention](attention_size, **options, dtype=dtype, name="attention"),
            decoder_units, "lstm", decoder_layers, dropout, dtype=dtype, name="decoder",
        )  # fmt: skip
        own.projection = keras.layers.Dense(reduction * mels + 1, dtype=dtype, name="projection")
        own.postnet = None
        if postnet_layers:
            own.postnet = Convolutions(
                [postnet_channels] * (postnet_layers - 1), postnet_width, "tanh", dropout, mels,
                dtype=dtype, name="postnet",
            )  # fmt: skip

        # === Functional Model ===
        tokens = keras.Input([None], dtype="int32", name="tokens")
        mel_in = keras.Input([None, mels], dtype="float32", name="mel_in")
        drop = variational_dropout(dropout, dtype, "encoder_dropout")
        memory, lengths = _read(own, tokens, drop)
        steps = ops.cast(mel_in[:, :, 0] > PADDING / 2, "float32")  # [batch, steps], 1 where real
        y = mel_in * ops.expand_dims(steps, -1)
        for i, layer in enumerate(own.prenet):
            y = keras.layers.Dropout(prenet_dropout, dtype=dtype, name=f"prenet_dropout_{i}")(layer(y))
        y, alignment = own.decoder(y, memory, lengths)
        y = ops.cast(own.projection(y), "float32")  # [batch, steps, reduction * mels + 1]
        frames = ops.repeat(steps, reduction, axis=1)  # [batch, steps * reduction]
        before = keras.layers.Reshape([-1, mels], name="frames")(y[:, :, :-1])  # [batch, frames, mels]
        before = before * ops.expand_dims(frames, -1)
        outputs = {
            "mel_out": ops.concatenate([before, postnet(own, before, frames)], axis=-1),
            "stop": y[:, :, -1],
            "alignment": ops.cast(alignment, "float32") * ops.expand_dims(steps, -1),
        }
        super().__init__(inputs={"tokens": tokens, "mel_in": mel_in}, outputs=outputs, **kwargs)
        for name, layer in vars(own).items():
            setattr(self, name, layer)

        # === Config ===
        self.mels, self.reduction, self.prenet_units = mels, reduction, prenet_units
        self.settings = {
            "vocabulary_size": vocabulary_size,
            "mels": mels,
            "embedding_size": embedding_size,
            "encoder_layers": encoder_layers,
            "encoder_width": encoder_width,
            "encoder_units": encoder_units,
            "attention": attention,
            "attention_size": attention_size,
            "filters": filters,
            "filter_width": filter_width,
            "prenet_units": prenet_units,
            "prenet_dropout": prenet_dropout,
            "decoder_units": decoder_units,
            "decoder_layers": decoder_layers,
            "reduction": reduction,
            "postnet_layers": postnet_layers,
            "postnet_channels": postnet_channels,
            "postnet_width": postnet_width,
            "dropout": dropout,
            "dtype": dtype,
        }

    def get_config(self):
        return {**self.settings, "name": self.name}

    @property
    def state_names(self):
        """Names of what a step hands to the next (see `AttentionDecoder.state_names`)."""
        return self.decoder.state_names


def encode(model, tokens):
    """Reads the text: what a step of the decoder needs.

    Args:
        model: a `SynthesisModel`.
        tokens: int32 [batch, text], padded with 0.

    Returns: (prepared, states): dicts of [batch, ...]. `prepared` stays as it is through all steps: "keys",
        "values" and "mask" [batch, text] of the attention; a step given a mask with some of its ones set to 0
        attends to the others alone. `states` has the names of `model.state_names`.
    """
    memory, lengths = _read(model, tokens)
    prepared = model.decoder.attention.prepare(memory, lengths)
    return prepared, model.decoder.first_states(prepared)


def step(model, frame, states, prepared, dropped=None):
    """One step of the decoder: for streaming, and for phones.

    Args:
        frame: [batch, mels], the last one of the group before, normalised; zeros at first.
        states, prepared: as `encode` gives them.
        dropped: what the units of each layer of the prenet are multiplied with, a list of [batch,
            prenet_units]: the prenet's dropout, if it is wanted in inference; the caller draws it.

    Returns: (frames [batch, reduction, mels] before the postnet, stop logit [batch], alignment [batch, text],
        states).
    """
    return _step(model, model.decoder.step, frame, states, prepared, dropped)


def step_function(model):
    """`step` for a loop over many rows: function (frame, states, prepared, dropped=None). Call
    `step_function` before the loop: it arranges the weights once."""
    return functools.partial(_step, model, model.decoder.step_function())


def _step(model, decoder_step, frame, states, prepared, dropped=None):
    x = frame
    for i, layer in enumerate(model.prenet):
        x = layer(x) if dropped is None else layer(x) * dropped[i]
    y, alignment, states = decoder_step(x, states, prepared)
    y = ops.cast(model.projection(y), "float32")
    frames = ops.reshape(y[:, :-1], [-1, model.reduction, model.mels])  # [batch, reduction, mels]
    return frames, y[:, -1], ops.cast(alignment, "float32"), states


def postnet(model, mel, mask):
    """The frames [batch, frames, mels] float32, normalised, refined; zeros where `mask` [batch, frames] is 0,
    which nothing else depends on."""
    refined = mel * ops.expand_dims(mask, -1)
    return refined if model.postnet is None else refined + ops.cast(model.postnet(mel, mask), "float32")


def _read(model, tokens, dropout=None):
    """The encoder's outputs [batch, text, encoder_units], and the lengths [batch] of the rows."""
    real = ops.not_equal(tokens, 0)
    lengths = ops.sum(ops.cast(real, "int32"), axis=1)
    x = model.convolutions(model.embedding(tokens), real)
    x = model.encoder(x, lengths)
    return x if dropout is None else dropout(x), lengths
