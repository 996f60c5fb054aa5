"""Tokens per second of a training step: our recurrent layers, Keras's own, PyTorch's.

    python benchmarks/training.py [--cell LSTM|GRU|SimpleRNN] [--units 256 --layers 2 ...]

The same character model (embedding, recurrent layers, dense, cross-entropy, clipping by global norm, Adam) in
each, float32, on the CPU. Every candidate is a process of its own, because thread pools would disturb one
another. They take turns of a few steps, so that a busy machine slows all of them. The table has medians of
single steps. "Ours" has the settings of `kerasapp train`: one intra-op thread (the layer's two loops keep two
cores busy), TensorFlow's own CPU allocator in place of malloc, oneDNN on. PyTorch is optional: `pip install
torch==2.13.0`.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

CANDIDATES = {"ours": "kerasapp.layers.recurrent", "keras": "keras.layers", "torch": "torch.nn"}
CELLS = {"LSTM": "LSTM", "GRU": "GRU", "SimpleRNN": "RNN"}  # as PyTorch calls them
VOCABULARY = 65


def batches(options):
    """Two random batches (tokens, next tokens), each [batch, window]."""
    import numpy as np

    tokens = np.random.default_rng(0).integers(VOCABULARY, size=(2, options.batch, options.window + 1))
    return [(rows[:, :-1], rows[:, 1:]) for rows in tokens]


def keras_step(options, module, our_settings):
    """A function that runs one training step of a Keras model with the layer in `module`."""
    if our_settings:
        os.environ |= {"TF_CPU_ALLOCATOR_USE_BFC": "true", "TF_ENABLE_ONEDNN_OPTS": "1"}
    import keras
    import tensorflow as tf

    if our_settings:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(os.cpu_count())
    layer = getattr(importlib.import_module(module), options.cell)
    inputs = x = keras.Input([None], dtype="int32")
    x = keras.layers.Embedding(VOCABULARY, options.embedding)(x)
    for _ in range(options.layers):
        x = layer(options.units, return_sequences=True, return_state=True)(x)[0]
    model = keras.Model(inputs, keras.layers.Dense(VOCABULARY)(x))
    optimizer = keras.optimizers.Adam(3e-3, global_clipnorm=1.0)
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=False)
    def step(tokens, following):
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(following, model(tokens, training=True))
            loss = tf.reduce_mean(losses)
        optimizer.apply(tape.gradient(loss, [v.value for v in model.trainable_variables]))
        return loss

    data = [tuple(tf.constant(a, tf.int32) for a in batch) for batch in batches(options)]
    return lambda i: float(step(*data[i % 2]))


def torch_step(options):
    """A function that runs one training step of the same model in PyTorch."""
    import torch

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = torch.nn.Embedding(VOCABULARY, options.embedding)
            layer = getattr(torch.nn, CELLS[options.cell])
            self.recurrent = layer(options.embedding, options.units, options.layers, batch_first=True)
            self.dense = torch.nn.Linear(options.units, VOCABULARY)

        def forward(self, tokens):
            return self.dense(self.recurrent(self.embedding(tokens))[0])

    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    data = [tuple(torch.from_numpy(a.copy()) for a in batch) for batch in batches(options)]

    def step(i):
        tokens, following = data[i % 2]
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(tokens).flatten(0, 1), following.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step


def candidate(options):
    """A child process: prepares, then times as many steps as each line of standard input says."""
    if options.candidate == "torch":
        step = torch_step(options)
    else:
        step = keras_step(options, CANDIDATES[options.candidate], options.candidate == "ours")
    for i in range(4):
        step(i)
    print("ready", flush=True)
    for line in sys.stdin:
        steps = []
        for i in range(int(line)):
            wall, cpu = time.perf_counter(), time.process_time()
            step(i)
            steps.append([time.perf_counter() - wall, time.process_time() - cpu])
        print(json.dumps(steps), flush=True)


def measure(names, options):
    """Candidate -> median (wall, CPU) seconds per step; the candidates take turns."""
    command = [sys.executable, __file__, *sys.argv[1:], "--candidate"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    children = {name: subprocess.Popen([*command, name], **pipes) for name in names}
    steps = {name: [] for name in names}
    for name, child in children.items():
        if child.stdout.readline() != "ready\n":
            raise SystemExit(f"error: the candidate {name} failed")
    for _ in range(options.rounds):
        for name, child in children.items():
            time.sleep(0.4)  # PyTorch's threads spin for a while after its turn
            child.stdin.write(f"{options.steps}\n")
            child.stdin.flush()
            steps[name] += json.loads(child.stdout.readline())
    for child in children.values():
        child.stdin.close()
        child.wait()
    return {
        name: [statistics.median(times) for times in zip(*rows, strict=True)] for name, rows in steps.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    sizes = {"units": 256, "layers": 2, "batch": 64, "window": 100, "embedding": 64, "rounds": 20, "steps": 3}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--cell", choices=CELLS, default="LSTM")
    parser.add_argument("--candidate", choices=CANDIDATES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.candidate:
        return candidate(options)
    names = [name for name in CANDIDATES if name != "torch" or importlib.util.find_spec("torch")]
    medians = measure(names, options)
    title = (
        f"{options.layers} x {options.cell}({options.units}), batch {options.batch}, window {options.window}"
    )
    table = Table("", "layers", "ms", "CPU ms", "tokens/s", "against Keras", "against PyTorch", title=title)
    for name, module in CANDIDATES.items():
        if name not in medians:
            table.add_row(name, module, "not installed")
            continue
        wall, cpu = medians[name]
        ratios = [
            f"{medians[other][0] / wall:.2f}" if other in medians else "" for other in ("keras", "torch")
        ]
        tokens = options.batch * options.window / wall
        table.add_row(name, module, f"{wall * 1e3:.0f}", f"{cpu * 1e3:.0f}", f"{tokens:,.0f}", *ratios)
    Console().print(table)


if __name__ == "__main__":
    main()
