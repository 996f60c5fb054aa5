"""The translation model: shapes, files, steps against the whole, independence of padding and batch."""

import functools

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
from drawn_dropouts import drawn

from kerasapp.layers.attention import ATTENTIONS
from kerasapp.tasks.translation.losses import SmoothedCrossEntropy
from kerasapp.tasks.translation.model import TranslationModel, encode, step, step_function

OPTIONS = {
    "dot": {"encoder_layers": 2},
    "scaled_dot": {"cell": "gru", "decoder_layers": 2},
    "general": {"embedding_size": 5},
    "additive": {},
    "location": {"cell": "gru"},
    "multi_head": {"heads": 2, "encoder_layers": 2, "decoder_layers": 3},
    "none": {"joint_vocabulary": True},
}
LENGTHS = [6, 2, 4]
RANDOM = np.random.default_rng(0)
SOURCE = np.where(np.arange(6) < np.array(LENGTHS)[:, None], RANDOM.integers(1, 11, [3, 6]), 0).astype(
    "int32"
)
TARGET = RANDOM.integers(1, 11, [3, 5]).astype("int32")
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@functools.cache
def build(attention):
    options = {"units": 8, "embedding_size": 8, "attention": attention, **OPTIONS[attention]}
    model = TranslationModel(11, 11 if "joint_vocabulary" in options else 13, **options)
    reference.randomise(model)
    return model


def run(model, source=SOURCE, target=TARGET):
    return model({"source": source, "target_in": target}).numpy()


def decode(model, source, target, one_step=None):
    """Logits and alignments of the tokens one by one, by `step_function` or another function like it."""
    prepared, states = encode(model, source)
    one_step, logits, alignments = one_step or step_function(model), [], []
    for tokens in target.T:
        assert sorted(states) == sorted(model.state_names)
        now, alignment, states = one_step(tf.constant(tokens), states, prepared)
        logits.append(now)
        alignments.append(alignment)
    return np.stack(logits, axis=1), np.stack(alignments, axis=1)


def test_every_attention_is_tested():
    assert sorted(OPTIONS) == sorted(ATTENTIONS)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_logits_config_and_file_round_trip(attention, tmp_path):
    model = build(attention)
    logits = run(model)
    assert logits.shape == (3, 5, model.settings["target_vocabulary_size"]) and logits.dtype == np.float32
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(run(loaded), logits)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_steps_are_the_whole(attention):
    model = build(attention)
    logits, alignments = decode(model, SOURCE, TARGET)
    np.testing.assert_allclose(logits, run(model), **CLOSE)
    one_by_one = decode(model, SOURCE, TARGET, functools.partial(step, model))
    for found, expected in zip(one_by_one, (logits, alignments), strict=True):
        np.testing.assert_allclose(found, expected, **CLOSE)
    real = np.arange(6) < np.array(LENGTHS)[:, None]
    assert not np.any(alignments * ~real[:, None])
    total = 0.0 if attention == "none" else 1.0
    np.testing.assert_allclose(alignments.sum(-1), np.full([3, 5], total), atol=1e-5)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_padding_and_the_rest_of_the_batch_change_nothing(attention):
    model = build(attention)
    truth = run(model)
    padded = run(model, np.pad(SOURCE, [(0, 0), (0, 4)]), np.pad(TARGET, [(0, 0), (0, 2)]))
    np.testing.assert_allclose(padded[:, :5], truth, **CLOSE)
    for row, length in enumerate(LENGTHS):
        alone = run(model, SOURCE[row : row + 1, :length], TARGET[row : row + 1])
        np.testing.assert_allclose(alone[0], truth[row], **CLOSE)
    assert np.all(np.isfinite(run(model, np.zeros_like(SOURCE))))


@pytest.mark.parametrize("attention", ["additive", "multi_head", "none"])
def test_logits_depend_on_the_source_and_the_tokens_before_alone(attention):
    model, truth = build(attention), run(build(attention))
    later = TARGET.copy()
    later[:, 3] = TARGET[:, 3] % 10 + 1
    changed = run(model, target=later)
    np.testing.assert_array_equal(changed[:, :3], truth[:, :3])
    assert np.all(np.abs(changed[:, 3:] - truth[:, 3:]).max(-1) > 1e-4)
    other = SOURCE.copy()
    other[:, 0] = SOURCE[:, 0] % 10 + 1
    assert np.all(np.abs(run(model, other) - truth).max(-1) > 1e-4)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_the_decoder_starts_from_the_last_states_of_the_encoder(dtype):
    model = TranslationModel(11, 13, units=8, embedding_size=8, attention="none", cell="gru", dtype=dtype)
    reference.randomise(model)
    source = np.full([3, 400], 7, "int32")  # bfloat16 counts to 256 alone
    source[0, 300:] = source[1, 3:] = source[2] = 0
    prepared, states = encode(model, source)
    last = tf.cast(prepared["values"][:, 0], tf.float32)  # what "none" gives at each step
    kernel, bias = model.get_layer("first_h").get_weights()
    accuracy = 1e-5 if dtype == "float32" else 0.05
    np.testing.assert_allclose(tf.cast(states["h"], tf.float32), np.tanh(last @ kernel + bias), atol=accuracy)


def test_a_joint_vocabulary_has_one_embedding():
    joint, separate = build("none"), build("additive")
    assert joint.source_embedding is joint.target_embedding

    def of_tokens(model):
        return sorted(tuple(w.shape) for w in model.weights if {11, 13} & set(w.shape))

    assert of_tokens(joint) == [(11, 8)]
    assert of_tokens(separate) == [(11, 8), (13, 8)]


def test_what_is_dropped_where(monkeypatch):
    model = TranslationModel(
        11, 13, units=8, embedding_size=8, encoder_layers=2, decoder_layers=3,
        dropout=0.1, embedding_dropout=0.2, word_dropout=0.3, recurrent_dropout=0.4,
    )  # fmt: skip
    sentence, word = (None, 1, None), (None, None, 1)  # one mask for all steps; one for a whole embedding
    cells = [f"encoder_{i}/{half}" for i in range(2) for half in ("forward", "backward")]
    cells += ["decoder/lstm", "decoder/upper/lstm_1", "decoder/upper/lstm_2"]
    assert drawn(monkeypatch, model, {"source": SOURCE, "target_in": TARGET}) == {
        "source_word_dropout": (0.3, word),
        "target_word_dropout": (0.3, word),
        "source_dropout": (0.2, sentence),
        "target_dropout": (0.2, sentence),
        "readout_dropout": (0.2, sentence),
        "encoder_dropout_0": (0.1, sentence),
        "encoder_dropout_1": (0.1, sentence),
        "decoder": (0.1, None),  # of the vector, drawn before the loop over the steps
        "decoder/upper/dropout_1": (0.1, sentence),
        "decoder/upper/dropout_2": (0.1, sentence),
        **{f"{cell}/lstm_cell": (0.4, None) for cell in cells},
    }


def test_an_encoder_layer_adds_to_what_it_reads():
    model = TranslationModel(11, 13, units=8, embedding_size=6, encoder_layers=3, attention="dot")
    reference.randomise(model)
    for silent in model.encoders[1:]:
        silent.set_weights([np.zeros_like(weight) for weight in silent.get_weights()])
    memory = encode(model, SOURCE)[0]["values"]
    lengths = tf.constant(LENGTHS)
    first = model.encoders[0](model.source_embedding(SOURCE), lengths)
    np.testing.assert_allclose(memory, first, **CLOSE)
    silent = model.encoders[0]  # the first one's input is of another size: it adds to nothing
    silent.set_weights([np.zeros_like(weight) for weight in silent.get_weights()])
    assert not np.any(encode(model, SOURCE)[0]["values"])
    assert not np.any(model.get_layer("encoder_0")(np.ones([1, 2, 6]), np.array([2])))


def test_training_and_inference_read_alike():
    """`encode` and the functional model are two ways over the same layers: their logits are equal."""
    model = TranslationModel(11, 13, units=8, embedding_size=8, encoder_layers=2, attention="general")
    reference.randomise(model)
    np.testing.assert_allclose(decode(model, SOURCE, TARGET)[0], run(model), **CLOSE)


def test_training_reaches_every_weight_and_drops_by_the_seed():
    keras.utils.set_random_seed(1)
    model = TranslationModel(
        11, 13, units=8, embedding_size=8, decoder_layers=2,
        dropout=0.2, embedding_dropout=0.2, word_dropout=0.2, recurrent_dropout=0.2,
    )  # fmt: skip
    seeds = [v for v in model.non_trainable_variables if "seed" in v.path]
    start = [seed.numpy() for seed in seeds]

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            logits = model({"source": SOURCE, "target_in": TARGET}, training=True)
            loss = SmoothedCrossEntropy(0.1)(TARGET, logits)
        return logits, tape.gradient(loss, [w.value for w in model.trainable_weights])

    first, gradients = step()
    assert all(g is not None and np.any(tf.convert_to_tensor(g)) for g in gradients)
    assert np.any(step()[0] != first), "each call draws masks of its own"
    for seed, value in zip(seeds, start):
        seed.assign(value)
    np.testing.assert_allclose(step()[0], first, **CLOSE)
    np.testing.assert_array_equal(run(model), run(model))


@pytest.mark.parametrize(("cell", "attention"), [("lstm", "additive"), ("gru", "location")])
def test_mixed_bfloat16(cell, attention):
    options = {"cell": cell, "attention": attention, "units": 8, "embedding_size": 8, "decoder_layers": 2}
    model, truth = (TranslationModel(11, 13, **options, dtype=d) for d in ("mixed_bfloat16", "float32"))
    reference.randomise(truth)
    truth.set_weights([0.3 * w for w in truth.get_weights()])
    model.set_weights(truth.get_weights())
    assert {w.dtype for w in model.weights} == {"float32"}
    logits = run(model)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, run(truth), rtol=0.05, atol=0.05)
    np.testing.assert_allclose(decode(model, SOURCE, TARGET)[0], logits, rtol=0.05, atol=0.05)
