"""A server whose clients are late, gone or too many. See benchmarks/serving_faults.py.

Each function gives a title, rows (what, value) of a table, and whether the target was met. The requests go to
a model of this file, which computes for as long as it is told.
"""

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf
from serving_faults import serves_only
from serving_process import Served, wait_until

NAME = "slow"
EVER = 2**31 - 1  # steps; hours
QUIET = 0.1  # processor seconds in a second of a server that has nothing to do
BATCHES = (("without batching", ()), ("with batching", ("--enable-batching",)))
_TICKS = os.sysconf("SC_CLK_TCK")


class Slow(tf.Module):
    """Multiplies small matrices for as many steps as the largest number asks for."""

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, name="steps")])
    def serve(self, steps):
        def step(done, matrix):
            return done + 1, tf.matmul(matrix, matrix)

        most, matrix = tf.reduce_max(steps), tf.eye(64)
        done, matrix = tf.while_loop(lambda done, _: done < most, step, [0, matrix])
        return {"done": tf.fill(tf.shape(steps), done), "one": tf.fill(tf.shape(steps), matrix[0, 0])}


@contextmanager
def served(*options):
    """A server of the model; gives it and the model's folder."""
    with tempfile.TemporaryDirectory(prefix="slow-") as folder:
        module = Slow()
        place = Path(folder, NAME)
        tf.saved_model.save(module, str(place / "1"), signatures={"serving_default": module.serve})
        with Served(folder, *options) as server:
            for width in (1, 2):  # the first run builds the graph, which cannot be stopped
                asyncio.run(many(server, 8, 8, request(server, 1, 60, width)))
            yield server, place


def request(server, steps, timeout, width=1):
    """The bytes of a request; those of different width never share a batch."""
    body = json.dumps({"instances": [[steps] * width]}).encode()
    head = f"POST /v1/models/{NAME}:predict HTTP/1.1\r\nHost: {server.rest}\r\n"
    head += f"X-Request-Timeout: {timeout}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Client:
    """One connection."""

    async def open(self, server):
        host, port = server.rest.rsplit(":", 1)
        self._reader, self._writer = await asyncio.open_connection(host, int(port))
        return self

    async def ask(self, sent):
        """The status of the answer, its milliseconds, and whether it says when to try again."""
        begun = time.perf_counter()
        self._writer.write(sent)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        await self._reader.readexactly(int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]))
        milliseconds = 1000 * (time.perf_counter() - begun)
        return head.split(b" ", 2)[1].decode(), milliseconds, b"\r\nretry-after: " in head

    async def leave(self, sent, seconds):
        """Asks, and closes the connection after some time without an answer."""
        self._writer.write(sent)
        await asyncio.sleep(seconds)
        self.close()

    def close(self):
        self._writer.close()


def processor(server, seconds=1.0):
    """The processor seconds that a server uses in the second that begins 0.1 s from now."""

    def used():
        words = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / _TICKS

    time.sleep(0.1)
    before = used()
    time.sleep(seconds)
    return used() - before


async def many(server, clients, count, sent):
    """The outcomes of `count` requests by so many clients."""
    found = Counter()

    async def client():
        connection = await Client().open(server)
        for _ in range(count // clients):
            found[(await connection.ask(sent))[0]] += 1
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return found


def deadlines(count):
    """Requests with a minute, and endless ones with 20 ms, side by side."""
    rows, met = [], True
    for name, options in BATCHES:
        with served(*options) as (server, _):

            async def both(server=server):
                patient = many(server, 4, count // 2, request(server, 20, 60))
                hasty = many(server, 4, count // 2, request(server, EVER, 0.02, width=2))
                return await asyncio.gather(patient, hasty)

            patient, hasty = asyncio.run(both())
            used = processor(server)
        met &= set(patient) == {"200"} and set(hasty) == {"504"} and used < QUIET
        rows += [
            (f"{name}: with a minute", _outcomes(patient)),
            (f"{name}: endless, with 20 ms", _outcomes(hasty)),
            (f"{name}: processor in the second after", f"{used:.2f} s"),
        ]
    return f"two deadlines at once, {count:,} requests", rows, met


def vanish(count):
    """Clients that ask for an endless run and leave."""
    rows, met = [], True
    for name, options in BATCHES:
        with served(*options) as (server, _):

            async def leave(server=server):
                sent = request(server, EVER, 60)
                for start in range(0, count, 10):
                    clients = [await Client().open(server) for _ in range(min(10, count - start))]
                    await asyncio.gather(*(client.leave(sent, 0.1) for client in clients))

            asyncio.run(leave())
            used = processor(server)
            after = asyncio.run(many(server, 1, 1, request(server, 1, 60)))
        met &= used < QUIET and set(after) == {"200"}
        rows += [
            (f"{name}: processor in the second after the last", f"{used:.2f} s"),
            (f"{name}: the next request", _outcomes(after)),
        ]
    return f"{count} clients that vanish", rows, met


def late_batches(count):
    """Endless requests with a second each, in batches, and a new version behind them."""
    with served("--enable-batching") as (server, place):
        start = time.monotonic()
        found = asyncio.run(many(server, count, count, request(server, EVER, 1)))
        took, used = time.monotonic() - start, processor(server)
        shutil.copytree(place / "1", place / ".tmp")
        (place / ".tmp").rename(place / "2")
        swapped = time.monotonic()
        new = wait_until(lambda: serves_only(server, NAME, 2))
        swapped = time.monotonic() - swapped
    rows = [
        ("outcomes", _outcomes(found)),
        ("seconds until the last answer", f"{took:.1f}"),
        ("processor in the second after", f"{used:.2f} s"),
        ("a new version took over after", f"{swapped:.1f} s" if new else "never"),
    ]
    return f"{count} requests past their deadline", rows, set(found) == {"504"} and used < QUIET and new


def overload(seconds):
    """Ten times as many requests per second as the server can answer."""
    room, steps = 8, 4000
    with served("--max-requests", str(room)) as (server, _):
        sent = request(server, steps, 60)
        _, full = asyncio.run(_at_rate(server, sent, None, room, seconds / 5))
        rate = len(full["200"]) / (seconds / 5)
        retry, over = asyncio.run(_at_rate(server, sent, 10 * rate, 10 * room, seconds))
    p50 = [float(np.median(found["200"] or [np.inf])) for found in (full, over)]
    p99 = float(np.quantile(over["503"] or [np.inf], 0.99))
    rows = [
        ("at capacity", f"{rate:.0f} answers per second, p50 {p50[0]:.0f} ms"),
        ("offered", f"{sum(map(len, over.values())) / seconds:.0f} requests per second"),
        ("outcomes", _outcomes({name: len(found) for name, found in over.items()})),
        ("refusals with Retry-After", "all" if retry else "not all"),
        ("p50 of answers", f"{p50[1]:.0f} ms; target: at most {2 * p50[0]:.0f}"),
        ("p99 of refusals", f"{p99:.0f} ms; target: 50"),
    ]
    met = set(over) <= {"200", "503"} and retry and p50[1] <= 2 * p50[0] and p99 <= 50
    return f"overload, {seconds:g} s", rows, met


async def _at_rate(server, sent, rate, clients, seconds):
    """Whether all refusals had Retry-After, and milliseconds by status. Without a rate, each client asks as
    soon as it has an answer."""
    found, retries, start = {"200": [], "503": []}, [], time.monotonic()
    turn = iter(range(2**60))

    async def client():
        connection = await Client().open(server)
        while True:
            due = start + next(turn) / rate if rate else 0
            if max(due, time.monotonic()) > start + seconds:
                break
            await asyncio.sleep(max(due - time.monotonic(), 0))
            status, milliseconds, retry = await connection.ask(sent)
            found.setdefault(status, []).append(milliseconds)
            retries.extend([retry] if status == "503" else [])
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return all(retries), found


def _outcomes(counts):
    return ", ".join(f"{name}: {count:,}" for name, count in sorted(counts.items()) if count)
