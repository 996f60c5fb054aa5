"""How large and how quick the bundles for phones are, run by `kerasapp_lite`.

    pip install ./lite
    python benchmarks/lite.py saved_models/wp/1 [--rounds 7 --steps 300 --characters 1000]
    python benchmarks/lite.py saved_models/zh-en/1 --text sentences.zh [--sentences 50]
    python benchmarks/lite.py --untrained 256       # two layers of so many units, exported for this

All precisions of a bundle, in both engines of LiteRT, take turns, on one thread. The table has medians of the
rounds, the share of float32's size and the gain on its speed: those can be compared where other work runs on
the machine.

generation: milliseconds of a step, median and 95th percentile; characters of whole texts, sampled at
temperature 0.8, for a second of the processor, which is one of the clock where a core is free; and the first
character of a fresh `kerasapp-lite generate`, by the clock and in seconds of the processor, beside a Python
that imports NumPy and ends.
translation: whole sentences, greedy and with beams, text to text; and the same by the SavedModel called from
Python, one sentence at a time, with TensorFlow's threads as `kerasapp` sets them; by the clock, and in time
of the processor, which says more where other work runs.
synthesis: steps of the decoder, and seconds of speech for each second.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from kerasapp_lite.bundle import Bundle
from kerasapp_lite.engines import ENGINES
from kerasapp_lite.generation import Generator
from kerasapp_lite.sound import mel_to_audio
from kerasapp_lite.synthesis import Synthesizer
from kerasapp_lite.translation import Translator

STARTS = 7  # fresh processes of each kind


def in_turns(ways, rounds):
    """What functions give, name -> function, by turns: name -> list of one answer a round, the first, which
    warms up, left out."""
    found = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            value = way()
            if turn:
                found[name].append(value)
    return found


def seconds(work, clock=time.perf_counter):
    started = clock()
    work()
    return clock() - started


# === Generation ===


def generation(version, bundles, options):
    """Tables of steps and texts, and of fresh processes."""
    knobs = {"prompt": "The ", "length": options.characters, "temperature": 0.8}
    count, rounds = options.steps, options.rounds
    steps = in_turns({name: partial(step_times, b, count) for name, b in bundles.items()}, rounds)
    writing = {name: partial(Generator(bundle).generate, **knobs) for name, bundle in bundles.items()}
    texts = in_turns(
        {name: partial(seconds, write, time.process_time) for name, write in writing.items()}, rounds
    )
    table = Table("precision", "MB", "of float32", "step ms", "p95", "faster", "chars/s", "faster")
    base = [np.median(steps["float32"]), statistics.median(texts["float32"])]
    for name in bundles:
        times, text = np.concatenate(steps[name]), statistics.median(texts[name])
        table.add_row(
            *size(bundles, name),
            *(f"{1000 * value:.3f}" for value in (np.median(times), np.quantile(times, 0.95))),
            f"{base[0] / np.median(times):.2f}x",
            f"{options.characters / text:,.0f}",
            f"{base[1] / text:.2f}x",
        )
    return [table, starts(version, bundles)]


def step_times(bundle, count):
    """Seconds of `count` steps, the states carried."""
    step, states, times = bundle.signature("step"), bundle.zeros("step", bundle.states), []
    ids = np.array([5], np.int32)
    for _ in range(count):
        started = time.perf_counter()
        found = step(ids=ids, **states)
        states = {name: found[name] for name in states}
        times.append(time.perf_counter() - started)
    return times


def starts(version, bundles):
    """Fresh processes until their first character."""
    script = [sys.executable, "-c", "from kerasapp_lite.cli import main; main()", "generate"]
    ways = {"import numpy": [sys.executable, "-c", "import numpy; print(1)"]}
    for name in bundles[next(iter(bundles))].metadata["precisions"]:
        ways[name] = [*script, str(version / "tflite"), "The ", "--length", "1", "--precision", name]
    found = in_turns({name: partial(first_byte, command) for name, command in ways.items()}, STARTS)
    table = Table("fresh process", "seconds to the first character", "seconds of the processor")
    for name, values in found.items():
        table.add_row(name, *(f"{statistics.median(column):.2f}" for column in zip(*values, strict=True)))
    return table


def first_byte(command):
    """Seconds until a command's first output, and of the processor until its end."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.read(1)
        waited = time.perf_counter() - started
        process.stdout.read()
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return waited, usage.ru_utime + usage.ru_stime


def untrained(units, folder):
    """The version of a language model that has learned nothing, which takes no other time."""
    import kerasapp

    task = kerasapp.Generation(model={"units": units, "layers": 2})
    return task.export(task.build(), folder / "untrained", tflite=("float32", "float16", "dynamic", "int8"))


# === Translation ===


def translation(version, bundles, options):
    """A table of whole sentences."""
    vectors = json.loads((version / "tflite" / "vectors.json").read_text("utf-8"))["vectors"]
    texts = [request["inputs"]["source"] for request in vectors["requests"]]
    if options.text:
        texts = options.text.read_text("utf-8").splitlines()
    texts = [texts[i] for i in np.unique(np.linspace(0, len(texts) - 1, options.sentences).astype(int))]
    runtimes = {name: Translator(bundle).translate for name, bundle in bundles.items()}
    runtimes["SavedModel"] = saved_model(version)
    ways = {
        (name, beams): partial(sentence_times, translate, texts, beams)
        for beams in (1, bundles["float32"].metadata["limits"]["beams"])
        for name, translate in runtimes.items()
    }
    found = {way: np.median(times, axis=0) for way, times in in_turns(ways, options.rounds).items()}
    titles = ("runtime", "MB", "of float32", "beams", "ms", "faster", "ms of the processor", "faster")
    table = Table(*titles, title="a sentence, beside the SavedModel")
    for (name, beams), times in found.items():
        numbers = [name, "", ""] if name == "SavedModel" else size(bundles, name)
        gains = np.median(found["SavedModel", beams] / times, axis=1)  # of the same sentences
        for value, gain in zip(np.median(times, axis=1), gains, strict=True):
            numbers = [*numbers, f"{1000 * value:.1f}", f"{gain:.2f}x"]
        table.add_row(*numbers[:3], str(beams), *numbers[3:])
    return [table]


def sentence_times(translate, texts, beams):
    """Seconds of each sentence, [2, sentences]: by the clock, and of the processor."""
    times = []
    for text in texts:
        processor = time.process_time()
        times.append([seconds(partial(translate, text, beam_size=beams)), time.process_time() - processor])
    return np.transpose(times)


def saved_model(version):
    """A function that translates one sentence by the SavedModel."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401 (registers the operations of SentencePiece)

    from kerasapp import threads
    from kerasapp.tasks.translation.spec import SPEC

    threads.run_side_by_side()
    module = tf.saved_model.load(str(version))
    signature = module.signatures["translate"]

    def translate(text, beam_size):
        knobs = {**SPEC.defaults, "beam_size": beam_size}
        found = signature(source=tf.constant([text]), **{k: tf.constant([v]) for k, v in knobs.items()})
        return found["translation"].numpy()[0], module

    return translate


# === Synthesis ===


def synthesis(version, bundles, options):
    """A table of the steps of a text read aloud."""
    vectors = json.loads((version / "tflite" / "vectors.json").read_text("utf-8"))["vectors"]
    request = vectors["requests"][-1]["inputs"]
    text = request["text"]
    ways = {name: partial(spoken, Synthesizer(bundle), text) for name, bundle in bundles.items()}
    found = {name: np.median(times, axis=0) for name, times in in_turns(ways, options.rounds).items()}
    table = Table("precision", "MB", "of float32", "ms a second of mel", "faster", "ms with its sound")
    for name, (mel, audio) in found.items():
        gain = found["float32"][0] / mel
        table.add_row(*size(bundles, name), f"{1000 * mel:.1f}", f"{gain:.2f}x", f"{1000 * audio:.1f}")
    return [table]


def spoken(synthesizer, text):
    """Seconds for each second of speech: of the log-mels alone, and with the sound."""
    started = time.perf_counter()
    ids, _ = synthesizer.ids(text)
    frames, *_ = synthesizer._speak(ids, 100, 1.0, 0)
    mel = synthesizer._refined(frames)
    middle = time.perf_counter()
    mel_to_audio(mel, synthesizer.audio)
    length = len(mel) * synthesizer.audio["hop"] / synthesizer.audio["sample_rate"]
    return (middle - started) / length, (time.perf_counter() - started) / length


# === The command ===

MEASURES = {"generation": generation, "translation": translation, "synthesis": synthesis}


def size(bundles, name):
    """Columns of a bundle: its name, MB, and the share of float32."""
    entries = bundles[name].metadata["precisions"]
    content = entries[bundles[name].precision]["bytes"]
    return name, f"{content / 1e6:.2f}", f"{content / entries['float32']['bytes']:.3f}"


def main():
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    add = parser.add_argument
    add("version", nargs="?", type=Path, help="saved_models/NAME/VERSION with a bundle")
    add("--untrained", type=int, metavar="UNITS", default=256, help="without a version")
    parser.add_argument(
        "--text", type=Path, help="sentences to translate, a line each (default: the test vectors)"
    )
    for name, default in (("rounds", 7), ("steps", 300), ("characters", 1000), ("sentences", 50)):
        add(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        version = options.version or untrained(options.untrained, Path(folder))
        metadata = Bundle(version / "tflite").metadata
        bundles = {
            name if engine == "interpreter" else f"{name}, {engine}": Bundle(
                version / "tflite", name, engine=engine
            )
            for name in metadata["precisions"]
            for engine in ENGINES
        }
        for table in MEASURES[metadata["task"]](version, bundles, options):
            Console().print(table)


if __name__ == "__main__":
    main()
