"""SeqGAN: rewards beside all ends counted out, what is drawn, when who learns, and that it learns."""

import itertools

import keras
import numpy as np
import tensorflow as tf

from kerasapp.tasks.generation.discriminator import TextDiscriminator
from kerasapp.tasks.generation.model import GenerationModel
from kerasapp.tasks.generation.seqgan import SeqGAN
from kerasapp.training.optimizer import averaged

SIZE, CONTEXT, LENGTH = 3, 2, 3  # tokens there are, given, written


def build(rate=0.02, average=None, **options):
    keras.utils.set_random_seed(1)
    generator = GenerationModel(SIZE, units=8, layers=1, embedding_size=4)
    discriminator = TextDiscriminator(SIZE, CONTEXT + LENGTH, embedding_size=4, filters=4, widths=(1, 2, 3))
    model = SeqGAN(generator, discriminator, **{"context": CONTEXT, "warmup": 0, "every": 1, **options})
    optimizer = keras.optimizers.Adam(rate, use_ema=average is not None, ema_momentum=average or 0.99)
    model.compile(optimizer, jit_compile=False)
    model.optimizer.build(generator.trainable_variables)
    return model


def random_pieces(rows, seed=0):
    return np.random.default_rng(seed).integers(0, SIZE, [rows, CONTEXT + LENGTH]).astype("int32")


def expected_reward(model, begun):
    """Mean probability of "real" over all ends of one beginning, each as likely as the generator makes it."""
    missing = CONTEXT + LENGTH - len(begun)
    texts = np.array([[*begun, *end] for end in itertools.product(range(SIZE), repeat=missing)], "int32")
    log_p = tf.nn.log_softmax(model.generator(texts[:, :-1])).numpy()
    of_tokens = np.take_along_axis(log_p, texts[:, 1:, None], axis=2)[:, len(begun) - 1 :, 0]
    real = 1 / (1 + np.exp(-model.discriminator(texts).numpy()))
    return np.sum(np.exp(of_tokens.sum(axis=1)) * real)


def test_rewards_are_the_mean_over_all_ends():
    model = build(rollouts=4000)
    for weight in model.discriminator.weights:  # so that texts are judged differently
        weight.assign(weight * 4.0)
    texts = random_pieces(2)
    rewards = tf.function(model.rewards)(tf.constant(texts), tf.constant(5)).numpy()
    wanted = [[expected_reward(model, text[: CONTEXT + t + 1]) for t in range(LENGTH)] for text in texts]
    np.testing.assert_allclose(rewards, wanted, atol=0.02)
    np.testing.assert_allclose(rewards[:, -1], np.array(wanted)[:, -1], atol=1e-6)
    assert np.ptp(wanted) > 0.07


def test_tokens_of_a_group_share_the_reward_of_its_last():
    texts = tf.constant(random_pieces(3))
    single = tf.function(build(rollouts=500).rewards)(texts, tf.constant(5)).numpy()
    pairs = tf.function(build(rollouts=500, rollout_tokens=2).rewards)(texts, tf.constant(5)).numpy()
    np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])
    np.testing.assert_allclose(pairs[:, 1], single[:, 1], atol=0.03)
    np.testing.assert_allclose(pairs[:, 2], single[:, 2], atol=1e-6)


def test_what_is_written_begins_with_the_context_and_is_drawn_by_the_generator():
    model = build()
    context = np.tile(random_pieces(1)[:, :CONTEXT], [6000, 1])
    write = tf.function(model.write)
    texts = write(context, tf.constant(1)).numpy()
    np.testing.assert_array_equal(texts[:, :CONTEXT], context)
    np.testing.assert_array_equal(write(context, tf.constant(1)), texts)
    assert np.any(write(context, tf.constant(2)).numpy() != texts)
    first = tf.nn.softmax(model.generator(context[:1])[0, -1]).numpy()
    shares = np.bincount(texts[:, CONTEXT], minlength=SIZE) / len(texts)
    np.testing.assert_allclose(shares, first, atol=0.03)


def test_the_generator_learns_after_the_warm_up_at_every_so_many_steps():
    model = build(warmup=2, every=3, rollouts=2)
    step = tf.function(model.train_step)
    moved = []
    for _ in range(9):
        before = [weight.numpy() for weight in model.generator.weights + model.discriminator.weights]
        step((tf.constant(random_pieces(8)),))
        after = [weight.numpy() for weight in model.generator.weights + model.discriminator.weights]
        changed = [np.any(a != b) for a, b in zip(before, after)]
        count = len(model.generator.weights)
        moved.append((all(changed[:count]), any(changed[:count]), any(changed[count:])))
    learned = [bool(generator) for generator, _, _ in moved]
    assert learned == [False, False, True, False, False, True, False, False, True]
    assert [bool(some) for _, some, _ in moved] == learned
    assert all(discriminator for *_, discriminator in moved)
    assert int(model.optimizer.iterations) == 3


def test_a_reward_that_all_texts_have_teaches_nothing():
    """What a token gains beyond the mean of the batch is what counts: a constant moves no weight."""
    model = build(rollouts=2)
    for weight in model.discriminator.weights:
        weight.assign(tf.zeros_like(weight))
    before = model.generator.get_weights()
    model.discriminator_optimizer.learning_rate = 0.0
    tf.function(model.train_step)((tf.constant(random_pieces(8)),))
    assert int(model.optimizer.iterations) == 1
    for weight, old in zip(model.generator.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


def share_of_twos(model, context):
    return np.mean(tf.function(model.write)(context, tf.constant(99)).numpy()[:, CONTEXT:] == 2)


def test_the_generator_comes_to_write_as_the_real_texts_do():
    model = build(warmup=20, every=2, rollouts=4, discriminator_rate=0.01)
    pieces = random_pieces(64)
    pieces[:, CONTEXT:] = 2
    before = share_of_twos(model, pieces[:, :CONTEXT])
    data = tf.data.Dataset.from_tensors(pieces).repeat()
    history = model.fit(data, steps_per_epoch=80, shuffle=False, verbose=0).history
    assert before < 0.5 and share_of_twos(model, pieces[:, :CONTEXT]) > 0.8
    assert set(history) == {"loss", "discriminator_loss", "told_apart", "reward"}
    assert all(np.all(np.isfinite(values)) for values in history.values())


def test_the_generator_alone_answers():
    model, pieces = build(), random_pieces(3)
    np.testing.assert_array_equal(model(pieces), model.generator(pieces))


def test_what_is_averaged_is_the_generator():
    model = build(average=0.5, rollouts=2)
    for seed in range(3):
        model.train_step((tf.constant(random_pieces(8, seed)),))
    parts = [model.generator, model.discriminator]
    trained, judge = ([weight.numpy() for weight in part.weights] for part in parts)
    with averaged(model.generator, model.optimizer):
        assert all(np.any(w.numpy() != old) for w, old in zip(model.generator.weights, trained, strict=True))
        assert all(
            np.all(w.numpy() == old) for w, old in zip(model.discriminator.weights, judge, strict=True)
        )
    assert all(np.all(w.numpy() == old) for w, old in zip(model.generator.weights, trained, strict=True))


def test_a_checkpoint_gets_the_discriminators_optimiser():
    model = build(rollouts=2)
    before = [variable.numpy() for variable in model.extra_variables]
    model.train_step((tf.constant(random_pieces(8)),))
    changed = [np.any(v.numpy() != old) for v, old in zip(model.extra_variables, before, strict=True)]
    assert sum(changed) > len(model.discriminator.trainable_variables)  # its moments and its step count
