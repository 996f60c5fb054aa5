"""SeqGAN beside maximum likelihood, on sequences of a random LSTM (Yu et al. 2017, arXiv:1609.05473).

    python benchmarks/adversarial.py [--seeds 0 1 2] [--runs FOLDER]

A random LSTM, the oracle, writes sequences of 20 tokens from a vocabulary of 5,000. A generator of the same
size learns from 10,000 of them by maximum likelihood, and then against a discriminator.

    NLL_oracle   -ln p of 10,000 sequences of the generator by the oracle, nats per token: quality alone
    NLL_test     -ln p of 10,000 other sequences of the oracle by the generator, nats per token: diversity too

A generator that writes only the likeliest sequences has a low NLL_oracle and a high NLL_test. A lower
temperature has the same effect without training (Caccia et al. 2020, arXiv:1811.02549), so the table shows it
beside SeqGAN. Likelihood has two rows: the epoch that predicts other sequences best, and the last epoch, as
in the paper. By then the generator begins to memorise the 10,000, which lowers NLL_oracle further. SeqGAN
starts from there.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from kerasapp.decoding.sampling import Sampling, derived, sample
from kerasapp.tasks.generation.discriminator import TextDiscriminator
from kerasapp.tasks.generation.model import GenerationModel, step_function
from kerasapp.tasks.generation.seqgan import SeqGAN

VOCABULARY, LENGTH, START = 5000, 20, 0
SEQUENCES, BATCH = 10_000, 64
PASS = SEQUENCES // BATCH  # steps
TEMPERATURES = (0.9, 0.8)
SEED_TRAIN, SEED_VALID, SEED_TEST, SEED_JUDGED = range(1, 5)


def small_model():
    return GenerationModel(VOCABULARY, units=32, layers=1, embedding_size=32)


def random_oracle(seed):
    """A model whose weights are all sampled from N(0, 1)."""
    oracle, rng = small_model(), np.random.default_rng(seed)
    oracle.set_weights([rng.normal(size=weight.shape) for weight in oracle.weights])
    return oracle


class Author:
    """Samples sequences from a model, and scores given ones."""

    def __init__(self, model):
        self.model = model
        self._draw, self._score = tf.function(self._drawn), tf.function(self._scored)

    def write(self, count, seed, temperature=1.0):
        """int32 [count, 1 + LENGTH], each beginning with START; `count` is a multiple of 1,000."""
        seeds = tf.split(derived(tf.constant([seed]), tf.range(count))[0], count // 1000)
        return np.concatenate([self._draw(part, tf.fill([1000], temperature)).numpy() for part in seeds])

    def nats(self, sequences, temperature=1.0):
        """Mean -ln p of the tokens of `sequences`."""
        parts = np.split(sequences, len(sequences) // 500)
        return float(np.mean([self._score(part, tf.constant(temperature)).numpy() for part in parts]))

    def _drawn(self, seeds, temperature):
        step = step_function(self.model)
        start = tf.fill(tf.shape(seeds), START)
        states = {name: tf.zeros([self.model.units, tf.size(seeds)]) for name in self.model.state_names}
        logits, states = step(start, states)
        sampling = Sampling(temperature, tf.zeros_like(seeds), tf.ones_like(temperature), seeds)
        tokens, _, _ = sample(step, logits, states, sampling, 0, LENGTH)
        return tf.concat([start[:, tf.newaxis], tokens], axis=1)

    def _scored(self, sequences, temperature):
        logits = self.model(sequences[:, :-1], training=False) / temperature
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(sequences[:, 1:], logits))


class Watch(keras.callbacks.Callback):
    """Prints the generator's metrics after each epoch."""

    def __init__(self, name, oracle, author, valid):
        super().__init__()
        self.name, self.oracle, self.author, self.valid = name, oracle, author, valid
        self.best, self.weights = float("inf"), None

    def on_epoch_end(self, epoch, logs=None):
        nats = self.author.nats(self.valid)
        if nats < self.best:
            self.best, self.weights = nats, self.author.model.get_weights()
        own = self.oracle.nats(self.author.write(2000, SEED_VALID))
        figures = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
        text = f"{self.name}  epoch {epoch + 1}  {figures}  valid {nats:.4f}  NLL_oracle of 2,000: {own:.3f}"
        print(text, file=sys.stderr, flush=True)


def batches(sequences, seed):
    """Endless shuffled batches."""
    data = tf.data.Dataset.from_tensor_slices(sequences)
    return data.shuffle(len(sequences), seed=seed).repeat().batch(BATCH, drop_remainder=True).prefetch(2)


def by_likelihood(author, real, watch, seed, epochs, rate=0.01):
    """Trains an author's model by maximum likelihood; the learning rate falls to 0 along half a cosine."""
    falling = keras.optimizers.schedules.CosineDecay(rate, epochs * PASS)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    author.model.compile(keras.optimizers.Adam(falling), loss, jit_compile=False)
    data = batches(real, seed).map(lambda x: (x[:, :-1], x[:, 1:]))
    fit(author.model, data, epochs * PASS, PASS, watch)


def against_discriminator(author, real, watch, seed, args):
    """Trains an author's model by SeqGAN."""
    judge = TextDiscriminator(VOCABULARY, 1 + LENGTH)
    model = SeqGAN(
        author.model,
        judge,
        rollouts=args.rollouts,
        every=args.every,
        warmup=args.warmup,
        discriminator_rate=args.discriminator_rate,
        seed=seed,
    )
    model.compile(keras.optimizers.Adam(args.rate), jit_compile=False)
    fit(model, batches(real, seed), args.warmup + args.steps * args.every, 100, watch)


def fit(model, data, steps, steps_per_epoch, watch):
    epochs, left = divmod(steps, steps_per_epoch)
    if left:
        raise SystemExit(f"{steps} steps of fit are not a multiple of {steps_per_epoch}")
    model.fit(
        data, epochs=epochs, steps_per_epoch=steps_per_epoch, callbacks=[watch], shuffle=False, verbose=0
    )


def compare(seed, args):
    """All rows of a seed: list of (name, NLL_oracle, NLL_test)."""
    keras.utils.set_random_seed(seed)
    oracle, author = Author(random_oracle(seed)), Author(small_model())
    real, test = (oracle.write(SEQUENCES, number) for number in (SEED_TRAIN, SEED_TEST))
    valid = oracle.write(2000, SEED_VALID)

    def row(name, temperature=1.0):
        written = author.write(SEQUENCES, SEED_JUDGED, temperature)
        return name, oracle.nats(written), author.nats(test, temperature)

    best, last = (args.runs / f"{which}-{seed}-{args.epochs}.weights.h5" for which in ("best", "last"))
    if not last.exists():
        watch = Watch(f"seed {seed} likelihood", oracle, author, valid)
        by_likelihood(author, real, watch, seed, args.epochs)
        author.model.save_weights(last)
        author.model.set_weights(watch.weights)
        author.model.save_weights(best)
    rows = [("the oracle itself", oracle.nats(test), oracle.nats(test))]
    author.model.load_weights(best)
    rows.append(row("likelihood, best in validation"))
    author.model.load_weights(last)
    rows.append(row(f"likelihood, {args.epochs} epochs"))
    rows += [row(f"  at temperature {temperature:g}", temperature) for temperature in TEMPERATURES]
    if args.steps:
        against_discriminator(author, real, Watch(f"seed {seed} SeqGAN", oracle, author, valid), seed, args)
        rows.append(row("SeqGAN"))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("runs/benchmark-adversarial"),
        help="where the models trained by likelihood are kept",
    )
    parser.add_argument("--epochs", type=int, default=20, help="epochs of likelihood (default: 20)")
    parser.add_argument(
        "--steps", type=int, default=75, help="steps of SeqGAN's generator; 0 for none (default: 75)"
    )
    parser.add_argument(
        "--rate", type=float, default=5e-3, help="learning rate of the generator (default: 0.005)"
    )
    parser.add_argument("--discriminator-rate", type=float, default=1e-3, help="of the discriminator (0.001)")
    parser.add_argument("--warmup", type=int, default=350, help="steps of the discriminator before (350)")
    parser.add_argument("--every", type=int, default=2, help="discriminator steps per generator step (2)")
    parser.add_argument("--rollouts", type=int, default=4, help="continuations per reward (default: 4)")
    args = parser.parse_args()
    args.runs.mkdir(parents=True, exist_ok=True)
    table = Table("seed", "generator", "NLL_oracle", "NLL_test", show_edge=False)
    below = []
    for seed in args.seeds:
        started = time.process_time()
        rows = compare(seed, args)
        for name, own, others in rows:
            table.add_row(str(seed), name, f"{own:.3f}", f"{others:.3f}")
        figures = {name: own for name, own, _ in rows}
        likelihood = min(own for name, own in figures.items() if name.startswith("likelihood"))
        below.append(figures.get("SeqGAN", np.inf) < likelihood)
        print(f"seed {seed}: {time.process_time() - started:.0f} s of processor time", file=sys.stderr)
    Console().print(table)
    print(f"SeqGAN is below likelihood on NLL_oracle with {sum(below)} of {len(below)} seeds")


if __name__ == "__main__":
    main()
