"""Made models.zip: models stored by the code of commit f8041c8, which had no `RecurrentStack`.

    git worktree add ../old f8041c8 && PYTHONPATH=../old python tests/old_models/make.py

NAME.keras has random weights; NAME.npz has the inputs ("in_...") and the outputs ("out_...") of the model.
The script runs with that commit only; it is kept to tell how the files were made.
"""

import io
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np

from kerasapp.layers.carried import Carried
from kerasapp.layers.recurrent import GRU, LSTM, SimpleRNN
from kerasapp.models.generation import GenerationModel
from kerasapp.models.series import SeriesModel
from kerasapp.models.synthesis import PADDING, SynthesisModel
from kerasapp.models.translation import TranslationModel

FILES = zipfile.ZipFile(Path(__file__).parent / "models.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9)
DRAW = np.random.default_rng(0)
TOKENS = DRAW.integers(1, 7, [2, 5]).astype("int32")
SOURCE = np.array([[1, 2, 3, 4], [5, 6, 0, 0]], "int32")

GENERATION = {
    "generation_lstm": {},
    "generation_gru": {"cell": "gru", "layers": 3, "residual": True, "embedding_size": 3},
    "generation_simple_rnn": {"cell": "simple_rnn", "layer_normalisation": True, "layers": 1},
    "generation_tied": {
        "tie_embeddings": True,
        "layer_normalisation": True,
        "residual": True,
        "dropout": 0.1,
    },
    "generation_streams": {"streams": 2, "cell": "gru"},
}
SERIES = {
    "series_lstm": {"layers": 2, "residual": True},
    "series_gru": {"cell": "gru", "layer_normalisation": True, "layers": 2},
    "series_streams": {"streams": 3, "dropout": 0.2},
}
TRANSLATION = {
    "translation_additive": {},
    "translation_location_gru": {
        "attention": "location",
        "cell": "gru",
        "decoder_layers": 3,
        "encoder_layers": 2,
    },
    "translation_multi_head": {"attention": "multi_head", "heads": 2, "decoder_layers": 2, "dropout": 0.2},
    "translation_dot_joint": {"attention": "dot", "joint_vocabulary": True},
    "translation_none_gru": {"attention": "none", "cell": "gru"},
    "translation_general": {"attention": "general", "encoder_layers": 2},
    "translation_scaled_dot": {"attention": "scaled_dot", "cell": "gru", "decoder_layers": 2},
}
SYNTHESIS = {
    "synthesis_location": {},
    "synthesis_additive": {"attention": "additive", "decoder_layers": 1, "postnet_layers": 0},
    "synthesis_multi_head": {"attention": "multi_head", "decoder_layers": 3, "postnet_layers": 1},
}
SIZES = {
    "embedding_size": 3, "encoder_units": 4, "attention_size": 4, "filters": 2, "filter_width": 3,
    "encoder_layers": 1, "prenet_units": 3, "decoder_units": 4, "postnet_channels": 3, "postnet_layers": 2,
}  # fmt: skip


def store(name, model, inputs):
    model.set_weights([DRAW.normal(size=w.shape, scale=0.5).astype("float32") for w in model.get_weights()])
    arrays = {}
    for kind, values in (("in", inputs), ("out", model(inputs))):
        values = dict(enumerate(values)) if isinstance(values, (list, tuple)) else values
        values = values if isinstance(values, dict) else {"": values}
        arrays |= {f"{kind}_{key}": np.asarray(value) for key, value in values.items()}
    content = io.BytesIO()
    np.savez(content, **arrays)
    FILES.writestr(f"{name}.npz", content.getvalue())
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.keras")
        FILES.write(Path(folder) / "model.keras", f"{name}.keras")


def layers():
    """Our layers in a functional model of a user's own."""
    x = keras.Input([None, 3], name="x")
    y = LSTM(4, name="a")(x)[0]
    y = Carried(GRU(4), streams=2)(y)
    y, last = SimpleRNN(4, return_sequences=True, return_state=True, name="b")(y)
    store("layers", keras.Model(x, [y, last]), DRAW.normal(size=[2, 5, 3]).astype("float32"))


for name, options in GENERATION.items():
    store(name, GenerationModel(7, **{"units": 4, "layers": 2, **options}), TOKENS)
for name, options in SERIES.items():
    values = DRAW.normal(size=[3, 5, 2]).astype("float32")
    store(name, SeriesModel(2, **{"units": 4, "components": 2, **options}), values)
for name, options in TRANSLATION.items():
    size = 7 if options.get("joint_vocabulary") else 8
    model = TranslationModel(7, size, **{"units": 4, "embedding_size": 3, **options})
    store(name, model, {"source": SOURCE, "target_in": TOKENS})
for name, options in SYNTHESIS.items():
    mel_in = DRAW.normal(size=[2, 4, 3]).astype("float32")
    mel_in[1, 2:] = PADDING
    store(name, SynthesisModel(7, 3, **{**SIZES, **options}), {"tokens": SOURCE, "mel_in": mel_in})
tokens = keras.Input([None], dtype="int32", name="tokens")
inner = GenerationModel(7, units=4, layers=2)
store("nested", keras.Model(tokens, keras.layers.Dense(2)(inner(tokens))), TOKENS)
layers()
FILES.close()
