"""A model and its discriminator under `fit`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasapp.adversarial import Adversarial, generator
from kerasapp.training.selection import averaged


class Shift(Adversarial):
    """Learns by least squares to move noise to where real points are (LSGAN, one dimension)."""

    def train_step(self, data):
        noise, real = data
        with tf.GradientTape() as tape:
            fake = self.generator(noise, training=True)
            found = self.discriminator(tf.concat([real, fake], 0), training=True)
            wanted = tf.concat([tf.ones_like(real), tf.zeros_like(fake)], 0)
            discriminator_loss = tf.reduce_mean((found - wanted) ** 2)
        variables = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply(tape.gradient(discriminator_loss, variables), variables)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.discriminator(self.generator(noise, training=True)) - 1.0) ** 2)
        variables = self.generator.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return self.report(loss=loss, discriminator_loss=discriminator_loss)


@pytest.fixture
def shift():
    keras.utils.set_random_seed(1)
    dense = keras.layers.Dense
    first, second = (
        keras.Sequential([keras.Input([1]), dense(1)]),
        keras.Sequential([keras.Input([1]), dense(16, activation="tanh"), dense(1)]),
    )
    model = Shift(first, second, discriminator_rate=0.02, losses=("loss", "discriminator_loss"))
    model.compile(keras.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.5), jit_compile=False)
    model.optimizer.build(model.generator.trainable_variables)
    return model


def data(steps):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=[steps, 64, 1]).astype("float32")
    real = rng.normal(3.0, 1.0, size=[steps, 64, 1]).astype("float32")
    return tf.data.Dataset.from_tensor_slices((noise, real))


def test_the_generator_learns_where_the_real_points_are(shift):
    noise = np.random.default_rng(2).normal(size=[500, 1]).astype("float32")
    assert abs(np.mean(shift.generator(noise)) - 3.0) > 2.0
    history = shift.fit(data(400), shuffle=False, verbose=0).history
    assert abs(np.mean(shift.generator(noise)) - 3.0) < 1.0
    assert set(history) == {"loss", "discriminator_loss"}
    assert int(shift.optimizer.iterations) == int(shift.discriminator_optimizer.iterations) == 400


def test_the_generator_alone_is_the_model_that_answers(shift):
    assert generator(shift) is shift.generator
    assert generator(shift.generator) is shift.generator
    np.testing.assert_array_equal(shift(np.ones([2, 1])), shift.generator(np.ones([2, 1])))


def test_averages_are_those_of_the_generator(shift):
    for batch in data(5):
        shift.train_step(batch)
    trained = [weight.numpy() for weight in shift.generator.weights]
    judge = [weight.numpy() for weight in shift.discriminator.weights]
    with averaged(shift):
        assert all(np.any(w.numpy() != old) for w, old in zip(shift.generator.weights, trained))
        assert all(np.all(w.numpy() == old) for w, old in zip(shift.discriminator.weights, judge))
    assert all(np.all(w.numpy() == old) for w, old in zip(shift.generator.weights, trained))
