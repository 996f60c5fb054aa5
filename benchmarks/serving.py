"""The speed of `kerasapp serve`, and its behaviour when things go wrong.

    python benchmarks/serving.py saved_models --model tatoeba-zh-en --signature translate

Without a mode: --overhead, --concurrency and --start.

--overhead     the time that REST and gRPC add to a call of the SavedModel in this process, one client,
median:
               for a trivial model (one float; 64 floats), and for the model; targets: under 1 ms for one row,
               under 6 ms for 64 floats over REST
--concurrency  latency and throughput at 1, 4, 16, 32 and 100 clients over REST and gRPC, batching off and on,
               beside the SavedModel called by as many threads of this process; target: batching triples the
               throughput of 32 clients
--start        from the start of the process to the first answer; target: under 6 s
--soak MINUTES 100 clients; targets: no failure, memory grows by less than 3% after the first minute
--kill         kill -9 under load, and a restart: what clients see
--swap         two new versions under load; target: no failure
--sigterm      SIGTERM under load; target: no request is cut off
--fuzz N       N mutated requests; targets: no 5xx, no crash, no hang

The load comes from other processes (serving_load.py) on the same cores. `--seconds` is the length of one
measurement; candidates that are compared take turns. Exit code 1: a target was missed.
"""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import serving_faults
import serving_fuzz
import tensorflow as tf
import tensorflow_text  # noqa: F401  registers its operations
from rich.console import Console
from rich.table import Table
from serving_process import Examples, Served, alone, examples_of, newest_version

from kerasapp import threads

CLIENTS = (1, 4, 16, 32, 100)
TOY = "half"  # the name of the trivial model


class Half(tf.Module):
    """y = x / 2 + 2."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def serve(self, x):
        return {"y": x / 2 + 2}


def save_half(folder):
    """Saves the trivial model."""
    module = Half()
    tf.saved_model.save(module, str(Path(folder, TOY, "1")), signatures={"serving_default": module.serve})


class InProcess:
    """The SavedModel, called in this process."""

    def __init__(self, folder, examples):
        self._model = tf.saved_model.load(str(newest_version(folder, examples.model)))
        self._signature = self._model.signatures[examples.signature]
        self._requests = examples.requests

    def ask(self, index=0):
        """One call, NumPy arrays in and out."""
        inputs = self._requests[index % len(self._requests)]
        outputs = self._signature(**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}

    def load(self, clients, seconds):
        """Calls by a number of threads for some time: milliseconds of each, and calls per second."""
        start = time.perf_counter()

        def client(index):
            found = []
            while (begun := time.perf_counter()) - start < seconds:
                self.ask(index + len(found))
                found.append(1000 * (time.perf_counter() - begun))
            return found

        with ThreadPoolExecutor(clients) as executor:
            found = np.concatenate(list(executor.map(client, range(clients))))
        return found, len(found) / (time.perf_counter() - start)


def overhead(folder, examples, options, seconds):
    """The time that REST and gRPC add to the call, one row per request; and whether the targets are met."""
    table = Table("request", "in process", "REST", "adds", "gRPC", "adds", title="p50 of one client, ms")
    met = True
    with tempfile.TemporaryDirectory(prefix="half-") as temporary:
        save_half(temporary)
        floats = {count: np.linspace(-1, 1, count, dtype=np.float32) for count in (1, 64)}
        toys = [
            (f"{n} float{'s' * (n > 1)}", Examples(TOY, "serving_default", [{"x": x}]))
            for n, x in floats.items()
        ]
        given = [(f"{examples.model}, {examples.signature}", examples)]
        for place, requests in ((temporary, toys), (folder, given)):
            with Served(place, *options) as server:
                for name, request in requests:
                    found = turns(server, place, request, seconds)  # [turns, in process | REST | gRPC]
                    local, rest, grpc = np.median(found, axis=0)
                    adds = np.median(found[:, 1:] - found[:, :1], axis=0)  # paired: speeds of a machine drift
                    met &= rest < 6 if name == "64 floats" else max(adds) < 1
                    figures = (local, rest, adds[0], grpc, adds[1])
                    table.add_row(name, *(f"{figure:.3f}" for figure in figures))
    return table, met


def turns(server, folder, examples, seconds, rounds=10):
    """The median milliseconds of a call in process, over REST and over gRPC, taking turns: [turns, 3]."""
    local, found = InProcess(folder, examples), []
    local.ask()
    for turn in range(rounds + 1):
        share = seconds / rounds if turn else 0.5  # the first turn warms up
        medians = [np.median(local.load(1, share)[0])]
        for way in ("rest", "grpc"):
            result = server.load(examples, way, clients=1, seconds=share).result()
            medians.append(np.median(result["milliseconds"]) if len(result["milliseconds"]) else np.inf)
        found.append(medians)
    return np.array(found[1:])


def concurrency(folder, examples, options, seconds):
    """Latency and throughput by number of clients, and whether batching triples the throughput of 32."""
    names = ("clients", "way", "batching", "p50 ms", "p90 ms", "p99 ms", "answers/s", "failed", "on/off")
    table = Table(*names, title=f"{examples.model}, {examples.signature}")
    local, ratios = InProcess(folder, examples), []
    local.load(2, 1)
    batching = [] if any("batching" in option for option in options) else ["--enable-batching"]
    plain = [option for option in options if "batching" not in option]
    with Served(folder, *plain) as without, Served(folder, *options, *batching) as batched:
        for clients in CLIENTS:
            latencies, rate = local.load(clients, seconds)
            table.add_row(str(clients), "in process", "", *quantiles(latencies), f"{rate:,.1f}", "", "")
            for way in ("rest", "grpc"):
                results = [
                    server.load(examples, way, clients=clients, seconds=seconds).result()
                    for server in (without, batched)
                ]
                rates = [len(result["ends"]) / result["seconds"] for result in results]
                ratio = rates[1] / rates[0]
                if clients == 32:
                    ratios.append(ratio)
                for word, result, rate in zip(("off", "on"), results, rates, strict=True):
                    last = f"{ratio:.2f}" if word == "on" else ""
                    figures = (
                        *quantiles(result["milliseconds"]),
                        f"{rate:,.1f}",
                        str(result["failed"]),
                        last,
                    )
                    table.add_row("", way, word, *figures)
    return table, min(ratios) >= 3


def quantiles(latencies):
    """p50, p90 and p99 as text."""
    if not len(latencies):
        return ("", "", "")
    return tuple(f"{value:,.1f}" for value in np.quantile(latencies, [0.5, 0.9, 0.99]))


def start(folder, examples, options, rounds=3):
    """Seconds from the start of the process to the first answer over REST."""
    table = Table("start to", "seconds", title="start, median")
    ready, answered = [], []
    with alone(folder, examples.model) as place:
        for _ in range(rounds):
            begun = time.perf_counter()
            with Served(place, *options) as server:
                ready.append(time.perf_counter() - begun)
                server.ask(examples.path, examples.rest[0])
                answered.append(time.perf_counter() - begun)
    table.add_row("the line that says it is ready", f"{np.median(ready):.2f}")
    table.add_row("the first answer", f"{np.median(answered):.2f}")
    return table, np.median(answered) < 6


def rows_table(title, rows, met):
    """A table of two columns."""
    table = Table("what", "value", title=title)
    for row in rows:
        table.add_row(*row)
    return table, met


def parse(words=None):
    """The command line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=form,
        usage="%(prog)s FOLDER [MODE …] [options] [-- SERVE OPTIONS]",
    )
    parser.add_argument("folder", help="a folder of models, NAME/VERSION/")
    for name in ("overhead", "concurrency", "start", "kill", "swap", "sigterm"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--soak", type=float, metavar="MINUTES")
    parser.add_argument("--fuzz", type=int, metavar="N")
    parser.add_argument("--model", help="the model to ask (default: the first)")
    parser.add_argument("--signature", help="the signature to ask (default: the first with examples)")
    parser.add_argument("--texts", metavar="FILE", help="lines to send instead of the examples' texts")
    parser.add_argument("--seconds", type=float, default=5, help="per measurement (default: 5)")
    parser.add_argument("--clients", type=int, help="of --soak (100), --kill, --swap and --sigterm (20)")
    parser.add_argument("--seed", type=int, default=0, help="of --fuzz")
    words = sys.argv[1:] if words is None else words
    own = words[: words.index("--")] if "--" in words else words
    return parser.parse_args(own), words[len(own) + 1 :]


def main():
    options, serve = parse()
    names = sorted(
        path.name for path in Path(options.folder).iterdir() if path.is_dir() and path.name[0] != "."
    )
    model = options.model or names[0]
    threads.run_side_by_side()  # as in the server
    examples = examples_of(options.folder, model, options.signature, options.texts)
    given = (options.folder, examples, serve)
    none = not any([options.overhead, options.concurrency, options.start, options.kill, options.swap,
                    options.sigterm, options.soak, options.fuzz])  # fmt: skip
    few = {"seconds": max(options.seconds, 12), "clients": options.clients or 20}
    modes = [
        (options.overhead or none, lambda: overhead(*given, options.seconds)),
        (options.concurrency or none, lambda: concurrency(*given, options.seconds)),
        (options.start or none, lambda: start(*given)),
        (options.kill, lambda: rows_table(*serving_faults.kill(*given, **few))),
        (options.swap, lambda: rows_table(*serving_faults.swap(*given, **few))),
        (options.sigterm, lambda: rows_table(*serving_faults.sigterm(*given, **few))),
        (options.soak, lambda: rows_table(
            *serving_faults.soak(*given, minutes=options.soak, clients=options.clients or 100))),
        (options.fuzz, lambda: rows_table(*serving_fuzz.fuzz(*given, count=options.fuzz, seed=options.seed))),
    ]  # fmt: skip
    console, missed = Console(width=110), 0
    for wanted, mode in modes:
        if wanted:
            table, met = mode()
            console.print(table)
            console.print("target met" if met else "[bold red]target missed")
            missed += not met
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
