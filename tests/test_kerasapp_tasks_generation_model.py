"""The language model: shapes, options, files, and its graphs with states."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from drawn_dropouts import drawn

from kerasapp.tasks.generation.model import GenerationModel, step, step_function, window

TOKENS = np.random.default_rng(0).integers(0, 11, [3, 9]).astype("int32")
OPTIONS = [
    {},
    {"cell": "gru", "residual": True, "embedding_size": 6},
    {"cell": "simple_rnn", "layer_normalisation": True, "layers": 1},
    {"tie_embeddings": True, "layers": 3, "residual": True},
    {"units": 2, "embedding_size": 5},  # more tokens than `step_function` prepares
]


def build(**options):
    keras.utils.set_random_seed(1)
    return GenerationModel(11, **{"units": 6, "layers": 2, **options})


def zeros(model, rows):
    return {name: tf.zeros([rows, model.units]) for name in model.state_names}


@pytest.mark.parametrize("options", OPTIONS)
def test_logits_config_and_file_round_trip(options, tmp_path):
    model = build(**options)
    logits = model(TOKENS).numpy()
    assert logits.shape == (3, 9, 11)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(loaded(TOKENS), logits)


@pytest.mark.parametrize("options", OPTIONS)
def test_steps_and_windows_with_states_equal_the_whole(options):
    model = build(**options)
    whole = model(TOKENS).numpy()

    states, stepped = zeros(model, 3), []
    for tokens in TOKENS.T:
        logits, states = step(model, tf.constant(tokens), states)
        stepped.append(logits.numpy())
    np.testing.assert_allclose(np.stack(stepped, axis=1), whole, atol=1e-5)

    states, looped = {name: tf.zeros([model.units, 3]) for name in model.state_names}, []
    loop_step = step_function(model)
    for tokens in TOKENS.T:
        logits, states = loop_step(tf.constant(tokens), states)
        looped.append(logits.numpy())
    np.testing.assert_allclose(np.stack(looped, axis=1), whole, atol=1e-5)

    first, carried = window(model, tf.constant(TOKENS[:, :4]), zeros(model, 3))
    second, carried = window(model, tf.constant(TOKENS[:, 4:]), carried)
    np.testing.assert_allclose(np.concatenate([first, second], 1), whole, atol=1e-5)
    assert list(carried) == model.state_names
    for name, state in carried.items():
        np.testing.assert_allclose(state, tf.transpose(states[name]), atol=1e-5)


@pytest.mark.parametrize("options", OPTIONS[:3])
def test_padding_changes_nothing(options):
    model = build(**options)
    lengths = tf.constant([9, 4, 0])
    padded, states = window(model, tf.constant(TOKENS), zeros(model, 3), lengths)
    short, expected = window(model, tf.constant(TOKENS[1:2, :4]), zeros(model, 1))
    np.testing.assert_allclose(padded[1:2, :4], short, atol=1e-5)
    for name in model.state_names:
        np.testing.assert_allclose(states[name][1:2], expected[name], atol=1e-5)
        np.testing.assert_array_equal(states[name][2], np.zeros(model.units))


def test_logits_do_not_see_the_future():
    model = build()
    changed = TOKENS.copy()
    changed[:, 5:] = (changed[:, 5:] + 1) % 11
    np.testing.assert_array_equal(model(TOKENS)[:, :5], model(changed)[:, :5])
    assert np.abs(model(TOKENS)[:, 5] - model(changed)[:, 5]).max() > 0


@pytest.mark.parametrize("rate", ["input_dropout", "dropout", "recurrent_dropout"])
def test_each_dropout_acts_in_training_alone(rate):
    model = build(**{rate: 0.5})
    plain = build()
    plain.set_weights(model.get_weights())
    np.testing.assert_array_equal(model(TOKENS), plain(TOKENS))
    assert np.abs(model(TOKENS, training=True) - plain(TOKENS)).max() > 1e-4


def test_what_is_dropped_where(monkeypatch):
    model = build(input_dropout=0.1, dropout=0.2, recurrent_dropout=0.3)
    window = None, 1, None  # one mask for all steps of a row
    assert drawn(monkeypatch, model, TOKENS) == {
        "input_dropout": (0.1, window),
        "stack/dropout_0": (0.2, window),
        "stack/dropout_1": (0.2, window),  # before the logits
        "stack/lstm_0/lstm_cell": (0.3, None),
        "stack/lstm_1/lstm_cell": (0.3, None),
    }
    assert drawn(monkeypatch, build(), TOKENS) == {}


def test_plain_fit_learns():
    model = build(units=24)
    text = np.tile(np.arange(11), 40)[: 16 * 25].reshape(16, 25).astype("int32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss)
    history = model.fit(text[:, :-1], text[:, 1:], epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.2 < history[0]


def test_weights_fit_with_and_without_streams():
    model, carried = build(), build(streams=3)
    assert [w.shape for w in model.weights] == [w.shape for w in carried.weights]
    carried.set_weights(model.get_weights())
    np.testing.assert_allclose(carried(TOKENS), model(TOKENS), atol=1e-6)
    assert carried(TOKENS[:1]).shape == (1, 9, 11)
