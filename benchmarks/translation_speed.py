"""The speed of a run of `translation` in training and translation, beside a loop of `model.predict`.

    python benchmarks/translation_speed.py runs/tatoeba-zh-en [--steps 60 --sentences 512 --rounds 5]

Training: steps of `fit` with the run's configuration, data and optimiser. The table has source and target
tokens per second, with end tokens and without padding, the median of the steps after the first ten, which
trace and warm up; and the share of padding in their batches.

Translation: sentences per second from text to text, for test sentences of all lengths, in batches of 64,
greedy and with a beam of 4. Beside them the loop that one would write first: `model.predict` of the same
model on the source and the target so far, and the likeliest token appended, until all sentences have ended.
It gets 64 of the sentences, and the graph's greedy search gets the same 64 once more. All take turns after a
turn that only warms up; the table has medians. Settings are those of `kerasapp`.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

import kerasapp
from kerasapp import threads
from kerasapp.tasks.translation.spec import SPEC
from kerasapp.tasks.translation.steps import SPARE
from kerasapp.training.optimizer import make_optimizer

BATCH = 64
WARM_UP = 10  # training steps


class StepClock(keras.callbacks.Callback):
    """The times at which the steps end; reading the loss waits for the step."""

    def __init__(self):
        super().__init__()
        self.moments = []

    def on_train_batch_end(self, batch, logs=None):
        float(logs["loss"])
        self.moments.append(time.perf_counter())


def training_table(task, steps):
    """Tokens per second of a fit with the task's configuration, and the padding of its batches."""
    keras.utils.set_random_seed(task.config.training.seed)
    tf.config.experimental.enable_op_determinism()  # as in training
    model = task.build(training=True)
    model.compile(make_optimizer(task.config.training), task.loss(), jit_compile=False)
    clock = StepClock()
    data, count = task.training_data(), WARM_UP + steps
    model.fit(data, steps_per_epoch=count, epochs=1, shuffle=False, verbose=0, callbacks=[clock])
    rows = [(inputs["source"].numpy(), out.numpy()) for inputs, out in data.take(count)]
    tokens = [np.count_nonzero(source) + np.count_nonzero(out) for source, out in rows]
    padding = 1 - sum(tokens) / sum(source.size + out.size for source, out in rows)
    seconds = np.diff(clock.moments)[WARM_UP - 1 :]  # step i ends at moment i
    rates = np.array(tokens[WARM_UP:]) / seconds
    table = Table("training step", "median", "from", "to", title=f"{model.count_params():,} weights")
    columns = {"tokens/s": rates, "tokens": np.array(tokens[WARM_UP:]), "ms": 1000 * seconds}
    for name, values in columns.items():
        table.add_row(name, *(f"{value:,.0f}" for value in np.quantile(values, [0.5, 0.05, 0.95])))
    table.add_row("padding", f"{padding:.1%}", "", "")
    return table


def chosen(sentences, count):
    """`count` of the sentences, evenly spaced; Tatoeba orders them by length."""
    return [sentences[i] for i in np.unique(np.linspace(0, len(sentences) - 1, count).astype(int))]


def predict_loop(translator, sentences):
    """The greedy translations of a batch of sentences by `model.predict`, one call per token."""
    model, servable = translator.model, translator.servable
    end = servable.target_tokenizer.end_id
    found = {name: value.numpy() for name, value in servable.tokenize(tf.constant(sentences)).items()}
    longest = (SPEC.defaults["max_ratio"] * (found["lengths"] - 1)).astype(int) + SPARE  # as in the servable
    never = [servable.target_tokenizer.pad_id, servable.target_tokenizer.unknown_id, found["start"][0]]
    target = found["start"][:, np.newaxis]  # [batch, 1 + tokens so far]
    lengths = longest.copy()
    while (target.shape[1] <= lengths).any():
        logits = model.predict({"source": found["ids"], "target_in": target}, batch_size=BATCH, verbose=0)
        logits[:, -1, never] = -np.inf
        tokens = logits[:, -1].argmax(axis=1).astype(np.int32)
        ended = (tokens == end) & (target.shape[1] - 1 < lengths)
        lengths[ended] = target.shape[1] - 1
        target = np.concatenate([target, tokens[:, np.newaxis]], axis=1)
    texts = servable.detokenize(target[:, 1:], lengths.astype(np.int32))["text"].numpy()
    return [text.decode() for text in texts]


def decoding_table(translator, sentences, rounds):
    """A table of sentences per second of each way to translate; the ways take turns."""
    few = chosen(sentences, BATCH)
    translator.model.jit_compile = False  # else `predict` compiles again for every length
    ways = {
        "greedy": lambda: translator.translate(sentences, beam_size=1),
        "beam 4": lambda: translator.translate(sentences, beam_size=4),
        f"greedy, {len(few)} alone": lambda: translator.translate(few, beam_size=1),
        f"predict, {len(few)} alone": lambda: predict_loop(translator, few),
    }
    counts = [len(sentences), len(sentences), len(few), len(few)]
    seconds, answers = {name: [] for name in ways}, {}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            answers[name] = way()
            if turn:  # the first one traces
                seconds[name].append(time.perf_counter() - started)
    medians = [statistics.median(values) for values in seconds.values()]
    rates = [count / median for count, median in zip(counts, medians, strict=True)]
    table = Table("translation", "sentences", "seconds", "sentences/s", "times slower")
    for name, count, median, rate, base in zip(ways, counts, medians, rates, [0, 0, 2, 2], strict=True):
        table.add_row(name, f"{count}", f"{median:.2f}", f"{rate:,.1f}", f"{rates[base] / rate:.1f}")
    ours, theirs = list(answers.values())[2:]
    same = sum(answer.text == text for answer, text in zip(ours, theirs, strict=True))
    return table, f"the loop's translations are ours in {same} of {len(few)} sentences"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="a run folder or an export")
    for name, default in (("steps", 60), ("sentences", 512), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    threads.run_side_by_side()
    translator = kerasapp.load(options.run)
    task, console = translator.task, Console()
    sentences = chosen(task.corpus.texts(task.config.data.default_split)[0], options.sentences)
    table, note = decoding_table(translator, sentences, options.rounds)
    console.print(table)
    console.print(note)
    # Last, because seeding frees the translator's tokenizers.
    console.print(training_table(task, options.steps))


if __name__ == "__main__":
    main()
