"""A server under load: long runs, kill -9, new versions, SIGTERM (benchmarks/serving.py), and late clients.

    python benchmarks/serving_faults.py --models saved_models

asks a model of its own: two deadlines at once, clients that vanish, batches past their deadline, overload at
ten times capacity; versions that change, break and go under load, kill -9, memory over many versions, a full
disk, slow senders; and it sends mutated requests to each model of a folder. The sizes are flags; it takes an
hour and more. Exit code 1: a target was missed.

Each function gives a title, rows (what, value) of a table, and whether the target was met.
"""

import argparse
import itertools
import json
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from serving_process import GOOD, Served, alone, newest_version, wait_until

LOST = ("unanswered", "cut", "hung")  # the request was sent, and its answer did not arrive


def soak(folder, examples, options, *, minutes, clients):
    """Half of the clients over REST, half over gRPC, for a long time: failures, and memory after a minute."""
    seconds, half = 60 * minutes, max(clients // 2, 1)
    settled = min(60, seconds / 4)  # a short soak settles earlier
    with Served(folder, *options) as server:
        start, samples = time.monotonic(), []
        loads = both(server, examples, half, seconds)
        while (now := time.monotonic() - start) < seconds:
            samples.append((now, server.memory()))
            time.sleep(0.2)
        results = [load.result() for load in loads]
    times, memory = np.array(samples).T
    before = np.median(memory[(times >= settled) & (times < settled + 0.1 * seconds)])
    after = np.median(memory[times >= 0.9 * seconds])
    growth = after / before - 1
    rows = [
        *outcome_rows(results),
        (f"memory after {settled:.0f} s", f"{before / 1e6:,.1f} MB"),
        ("memory at the end", f"{after / 1e6:,.1f} MB, {growth:+.2%}"),
    ]
    return f"soak, {minutes:g} minutes, {2 * half} clients", rows, growth < 0.03 and not failed(results)


def kill(folder, examples, options, *, seconds, clients):
    """kill -9 under load, an immediate restart at the same ports, and some more seconds."""
    half = max(clients // 2, 1)
    with alone(folder, examples.model) as place, Served(place, *options) as server:
        loads = both(server, examples, half, 600)
        time.sleep(seconds / 2)
        server.end(signal.SIGKILL)
        killed = time.monotonic()
        server.start_again()
        ready = time.monotonic()
        time.sleep(seconds / 2)
        for load in loads:
            load.stop()
        results = [load.result() for load in loads]
    first = [min(result["ends"][result["ends"] > killed], default=np.inf) - killed for result in results]
    late = [failure for result in results for failure in result["failures"] if failure[0] > ready + 1]
    rows = [
        *outcome_rows(results),
        ("ready again after the kill", f"{ready - killed:.2f} s"),
        ("first answer after the kill, REST and gRPC", ", ".join(f"{value:.2f} s" for value in first)),
        ("failures more than a second after that", str(len(late))),
    ]
    hung = any(result["outcomes"].get("hung") for result in results)
    return (
        f"kill -9 and restart, {2 * half} clients",
        rows,
        not late and not hung and np.isfinite(first).all(),
    )


def swap(folder, examples, options, *, seconds, clients):
    """Two new versions under load, each renamed into place as an export is."""
    half = max(clients // 2, 1)
    with tempfile.TemporaryDirectory(prefix="swap-") as temporary:
        model = Path(temporary, examples.model)
        shutil.copytree(newest_version(folder, examples.model), model / "1")
        with Served(temporary, *options) as server:
            loads = both(server, examples, half, seconds)
            taken = []
            for number in (2, 3):
                time.sleep(seconds / 6)
                shutil.copytree(model / "1", model / f".tmp-{number}")
                started = time.perf_counter()
                (model / f".tmp-{number}").rename(model / str(number))
                if wait_until(lambda number=number: serves_only(server, examples.model, number)):
                    taken.append(time.perf_counter() - started)
            results = [load.result() for load in loads]
    rows = [
        *outcome_rows(results),
        ("new versions that took over, the old one unloaded", f"{len(taken)} of 2"),
        ("seconds that took", ", ".join(f"{value:.2f}" for value in taken)),
    ]
    return f"version swap, {2 * half} clients", rows, len(taken) == 2 and not failed(results)


def serves_only(server, model, number):
    """Whether one version of a model is available and no other."""
    states = json.loads(server.ask(f"/v1/models/{model}"))["model_version_status"]
    return [state["version"] for state in states if state["state"] != "END"] == [str(number)] and any(
        state["state"] == "AVAILABLE" for state in states
    )


def sigterm(folder, examples, options, *, seconds, clients):
    """SIGTERM halfway: requests in flight are answered, later ones find no server."""
    half = max(clients // 2, 1)
    with Served(folder, *options) as server:
        loads = both(server, examples, half, seconds)
        time.sleep(seconds / 2)
        asked = time.monotonic()
        code, took = server.end(signal.SIGTERM)
        results = [load.result() for load in loads]
    early = [failure for result in results for failure in result["failures"] if failure[0] < asked]
    lost = [failure for result in results for failure in result["failures"] if failure[1] in LOST]
    after = sum(int((result["ends"] > asked).sum()) for result in results)
    rows = [
        *outcome_rows(results),
        ("answered after the signal", str(after)),
        ("asked, and not answered", str(len(lost))),
        ("exit code, seconds to the end", f"{code}, {took:.2f}"),
    ]
    return f"SIGTERM, {2 * half} clients", rows, code == 0 and not early and not lost


def both(server, examples, half, seconds):
    """Load over REST and over gRPC at the same time, by `half` clients each."""
    return [server.load(examples, way, clients=half, seconds=seconds) for way in ("rest", "grpc")]


def failed(results):
    """The number of requests that failed."""
    return sum(result["failed"] for result in results)


def outcome_rows(results):
    """Rows of a table: answers, and failures by kind with an example."""
    outcomes = sum((Counter(result["outcomes"]) for result in results), Counter())
    latencies = np.concatenate([result["milliseconds"] for result in results])
    rows = [("answers", f"{sum(outcomes[name] for name in GOOD):,}")]
    if len(latencies):
        rows.append(
            ("p50, p99", ", ".join(f"{value:,.1f} ms" for value in np.quantile(latencies, [0.5, 0.99])))
        )
    for name, count in outcomes.items():
        if name not in GOOD:
            text = next(text for result in results for _, kind, text in result["failures"] if kind == name)
            rows.append((f"failures: {name}", f"{count:,} ({text[:80].strip()})"))
    return [*rows, ("failures", str(failed(results)))]


def main():
    import serving_deadlines  # these import this module
    import serving_hostile
    import serving_versions
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def size(name, default, words):
        kind = type(default)
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"{words} (default: %(default)s)")

    size("requests", 10_000, "with two deadlines, and mutated ones per model")
    size("seconds", 300.0, "of overload, and of versions that change")
    size("restarts", 50, "after kill -9")
    size("swaps", 1000, "of versions, for memory")
    size("clients", 300, "that send slowly")
    parser.add_argument("--models", help="a folder of models that get mutated requests (default: none)")
    args = parser.parse_args()
    faults = [
        lambda: serving_deadlines.late_batches(10),
        lambda: serving_deadlines.vanish(100),
        lambda: serving_deadlines.deadlines(args.requests),
        lambda: serving_deadlines.overload(args.seconds),
        lambda: serving_versions.versions(args.seconds),
        lambda: serving_versions.kills(args.restarts),
        lambda: serving_versions.memory(args.swaps),
        lambda: serving_hostile.disk_full(min(args.seconds, 30)),
        lambda: serving_hostile.slow_senders(args.clients),
    ]
    found = (fault() for fault in faults)
    if args.models:
        found = itertools.chain(found, serving_hostile.mutated(args.models, args.requests))
    table, missed = Table("fault", "", ""), False
    for title, rows, met in found:
        print(f"{title}: {'met' if met else 'MISSED'}", file=sys.stderr)
        for index, row in enumerate([*rows, ("target", "met" if met else "MISSED")]):
            table.add_row("" if index else title, *row)
        table.add_section()
        missed |= not met
    Console().print(table)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
