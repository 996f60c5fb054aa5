"""What tells texts of a model from real ones: convolutions over tokens."""

import keras
from keras import ops

WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20)


@keras.saving.register_keras_serializable("kerasapp")
class TextDiscriminator(keras.Model):
    """Says whether a piece of text is real.

    Embeddings, convolutions of several widths side by side, of each filter its largest response (Kim 2014,
    arXiv:1408.5882), a highway layer (Srivastava et al. 2015, arXiv:1505.00387), a logit: the discriminator
    of SeqGAN (Yu et al. 2017, arXiv:1609.05473) with fewer filters. A plain functional model, tokens [batch,
    length] int32 -> logits [batch] float32, above 0 for "real".

    Args:
        vocabulary_size: number of token ids.
        length: tokens of a piece.
        embedding_size: width of the token embeddings.
        filters: of each width.
        widths: tokens that the filters of each kind span; those above `length` are left out.
        dropout: share of the features dropped in training.

    Example:

        model = TextDiscriminator(5000, length=20)
        model(np.zeros([3, 20], "int32")).shape    # (3,)
    """

    def __init__(
        self,
        vocabulary_size,
        length,
        embedding_size=64,
        filters=32,
        widths=WIDTHS,
        dropout=0.25,
        **kwargs,
    ):
        # === Layers ===
        widths = [width for width in widths if width <= length]
        embed = keras.layers.Embedding(vocabulary_size, embedding_size, name="embedding")
        convolutions = [
            keras.layers.Conv1D(filters, width, activation="relu", name=f"width_{width}") for width in widths
        ]
        size = filters * len(widths)
        # A gate near 0 passes its input on, as a highway layer does at first.
        closed = keras.initializers.Constant(-1.0)
        gate = keras.layers.Dense(size, activation="sigmoid", bias_initializer=closed, name="highway_gate")
        candidate = keras.layers.Dense(size, activation="relu", name="highway")
        drop = keras.layers.Dropout(dropout, name="dropout")
        output_layer = keras.layers.Dense(1, dtype="float32", name="logit")

        # === Functional Model ===
        tokens = keras.Input([length], dtype="int32", name="tokens")
        x = embed(tokens)
        x = ops.concatenate([ops.max(convolve(x), axis=1) for convolve in convolutions], axis=1)
        opened = gate(x)
        x = drop(opened * candidate(x) + (1.0 - opened) * x)
        super().__init__(inputs=tokens, outputs=ops.squeeze(output_layer(x), 1), **kwargs)

        # === Config ===
        self.settings = {
            "vocabulary_size": vocabulary_size,
            "length": length,
            "embedding_size": embedding_size,
            "filters": filters,
            "widths": widths,
            "dropout": dropout,
        }

    def get_config(self):
        return {**self.settings, "name": self.name}
