"""The two tests of memory, and the models that benchmarks/memory.py tests.

Adding (Hochreiter & Schmidhuber 1997, "Long short-term memory", experiment 4; marked as in Le, Jaitly &
Hinton 2015, arXiv:1504.00941): each step has a value in [0, 1) and a mark; two values are marked, one in
either half, and the answer at the end is their sum. Copying (after the same paper; as in Arjovsky, Shah &
Bengio 2016, arXiv:1511.06464): some symbols, a long pause, a sign; then the answer is the symbols in their
order.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasapp.layers import recurrent
from kerasapp.layers.attention import ScaledDot

BUDGET = 20_000  # weights per model, within 3%
SYMBOLS, KINDS = 3, 8  # copying: symbols of a sequence, and different symbols
TOLERANCE = 0.08  # adding: 4% of the range of the answers, as in the 1997 paper (0.04 of a target in [0, 1])


def adding(random, batch, lag):
    """Sequences [batch, lag, 2] of values and marks, and the sums [batch, 1]."""
    values, marks = random.random([batch, lag], dtype=np.float32), np.zeros([batch, lag], np.float32)
    rows = np.arange(batch)
    for low, high in ((0, lag // 2), (lag // 2, lag)):
        marks[rows, random.integers(low, high, batch)] = 1
    return np.stack([values, marks], axis=-1), np.sum(values * marks, axis=1, keepdims=True)


def copying(random, batch, lag):
    """Sequences [batch, lag + 2 SYMBOLS, KINDS + 2], one-hot, and the symbols [batch, SYMBOLS].

    A sequence has the symbols, then `lag` steps, all blank but the last, which is the sign, then a blank per
    answer. A symbol and its answer are `lag` + SYMBOLS steps apart.
    """
    symbols = random.integers(0, KINDS, [batch, SYMBOLS], dtype=np.int32)
    seen = np.full([batch, lag + 2 * SYMBOLS], KINDS)
    seen[:, :SYMBOLS] = symbols
    seen[:, SYMBOLS + lag - 1] = KINDS + 1
    return np.eye(KINDS + 2, dtype=np.float32)[seen], symbols


class Test(NamedTuple):
    """`make` (random, batch, lag) -> (sequences, targets [batch, answers]), and how answers are scored.

    The last steps give the answers [batch, answers, outputs]. `right` (answers, targets) tells which are
    right [batch, answers]; `guessed` is the loss without any knowledge of the sequence.
    """

    make: Callable
    features: int
    answers: int
    outputs: int
    loss: Callable
    right: Callable
    guessed: float


TESTS = {
    "adding": Test(
        adding,
        features=2,
        answers=1,
        outputs=1,
        loss=lambda answers, targets: tf.reduce_mean((answers[..., 0] - targets) ** 2),
        right=lambda answers, targets: np.abs(answers[..., 0] - targets) < TOLERANCE,
        guessed=1 / 6,  # the variance of the sum of two values: always answer 1
    ),
    "copying": Test(
        copying,
        features=KINDS + 2,
        answers=SYMBOLS,
        outputs=KINDS,
        loss=lambda answers, targets: tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(targets, answers)
        ),
        right=lambda answers, targets: np.argmax(answers, axis=-1) == targets,
        guessed=float(np.log(KINDS)),  # nats per symbol
    ),
}


class Cell(NamedTuple):
    """A cell to test: its layer, its initialisation, and its training."""

    layer: type
    rate: float
    scale: float  # standard deviation of the input weights
    spread: bool  # whether the gates' biases start spread over the lags; else Keras's defaults
    attention: bool = False
    patience: int = 1  # factor of its steps: a SimpleRNN learns slowly


CELLS = {
    "SimpleRNN": Cell(recurrent.SimpleRNN, 1e-3, 1.0, spread=False, patience=3),
    "GRU": Cell(recurrent.GRU, 1e-2, 0.5, spread=True),
    "LSTM": Cell(recurrent.LSTM, 1e-2, 0.5, spread=True),
    "LSTM, attention": Cell(recurrent.LSTM, 1e-2, 0.5, spread=True, attention=True),
    "LSTM, plain start": Cell(recurrent.LSTM, 1e-2, 0.5, spread=False),
}


class SpreadBiases(keras.initializers.Initializer):
    """Biases of a GRU [2, 3 units] or an LSTM [4 units] whose units forget at different rates.

    A unit that keeps a share s(b) = 1/(1 + e^-b) of its state per step remembers for about 1 + e^b steps. b
    is sampled from [0, ln lag], so as many units remember for 2 to 20 steps as for 20 to 200; an LSTM's input
    gates start at -b. The "chrono" initialisation of Tallec & Ollivier 2018 (arXiv:1804.11188) samples the
    time itself uniformly: then hardly any unit is fast enough to tell which symbol was the first.
    """

    def __init__(self, lag, seed):
        self.lag, self.seed = lag, seed

    def __call__(self, shape, dtype=None):
        biases = np.zeros(shape, np.float32)
        units = shape[-1] // (3 if len(shape) == 2 else 4)
        kept = np.random.default_rng(self.seed).uniform(0, np.log(self.lag), units)
        if len(shape) == 2:
            biases[0, :units] = kept
        else:
            biases[:units], biases[units : 2 * units] = -kept, kept
        return tf.constant(biases, dtype)


def count(cell, test, units):
    """The number of weights of a model."""
    inputs = units + test.features
    size = {
        recurrent.SimpleRNN: units * (inputs + 1),
        recurrent.GRU: 3 * units * (inputs + 2),
        recurrent.LSTM: 4 * units * (inputs + 1),
    }[cell.layer]
    head = (2 * units if cell.attention else units) * test.outputs + test.outputs
    return size + head + (2 * units**2 if cell.attention else 0)


def units_within(cell, test, budget=BUDGET):
    """The number of units that brings a model nearest to the budget."""
    return min(range(2, 500), key=lambda units: abs(count(cell, test, units) - budget))


def build(cell, test, lag, seed, budget=BUDGET):
    """A functional model: sequences [batch, time, features] -> answers [batch, answers, outputs].

    With attention each answer's state attends to all states, its own included; the answer depends on both.
    """
    units = units_within(cell, test, budget)
    keras.utils.set_random_seed(seed)
    # Keras scales these for features that are all active at once; here they are marks and one-hot.
    options = {"kernel_initializer": keras.initializers.RandomNormal(stddev=cell.scale, seed=seed)}
    if cell.spread:
        options["bias_initializer"] = SpreadBiases(lag, seed)
        if cell.layer is recurrent.LSTM:
            options["unit_forget_bias"] = False
    inputs = keras.Input([None, test.features], name="sequences")
    states = cell.layer(units, return_sequences=True, **options, name="cell")(inputs)  # [batch, time, units]
    last = states[:, -test.answers :]
    if cell.attention:
        attention = ScaledDot(units, name="attention")
        lengths = keras.ops.sum(keras.ops.ones_like(inputs[:, :, 0], dtype="int32"), axis=1)
        contexts = [attention(last[:, i], states, lengths)[0] for i in range(test.answers)]
        last = keras.ops.concatenate([last, keras.ops.stack(contexts, axis=1)], axis=-1)
    answers = keras.layers.Dense(test.outputs, name="answers")(last)
    return keras.Model(inputs, answers)


def reach(model, test, lag, batch=64):
    """The norm of d answer / d input by the steps from the input to the answer: [0] is the last step.

    The mean over `batch` sequences, for tests with one answer.
    """
    sequences = tf.constant(test.make(np.random.default_rng(lag), batch, lag)[0])
    with tf.GradientTape() as tape:
        tape.watch(sequences)
        answers = model(sequences, training=True)
    gradient = tape.gradient(answers, sequences)  # each of its own answer: sequences do not mix
    return tf.reduce_mean(tf.norm(gradient, axis=-1), axis=0).numpy()[::-1]
