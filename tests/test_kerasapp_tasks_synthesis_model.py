"""The model of speech: shapes, files, steps against the whole, padding and batch, learning."""

import functools

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
from drawn_dropouts import drawn

from kerasapp.layers.attention import ATTENTIONS
from kerasapp.tasks.synthesis import config as configuration
from kerasapp.tasks.synthesis import model as synthesis
from kerasapp.tasks.synthesis.losses import GuidedAttentionLoss, SpectrogramLoss, StopLoss
from kerasapp.tasks.synthesis.model import SynthesisModel, encode, postnet, step, step_function
from pipelines.speech.clips import PADDING

MELS, UNITS = 5, 8
SIZES = {
    "embedding_size": 6, "encoder_units": UNITS, "attention_size": 6, "filters": 3, "filter_width": 5,
    "prenet_units": 7, "decoder_units": UNITS, "postnet_channels": 6,
}  # fmt: skip
OPTIONS = {
    "location": {},
    "additive": {"decoder_layers": 1, "reduction": 1, "postnet_layers": 0},
    "general": {"decoder_layers": 3, "encoder_layers": 0, "reduction": 3},
    "dot": {"postnet_layers": 1, "encoder_width": 2, "postnet_width": 4},
    "scaled_dot": {},
    "multi_head": {"attention_size": 8},
}
RANDOM = np.random.default_rng(0)
LENGTHS, STEPS = np.array([6, 2, 4]), np.array([3, 7, 5])
TOKENS = np.where(np.arange(6) < LENGTHS[:, None], RANDOM.integers(1, 11, [3, 6]), 0).astype("int32")
REAL = np.arange(7) < STEPS[:, None]
MEL_IN = np.where(REAL[:, :, None], RANDOM.normal(size=[3, 7, MELS]), PADDING).astype("float32")
MEL_IN[:, 0] = 0
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@functools.cache
def build(attention, **options):
    model = SynthesisModel(11, MELS, attention=attention, **{**SIZES, **OPTIONS[attention], **options})
    reference.randomise(model)
    model.set_weights([0.6 * w for w in model.get_weights()])
    return model


def run(model, tokens=TOKENS, mel_in=MEL_IN):
    return {name: out.numpy() for name, out in model({"tokens": tokens, "mel_in": mel_in}).items()}


def cut(outputs, row, text, steps, reduction):
    """What is real of a row's outputs."""
    mel, stop, alignment = (outputs[name][row] for name in ("mel_out", "stop", "alignment"))
    return mel[: steps * reduction], stop[:steps], alignment[:steps, :text]


def assert_same(ours, theirs, close=CLOSE):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, **close)


def decode(model, tokens, mel_in, one_step=None):
    """The outputs of the model, step by step, by `step_function` or a function like it; the postnet last."""
    prepared, states = encode(model, tokens)
    one_step, found = one_step or step_function(model), []
    for frame in np.moveaxis(mel_in, 1, 0):
        assert sorted(states) == sorted(model.state_names)
        *now, states = one_step(tf.constant(frame), states, prepared)
        found.append(now)
    frames, stop, alignment = (np.stack(values, axis=1) for values in zip(*found))
    before = frames.reshape([len(tokens), -1, MELS])
    mask = np.repeat(REAL, model.reduction, axis=1).astype("float32")
    after = postnet(model, tf.constant(before), tf.constant(mask))
    return {"mel_out": np.concatenate([before, after], axis=-1), "stop": stop, "alignment": alignment}


def test_every_attention_but_none_is_tested():
    assert sorted(OPTIONS) == sorted(set(ATTENTIONS) - {"none"})


def test_the_heads_are_as_many_as_the_configuration_divides_the_attention_by(monkeypatch):
    assert synthesis.HEADS == configuration.HEADS
    monkeypatch.setattr(synthesis, "HEADS", 2)
    model = SynthesisModel(11, MELS, attention="multi_head", **{**SIZES, "attention_size": 8})
    assert model.decoder.attention.heads == 2


@pytest.mark.parametrize("attention", OPTIONS)
def test_outputs_config_and_file_round_trip(attention, tmp_path):
    model = build(attention)
    outputs, frames = run(model), 7 * model.reduction
    shapes = {"mel_out": (3, frames, 2 * MELS), "stop": (3, 7), "alignment": (3, 7, 6)}
    assert {name: out.shape for name, out in outputs.items()} == shapes
    assert {out.dtype for out in outputs.values()} == {np.dtype("float32")}
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    assert_same(run(loaded).values(), outputs.values(), {"rtol": 0, "atol": 0})


@pytest.mark.parametrize("attention", OPTIONS)
def test_steps_are_the_whole(attention):
    model, found = build(attention), run(build(attention))
    for one_step in (step_function(model), functools.partial(step, model)):
        stepwise = decode(model, TOKENS, MEL_IN, one_step)
        for row in range(3):
            sizes = row, LENGTHS[row], STEPS[row], model.reduction
            assert_same(cut(stepwise, *sizes), cut(found, *sizes), {"rtol": 1e-4, "atol": 1e-5})
    weights = found["alignment"]
    assert not np.any(weights * (TOKENS[:, None] == 0))
    np.testing.assert_allclose(weights.sum(-1), REAL, atol=1e-5)
    assert not np.any(found["mel_out"][~np.repeat(REAL, model.reduction, axis=1)])


@pytest.mark.parametrize("attention", OPTIONS)
def test_padding_and_the_rest_of_the_batch_change_nothing(attention):
    model, truth = build(attention), run(build(attention))
    mel_in = np.pad(MEL_IN, [(0, 0), (0, 3), (0, 0)], constant_values=PADDING)
    padded = run(model, np.pad(TOKENS, [(0, 0), (0, 4)]), mel_in)
    for row, (text, steps) in enumerate(zip(LENGTHS, STEPS)):
        real = cut(truth, row, text, steps, model.reduction)
        assert_same(cut(padded, row, text, steps, model.reduction), real)
        alone = run(model, TOKENS[row : row + 1, :text], MEL_IN[row : row + 1, :steps])
        assert_same(cut(alone, 0, text, steps, model.reduction), real)
    assert all(np.all(np.isfinite(out)) for out in run(model, np.zeros_like(TOKENS)).values())


def test_the_postnet_sees_no_padding():
    model, mel = build("location"), RANDOM.normal(size=[3, 14, MELS]).astype("float32")
    mask = np.repeat(REAL, 2, axis=1).astype("float32")
    truth = postnet(model, tf.constant(mel), tf.constant(mask)).numpy()
    assert not np.any(truth[mask == 0])
    for row, steps in enumerate(STEPS):
        alone = postnet(model, tf.constant(mel[row : row + 1, : 2 * steps]), tf.ones([1, 2 * steps]))
        np.testing.assert_allclose(alone[0], truth[row, : 2 * steps], **CLOSE)


def test_a_frame_depends_on_the_text_and_the_frames_before_alone():
    model, truth = build("location"), run(build("location"))
    later = MEL_IN.copy()
    later[1, 4] += 1
    before = [run(model, mel_in=mel)["mel_out"][1, :, :MELS] for mel in (later, MEL_IN)]
    np.testing.assert_array_equal(before[0][:8], before[1][:8])
    assert np.all(np.abs(before[0] - before[1])[8:].max(-1) > 1e-4)
    other = np.where(TOKENS, TOKENS % 10 + 1, 0).astype("int32")
    assert np.all(np.abs(run(model, other)["mel_out"] - truth["mel_out"])[1].max(-1) > 1e-4)


def test_a_step_attends_where_its_mask_lets_it():
    model = build("location")
    prepared, states = encode(model, TOKENS)
    window = np.arange(6) < 2
    prepared = {**prepared, "mask": prepared["mask"] * tf.cast(window, tf.float32)}
    _, _, alignment, _ = step(model, tf.zeros([3, MELS]), states, prepared)
    assert not np.any(alignment[:, 2:])
    np.testing.assert_allclose(np.sum(alignment, axis=1), np.ones(3), atol=1e-5)


def test_a_step_drops_units_of_the_prenet_if_asked():
    model = build("location")
    prepared, states = encode(model, TOKENS)
    frame = tf.constant(MEL_IN[:, 1])
    plain, ones, none = (
        step(model, frame, states, prepared, dropped)[0].numpy()
        for dropped in (None, [tf.ones([3, 7])] * 2, [tf.ones([3, 7]), tf.constant([[1.0], [0.0], [1.0]])])
    )
    np.testing.assert_array_equal(plain, ones)
    np.testing.assert_array_equal(plain[[0, 2]], none[[0, 2]])
    assert np.any(plain[1] != none[1])


def test_what_is_dropped_where(monkeypatch):
    options = {"dropout": 0.1, "prenet_dropout": 0.4, "decoder_layers": 3}
    model = SynthesisModel(11, MELS, **{**SIZES, **options})
    utterance = None, 1, None  # one mask for all steps of a row
    assert drawn(monkeypatch, model, {"tokens": TOKENS, "mel_in": MEL_IN}) == {
        "convolutions/dropout": (0.1, utterance),
        "encoder_dropout": (0.1, utterance),
        "prenet_dropout_0": (0.4, None),  # drawn anew in each step
        "prenet_dropout_1": (0.4, None),
        "decoder": (0.1, None),  # of the vector, drawn before the loop over the steps
        "decoder/upper/dropout_1": (0.1, utterance),
        "decoder/upper/dropout_2": (0.1, utterance),
        "postnet/dropout": (0.1, utterance),
    }


def test_training_reaches_every_weight_and_drops_by_the_seed():
    keras.utils.set_random_seed(1)
    model = SynthesisModel(11, MELS, **{**SIZES, "dropout": 0.2})
    seeds = [v for v in model.non_trainable_variables if "seed" in v.path]
    start = [seed.numpy() for seed in seeds]

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            out = model({"tokens": TOKENS, "mel_in": MEL_IN}, training=True)
            loss = sum(tf.reduce_sum(tf.square(o)) for o in out.values())
        return out["mel_out"], tape.gradient(loss, [w.value for w in model.trainable_weights])

    first, gradients = step()
    assert all(g is not None and np.any(tf.convert_to_tensor(g)) for g in gradients)
    assert np.any(step()[0] != first), "each call draws masks of its own"
    for seed, value in zip(seeds, start):
        seed.assign(value)
    np.testing.assert_allclose(step()[0], first, **CLOSE)


def test_mixed_bfloat16():
    model = SynthesisModel(11, MELS, **SIZES, dtype="mixed_bfloat16")
    truth = build("location")
    halved = [0.5 * w for w in truth.get_weights()]
    model.set_weights(halved)
    exact = SynthesisModel(11, MELS, **SIZES)
    exact.set_weights(halved)
    assert {w.dtype for w in model.weights} == {"float32"}
    found = run(model)
    assert {out.dtype for out in found.values()} == {np.dtype("float32")}
    assert_same(found.values(), run(exact).values(), {"rtol": 0.05, "atol": 0.05})


# === Learning ===

FRAMES = 3  # each character is spoken in so many frames
PATTERNS = np.random.default_rng(5).normal(size=[9, FRAMES, MELS]).astype("float32")
SILENCE = np.full([2, MELS], -2.0, "float32")


def utterances(count, seed, guide=1.0):
    """Batch of strings of 4 to 8 of 7 characters, ended by 8, and of their sound: inputs and targets."""
    random, text, steps = np.random.default_rng(seed), 9, 15
    tokens, mel_in = np.zeros([count, text], "int32"), np.full([count, steps, MELS], PADDING, "float32")
    mel_out, stop = np.full([count, 2 * steps, MELS], PADDING, "float32"), np.full([count, steps], PADDING)
    wanted = np.zeros([count, steps, text], "float32")
    for row in range(count):
        length = random.integers(4, 9)
        said = random.integers(1, 8, length)
        tokens[row, : length + 1] = [*said, 8]
        mel = np.concatenate([*PATTERNS[said], *[SILENCE] * 2])[: 2 * (-(-FRAMES * length // 2) + 1)]
        groups = len(mel) // 2
        mel_out[row, : len(mel)] = mel
        mel_in[row, :groups] = np.concatenate([np.zeros([1, MELS]), mel[1:-1:2]])
        stop[row, :groups] = np.arange(groups) >= groups - 2
        place = np.arange(length + 1) / (length + 1) - np.arange(groups)[:, None] / groups
        wanted[row, :groups, : length + 1] = guide * (1 - np.exp(-(place**2) / 0.08))
    targets = {"mel_out": mel_out, "stop": stop.astype("float32"), "alignment": wanted}
    return {"tokens": tokens, "mel_in": mel_in}, targets


def speak(model, tokens, most=20):
    """Free running: frames [batch, frames, mels], the steps until each row stops, the places looked at."""

    @tf.function(autograph=False)
    def loop():
        prepared, states = encode(model, tokens)
        one_step, frame, found = step_function(model), tf.zeros([len(tokens), MELS]), []
        for _ in range(most):
            frames, stop, alignment, states = one_step(frame, states, prepared)
            frame = frames[:, -1]
            found.append((frames, stop, alignment))
        frames, stops, alignments = (tf.stack(values, axis=1) for values in zip(*found))
        return tf.reshape(frames, [len(tokens), -1, MELS]), stops, tf.argmax(alignments, axis=-1)

    frames, stops, places = (value.numpy() for value in loop())
    return frames, 1 + np.argmax(stops > 0, axis=1), places


@pytest.mark.slow
def test_the_model_learns_to_read_and_to_stop():
    keras.utils.set_random_seed(2)
    model = SynthesisModel(
        9, MELS, embedding_size=16, encoder_layers=1, encoder_units=32, attention_size=16, filters=8,
        filter_width=7, prenet_units=32, prenet_dropout=0.2, decoder_units=48, decoder_layers=1,
        postnet_layers=2, postnet_channels=16, dropout=0.0,
    )  # fmt: skip
    losses = {"mel_out": SpectrogramLoss(), "stop": StopLoss(), "alignment": GuidedAttentionLoss()}
    model.compile(keras.optimizers.Adam(5e-3, global_clipnorm=1.0), loss=losses, jit_compile=False)
    data = tf.data.Dataset.from_tensor_slices(utterances(3200, seed=1)).batch(32)
    model.fit(data, epochs=3, verbose=0)

    inputs, targets = utterances(40, seed=9)
    frames, ends, places = speak(model, inputs["tokens"])
    wanted = np.sum(targets["stop"] == 0, axis=1) + 1  # steps up to the first that says stop
    assert np.mean(ends == wanted) > 0.9
    pairs = zip(frames, targets["mel_out"], 2 * (wanted - 1))
    errors = [np.abs(ours[:n] - theirs[:n]).mean() for ours, theirs, n in pairs]
    assert np.median(errors) < 0.4, "the mean distance of two patterns is about 1.1"
    back = [np.min(np.diff(p[:n]), initial=0) for p, n in zip(places, wanted)]
    assert np.mean(np.array(back) >= -1) > 0.9
