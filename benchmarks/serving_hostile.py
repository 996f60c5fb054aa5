"""A server on a full disk, one with slow clients, one with wrong requests. See serving_faults.py.

Each function gives a title, rows (what, value) of a table, and whether the target was met.
"""

import asyncio
import time
from collections import Counter
from pathlib import Path

import numpy as np
from serving_deadlines import NAME, Client, request, served
from serving_faults import both, failed, outcome_rows
from serving_fuzz import fuzz
from serving_process import Examples, Served, examples_of
from serving_versions import CLIENTS, examples, releases

_HEAD = f"POST /v1/models/{NAME}:predict HTTP/1.1\r\nHost: localhost\r\n".encode()
_BODY = _HEAD + b"X-Request-Timeout: 10\r\nContent-Length: 100\r\n\r\n{"
_LONGEST = 40  # seconds in which every slow client has its answer
_SOON = 1000  # milliseconds


def disk_full(seconds):
    """A log of every request on a disk that is full."""
    with (
        open("/dev/full", "wb") as errors,
        releases() as first,
        Served(first, "--log", "requests", errors=errors) as server,
    ):
        results = [load.result() for load in both(server, examples(), CLIENTS, seconds)]
    return f"a full disk under the log, {seconds:g} s", outcome_rows(results), not failed(results)


def slow_senders(count):
    """Clients that send a byte of a head, or of a body, per second, beside one that asks."""
    with served("--max-requests", "8") as (server, _):

        async def slow(sent):
            """The status of the answer, and the seconds until then."""
            host, port = server.rest.rsplit(":", 1)
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(sent)
            begun, answer = time.monotonic(), asyncio.ensure_future(reader.readline())
            while not answer.done() and time.monotonic() < begun + _LONGEST:
                writer.write(b"a")
                await asyncio.wait([answer], timeout=1)
            writer.close()
            return (answer.result().split(b" ")[1:2] or [b"closed"])[0].decode() if answer.done() else "hung"

        async def all_of_them():
            half = count // 2
            slows = [asyncio.ensure_future(slow(sent)) for sent in [_HEAD] * half + [_BODY] * (count - half)]
            connection, found, times = await Client().open(server), Counter(), []
            while not all(one.done() for one in slows):
                status, milliseconds, _ = await connection.ask(request(server, 1, 60))
                found[status] += 1
                times.append(milliseconds)
                await asyncio.sleep(0.01)
            return found, times, Counter(one.result() for one in slows)

        found, times, slows = asyncio.run(all_of_them())
    p99 = float(np.quantile(times, 0.99))
    rows = [
        ("outcomes of the slow", ", ".join(f"{name}: {number}" for name, number in sorted(slows.items()))),
        ("outcomes of the quick", ", ".join(f"{name}: {number:,}" for name, number in found.items())),
        ("p99 of the quick", f"{p99:.0f} ms; target: {_SOON}"),
    ]
    met = set(found) == {"200"} and set(slows) <= {"408", "504"} and p99 < _SOON
    return f"{count} slow senders, room for 8 requests", rows, met


def mutated(folder, count):
    """Mutated requests to each model of a folder, over REST and gRPC."""
    for model in sorted(path.name for path in Path(folder).iterdir() if path.name[0] != "."):
        found: Examples = examples_of(folder, model)
        title, rows, met = fuzz(folder, found, (), count=count, seed=1)
        yield f"{title}, {model}", rows, met
