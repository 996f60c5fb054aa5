"""Load on a server from another process: each client asks, waits for the answer, and asks again.

benchmarks/serving.py starts it with a job, a line of JSON on standard input, and ends it early by closing
standard input. A job has "protocol" (rest or grpc), "address", "path" (for gRPC the method), "bodies"
(base64; the clients take turns with them), "clients", "seconds" (after which they stop asking) and "timeout"
(seconds after which an answer is given up). The result is JSON on standard output: "seconds", the duration;
"milliseconds" and "ends", the latency and the time of each answer; "outcomes", the number of requests per
outcome; and the first 1,000 "failures": time, outcome, text. Times are those of `time.monotonic()`, which all
processes share.

Outcomes: an HTTP status or the name of a gRPC code; "refused": no connection; "unanswered": the connection
ended before any byte of an answer; "cut": it ended within an answer; "hung": no answer in time.
"""

import asyncio
import base64
import itertools
import json
import resource
import sys
import threading
import time
from collections import Counter

GOOD = ("200", "OK")
PAUSE = 0.02  # seconds before another try after a failure


class RestClient:
    """One HTTP/1.1 connection, kept open, and opened again after a failure. Made to cost little."""

    def __init__(self, job):
        self._host, port = job["address"].rsplit(":", 1)
        self._port = int(port)
        head = f"POST {job['path']} HTTP/1.1\r\nHost: {job['address']}\r\nContent-Type: application/json\r\n"
        self._head = head.encode()
        self._writer = None

    async def ask(self, body):
        """The outcome and, where it is no answer, what is known of it."""
        if self._writer is None:
            try:
                self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
            except OSError as error:
                return "refused", str(error)
        begun = False
        try:
            self._writer.write(self._head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            head = await self._reader.readuntil(b"\r\n\r\n")
            begun = True
            length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
            text = await self._reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            begun = begun or bool(getattr(error, "partial", b""))
            self.close()
            return "cut" if begun else "unanswered", str(error)
        if b"connection: close" in head.lower():
            self.close()
        return head.split(b" ", 2)[1].decode(), text[:300].decode(errors="replace")

    def close(self):
        if self._writer is not None:
            self._writer.close()
        self._writer = None


class GrpcClient:
    """One gRPC client; messages stay bytes."""

    def __init__(self, job):
        import grpc.aio

        self._error = grpc.aio.AioRpcError
        # A pool per client: else clients of one address share a connection.
        # Short pauses: after a failure gRPC waits a second, then longer and longer, before it connects again.
        options = {"grpc.use_local_subchannel_pool": 1, "grpc.max_reconnect_backoff_ms": 200}
        options |= {"grpc.initial_reconnect_backoff_ms": 100, "grpc.min_reconnect_backoff_ms": 10_000}
        self._channel = grpc.aio.insecure_channel(job["address"], list(options.items()))
        self._call = self._channel.unary_unary(job["path"])

    async def ask(self, body):
        try:
            await self._call(body)
        except self._error as error:
            code, text = error.code().name, error.details() or ""
            if code == "UNAVAILABLE":  # gRPC has one code for both
                code = "refused" if text.startswith("failed to connect") else "unanswered"
            return code, text
        return "OK", ""

    def close(self):
        pass  # the channel ends with the process


async def run(job, stopped):
    """The result of a job, which ends early where `stopped`, an event of threads, is set."""
    bodies = itertools.cycle([base64.b64decode(body) for body in job["bodies"]])
    outcomes, milliseconds, ends, failures = Counter(), [], [], []
    start = time.monotonic()

    async def client():
        connection = (RestClient if job["protocol"] == "rest" else GrpcClient)(job)
        while (begun := time.monotonic()) < start + job["seconds"] and not stopped.is_set():
            try:
                outcome, text = await asyncio.wait_for(connection.ask(next(bodies)), job["timeout"])
            except TimeoutError:
                outcome, text = "hung", ""
                connection.close()
            end = time.monotonic()
            outcomes[outcome] += 1
            if outcome in GOOD:
                milliseconds.append(round(1000 * (end - begun), 3))
                ends.append(round(end, 3))
            else:
                if len(failures) < 1000:
                    failures.append([round(end, 3), outcome, text])
                await asyncio.sleep(PAUSE)
        connection.close()

    await asyncio.gather(*(client() for _ in range(job["clients"])))
    seconds = time.monotonic() - start
    found = {"milliseconds": milliseconds, "ends": ends, "outcomes": outcomes, "failures": failures}
    return {"seconds": seconds, **found}


def main():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    job, stopped = json.loads(sys.stdin.readline()), threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
    json.dump(asyncio.run(run(job, stopped)), sys.stdout)


if __name__ == "__main__":
    main()
