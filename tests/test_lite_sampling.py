"""The small runtime draws what the servable draws."""

import numpy as np
import pytest
import tensorflow as tf

from kerasapp.decoding import sampling as decoding
from kerasapp_lite.sampling import choose, uniform


def test_uniform_is_that_of_the_servable():
    seeds, positions = [0, 1, -1, 2**31 - 1, -(2**31), 42], [0, 1, 2, 1000, 2**31 - 1]
    expected = decoding.uniform(tf.constant(seeds, tf.int32), tf.constant(positions, tf.int32)).numpy()
    assert [[uniform(seed, position) for position in positions] for seed in seeds] == expected.tolist()


@pytest.mark.parametrize(
    "knobs",
    [
        (0.0, 0, 1.0),
        (1.0, 0, 1.0),
        (0.5, 5, 1.0),
        (1.5, 0, 0.7),
        (0.8, 20, 0.4),
        (1.0, 1, 1.0),
        (1.0, 0, 0.0),
    ],
)
def test_choose_is_that_of_the_servable(knobs):
    rng = np.random.default_rng(3)
    logits = rng.normal(scale=3, size=[300, 60]).astype("float32")
    logits[:, :4] = -np.inf
    logits[:, 10:14] = logits[:, 10:11]  # equal ones stay or go together
    noise = (rng.integers(0, 2**24, 300) * 2.0**-24).astype("float32")
    columns = (np.full(300, value, kind) for value, kind in zip(knobs, ("float32", "int32", "float32")))
    sampling = decoding.Sampling(*map(tf.constant, columns), seed=tf.zeros([300], tf.int32))
    prepared = decoding.prepare(sampling, tf.constant(noise))
    expected = decoding.choose(tf.constant(logits), *prepared, sampling).numpy()
    assert [choose(row, n, *knobs) for row, n in zip(logits, noise)] == expected.tolist()
