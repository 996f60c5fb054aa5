"""A voice against a discriminator: before the start as without, then the losses, learning, exact resume."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasapp import api, training
from kerasapp.losses import GuidedAttentionLoss, SpectrogramLoss, StopLoss
from kerasapp.models.mel_discriminator import MelDiscriminator
from kerasapp.models.synthesis import PADDING, SynthesisModel
from kerasapp.tasks.synthesis_adversarial import AdversarialSynthesis

MELS, ROWS, TEXT, STEPS, REDUCTION = 8, 4, 4, 6, 2
SIZES = {
    "embedding_size": 4, "encoder_units": 4, "encoder_layers": 1, "attention_size": 4, "filters": 2,
    "prenet_units": 8, "decoder_units": 8, "decoder_layers": 1, "postnet_layers": 2, "postnet_channels": 8,
}  # fmt: skip
WEIGHT = 0.5
PARTS = ("mel_out_loss", "stop_loss", "alignment_loss")


def batches(count):
    """(inputs, targets) of spectrograms of noise, which no text foretells: the nearest guess is a blur."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        steps = rng.integers(STEPS - 2, STEPS + 1, ROWS)
        padding = np.arange(STEPS) >= steps[:, None]  # [rows, steps]
        mel_out = rng.choice([-1.0, 1.0], [ROWS, STEPS * REDUCTION, MELS]).astype("float32")
        mel_out[padding.repeat(REDUCTION, 1)] = PADDING
        mel_in = np.pad(mel_out[:, 1::2][:, :-1], [(0, 0), (1, 0), (0, 0)])
        mel_in[padding] = PADDING
        tokens = rng.integers(1, 9, [ROWS, TEXT]).astype("int32")
        stop = np.where(padding, PADDING, 0.0).astype("float32")
        alignment = (rng.uniform(size=[ROWS, STEPS, TEXT]) * ~padding[:, :, None]).astype("float32")
        targets = {"mel_out": mel_out, "stop": stop, "alignment": alignment}
        yield tf.nest.map_structure(tf.constant, ({"tokens": tokens, "mel_in": mel_in}, targets))


def made(start=None, rate=0.01, **sizes):
    """What is trained, without a discriminator where `start` is None; always from the same weights."""
    keras.utils.set_random_seed(3)
    model = SynthesisModel(9, MELS, reduction=REDUCTION, **{**SIZES, **sizes})
    if start is not None:
        model = AdversarialSynthesis(model, MelDiscriminator(MELS, [8, 8]), WEIGHT, start, 0.01)
    loss = {"mel_out": SpectrogramLoss(), "stop": StopLoss(), "alignment": GuidedAttentionLoss()}
    model.compile(keras.optimizers.Adam(rate), loss=loss, jit_compile=False)
    return model


def logs_of(learner, steps):
    """The logs after so many steps, as numbers."""
    step = tf.function(learner.train_step) if steps > 10 else learner.train_step
    for batch in batches(steps):
        logs = step(batch)
    return {name: float(value) for name, value in logs.items()}


def differing(one, other):
    pairs = zip(one.weights, other.weights, strict=True)
    return [a.path for a, b in pairs if np.any(a.numpy() != b.numpy())]


@pytest.fixture(scope="module")
def without():
    model = made()
    return model, logs_of(model, 3)


def test_before_the_start_the_model_learns_as_without(without):
    model, plain = without
    learner = made(start=3)
    logs = logs_of(learner, 3)
    assert differing(learner.generator, model) == []
    assert differing(learner.discriminator, made(start=3).discriminator) == []
    assert int(learner.discriminator_optimizer.iterations) == 0
    assert plain.keys() == {"loss", *PARTS}
    assert logs == pytest.approx({**plain, "adversarial_loss": 0.0, "discriminator_loss": 0.0}, rel=1e-5)


def test_from_the_start_on_the_discriminator_has_a_say(without):
    model, plain = without
    learner = made(start=2)
    logs = logs_of(learner, 3)
    changed = {path.split("/")[0] for path in differing(learner.generator, model)}
    assert changed >= {"postnet", "projection", "decoder", "encoder", "embedding"}
    assert int(learner.optimizer.iterations) == 3
    assert int(learner.discriminator_optimizer.iterations) == 1
    usual = sum(logs[name] for name in PARTS)
    assert usual == pytest.approx(plain["loss"], rel=1e-5)  # seen before the first step that differs
    assert logs["adversarial_loss"] > 0.01
    assert logs["loss"] == pytest.approx(usual + WEIGHT * logs["adversarial_loss"], rel=1e-5)


def test_the_losses_are_squared_distances_from_one_and_zero():
    """Of the frames after the postnet, and of no padding: here each row is scored alone, without its own."""
    learner = made(start=0, dropout=0.0, prenet_dropout=0.0)
    (inputs, targets), *_ = batches(1)
    recorded, written = targets["mel_out"].numpy(), learner(inputs)["mel_out"].numpy()[:, :, MELS:]
    frames = np.sum(recorded[:, :, 0] > PADDING / 2, axis=1)
    assert len(set(frames)) > 1

    def scores(mel):
        rows = [mel[i : i + 1, :count] for i, count in enumerate(frames)]
        return np.concatenate([learner.discriminator({"mel": row})["scores"][0] for row in rows])

    judged = scores(written)  # by the discriminator as it was for the generator's step, and for its own
    told = np.mean((scores(recorded) - 1) ** 2) + np.mean(judged**2)
    logs = logs_of(learner, 1)
    assert logs["adversarial_loss"] == pytest.approx(np.mean((judged - 1) ** 2), rel=1e-4)
    assert logs["discriminator_loss"] == pytest.approx(told, rel=1e-4)


def test_the_discriminator_learns_to_tell_recorded_from_written():
    learner = made(start=0, rate=0.0)  # the voice stays as it is
    before = learner.generator.get_weights()
    logs_of(learner, 100)
    for a, b in zip(learner.generator.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    (inputs, targets), *_ = batches(1)
    recorded = targets["mel_out"]
    written = tf.where(recorded > PADDING / 2, learner(inputs)["mel_out"][:, :, MELS:], PADDING)
    for mel, wanted in ((recorded, 1.0), (written, 0.0)):
        found = learner.discriminator({"mel": mel})
        scores = found["scores"].numpy()[found["counted"].numpy() == 1]
        assert abs(np.mean(scores) - wanted) < 0.3


@pytest.mark.slow
def test_what_is_written_against_a_discriminator_is_less_blurred():
    """Of noise the usual losses make its mean, of no variance."""
    (inputs, targets), *_ = batches(1)
    real = targets["mel_out"].numpy()[:, :, 0] > PADDING / 2

    def variance(learner):
        logs_of(learner, 300)
        written = learner(inputs, training=True)["mel_out"].numpy()[:, :, MELS:]
        return np.mean(np.var(written[real], axis=0))

    assert variance(made(start=0)) > 2 * variance(made())


def task(folder, **changes):
    return api.Synthesis(
        data={"directory": str(folder), "language": "none"},
        audio={"sample_rate": 8000, "mels": 20, "f_max": 4000.0, "griffin_lim_iterations": 1},
        model={**SIZES, "reduction": 3},
        training={
            "batch_size": 8, "steps": 6, "steps_per_epoch": 3, "save_seconds": 1e-6, "average": 0.5,
            "adversarial_weight": WEIGHT, "adversarial_start": 1, **changes,
        },
    )  # fmt: skip


def test_only_with_a_weight_there_is_a_discriminator(speech_folder):
    without = task(speech_folder, adversarial_weight=0.0)
    model = without.build()
    assert without.learner(model) is model and without.monitor == "teacher_mel_l1"
    against = task(speech_folder, discriminator_rate=0.25, precision="mixed_bfloat16")
    learner = against.learner(model)
    assert learner.generator is model and against.monitor is None
    assert (learner.weight, learner.start) == (WEIGHT, 1)
    assert float(learner.discriminator_optimizer.learning_rate) == 0.25
    assert learner.discriminator.convolutions[0].compute_dtype == "bfloat16"


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_run_that_was_cut_off_goes_on_to_the_same_weights(monkeypatch, speech_folder, tmp_path, precision):
    monkeypatch.setattr(api.Synthesis, "summarise", lambda self, model: None)
    calm = task(speech_folder, precision=precision)
    calm.validate = lambda model: {"teacher_mel_l1": 1.0}  # better in no epoch, and yet the last is kept
    state = training.train(calm, tmp_path / "calm")
    assert [row["best"] for row in state.history] == [True, True]

    def cut_off(model):
        raise KeyError("cut off")

    broken = task(speech_folder, precision=precision)
    broken.validate = cut_off  # after step 3; saved was step 2, when the discriminator had learned once
    with pytest.raises(KeyError, match="cut off"):
        training.train(broken, tmp_path / "cut")
    again = task(speech_folder, precision=precision)
    again.validate = calm.validate
    resumed = training.train(again, tmp_path / "cut")
    for a, b in zip(state.history, resumed.history, strict=True):
        assert {**a, "seconds": 0} == {**b, "seconds": 0}
    one, other = (keras.models.load_model(tmp_path / name / "best.keras") for name in ("calm", "cut"))
    assert differing(one, other) == []
    assert isinstance(one, SynthesisModel)
