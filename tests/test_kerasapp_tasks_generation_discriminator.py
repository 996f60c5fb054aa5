"""The discriminator of texts: values by NumPy, files, and what it can tell apart."""

import keras
import numpy as np

from kerasapp.tasks.generation.discriminator import TextDiscriminator

TOKENS = np.random.default_rng(0).integers(0, 11, [4, 6]).astype("int32")


def build(**options):
    keras.utils.set_random_seed(1)
    return TextDiscriminator(11, 6, **{"embedding_size": 5, "filters": 3, "widths": (1, 2, 6, 9), **options})


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(model, tokens):
    """The formulas of Kim 2014 and Srivastava et al. 2015, a text at a time."""
    weights = {"/".join(weight.path.split("/")[-2:]): weight.numpy() for weight in model.weights}
    found = []
    for row in weights["embedding/embeddings"][tokens]:
        features = []
        for width in (1, 2, 6):  # 9 is wider than a text
            kernel, bias = weights[f"width_{width}/kernel"], weights[f"width_{width}/bias"]
            windows = [row[i : i + width] for i in range(len(row) - width + 1)]
            values = [np.einsum("we,wef->f", window, kernel) + bias for window in windows]
            features.append(np.max(np.maximum(values, 0), axis=0))
        x = np.concatenate(features)
        opened = sigmoid(x @ weights["highway_gate/kernel"] + weights["highway_gate/bias"])
        candidate = np.maximum(x @ weights["highway/kernel"] + weights["highway/bias"], 0)
        x = opened * candidate + (1 - opened) * x
        found.append((x @ weights["logit/kernel"] + weights["logit/bias"])[0])
    return np.array(found)


def test_logits_are_those_of_the_formulas():
    model = build()
    np.testing.assert_allclose(model(TOKENS), by_hand(model, TOKENS), rtol=1e-5, atol=1e-6)


def test_config_and_file_round_trip(tmp_path):
    model = build()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(loaded(TOKENS), model(TOKENS))


def test_it_learns_to_find_a_pair_of_tokens_at_any_place():
    rng = np.random.default_rng(2)
    tokens = rng.integers(0, 11, [600, 6]).astype("int32")
    tokens[::2, 0], places = 7, rng.integers(0, 5, 600)
    for row in range(0, 600, 2):
        tokens[row, places[row] : places[row] + 2] = (7, 3)
    wanted = np.array([np.any((row[:-1] == 7) & (row[1:] == 3)) for row in tokens], "float32")
    model = build(filters=8)
    model.compile(keras.optimizers.Adam(0.02), keras.losses.BinaryCrossentropy(from_logits=True))
    model.fit(tokens[:500], wanted[:500], epochs=15, verbose=0)
    right = (np.asarray(model(tokens[500:])) > 0) == (wanted[500:] > 0.5)
    assert np.mean(right) > 0.95 > np.mean(wanted[500:])
