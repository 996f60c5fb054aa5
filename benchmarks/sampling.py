"""The characters per second that a 2x256 LSTM generates, for one prompt and for a batch.

    python benchmarks/sampling.py [--units 256 --layers 2 --batch 32 --rounds 5]

Compares the servable's `generate`, the whole graph from prompt to text, with the loop that one would write
first, over Keras's `LSTMCell` in `tf.while_loop`: same sizes, random weights, temperature 0.8. Both take
turns; the table has the medians. One intra-op thread, as `kerasapp generate` and `serve` set it.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")

import keras
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from kerasapp import threads
from kerasapp.tasks.generation.model import GenerationModel
from kerasapp.tasks.generation.servable import GenerationServable
from pipelines.text.tokenizers import CharacterTokenizer

CHARACTERS = "\n !$&',-.3:;?abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def ours(options):
    """A function (rows, length) that generates with the servable."""
    tokenizer = CharacterTokenizer(CHARACTERS)
    model = GenerationModel(tokenizer.size, units=options.units, layers=options.layers, embedding_size=128)
    servable = GenerationServable(model, tokenizer)

    def generate(rows, length):
        knobs = [(length, tf.int32), (0.8, tf.float32), (0, tf.int32), (1.0, tf.float32), (0, tf.int32)]
        columns = [tf.fill([rows], tf.constant(value, dtype)) for value, dtype in knobs]
        servable.generate(tf.fill([rows], "ROMEO:"), *columns, tf.fill([rows], ""))

    return generate


def plain(options):
    """The same with LSTMCells in a loop and `tf.random.stateless_categorical`."""
    size = len(CHARACTERS)
    embedding, dense = keras.layers.Embedding(size, 128), keras.layers.Dense(size)
    cells = keras.layers.StackedRNNCells(
        [keras.layers.LSTMCell(options.units) for _ in range(options.layers)]
    )

    @tf.function(
        jit_compile=False, input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)]
    )
    def loop(tokens, length):
        def body(i, tokens, states, out):
            x, states = cells(embedding(tokens), states)
            logits = dense(x) / 0.8
            tokens = tf.random.stateless_categorical(logits, 1, [0, i], tf.int32)[:, 0]
            return i + 1, tokens, states, out.write(i, tokens)

        states = cells.get_initial_state(batch_size=tf.shape(tokens)[0])
        out = tf.TensorArray(tf.int32, length)
        return tf.while_loop(lambda i, *_: i < length, body, (0, tokens, states, out))[3].stack()

    return lambda rows, length: loop(tf.zeros([rows], tf.int32), length).numpy()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (("units", 256), ("layers", 2), ("batch", 32), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    threads.run_side_by_side()
    candidates = {"kerasapp": ours(options), "plain LSTMCell loop": plain(options)}
    table = Table("prompts", *(f"{name}, characters/s" for name in candidates), "ratio")
    for rows, length in ((1, 2000), (options.batch, 1000)):
        seconds = {name: [] for name in candidates}
        for turn in range(options.rounds + 1):
            for name, generate in candidates.items():
                started = time.perf_counter()
                generate(rows, length)
                if turn:  # the first one traces
                    seconds[name].append(time.perf_counter() - started)
        rates = [rows * length / statistics.median(values) for values in seconds.values()]
        table.add_row(str(rows), *(f"{rate:,.0f}" for rate in rates), f"{rates[0] / rates[1]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
