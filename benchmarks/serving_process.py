"""Shared by the serving benchmarks: `kerasapp serve` as a process, load on it, and example requests."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np

LOAD = Path(__file__).with_name("serving_load.py")
PREDICT = "/tensorflow.serving.PredictionService/Predict"
GOOD = ("200", "OK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Served:
    """`kerasapp serve FOLDER` as a process; leaving the context ends it.

    Args:
        folder: the folder of models.
        options: more words of the command line.
        errors: a file for its standard error; a temporary one by default.
    """

    def __init__(self, folder, *options, errors=None):
        self._folder, self._options = str(folder), list(options)
        self.errors = errors or tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self.start("0", "0")

    def start(self, rest, grpc):
        """Starts at two ports, and waits until the server says that it is ready."""
        command = [sys.executable, "-m", "kerasapp", "serve", self._folder]
        command += ["--rest-port", rest, "--grpc-port", grpc, *self._options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        line = self.process.stdout.readline().strip()
        found = re.search(r"gRPC at (\S+), REST at http://(\S+)$", line)
        if not found:
            self.process.kill()
            raise SystemExit(f"the server did not start: {line}{self.log()}")
        self.grpc, self.rest = found.groups()

    def start_again(self):
        """Starts again at the same ports, after it has ended."""
        self.start(self.rest.rsplit(":", 1)[1], self.grpc.rsplit(":", 1)[1])

    def log(self):
        """The server's standard error so far."""
        size = self.errors.seek(0, os.SEEK_END)
        return os.pread(self.errors.fileno(), size, 0).decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end(signal.SIGTERM)
        self.errors.close()

    def end(self, number):
        """Sends a signal and waits for the end: the exit code, and the seconds until then."""
        started = time.perf_counter()
        self.process.send_signal(number)
        try:
            self.process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        return self.process.returncode, time.perf_counter() - started

    def memory(self):
        """Bytes of memory of the process."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * _PAGE

    def ask(self, path, body=None):
        """The body of the answer to a GET, or to a POST of a body. Raises the errors of `urllib`."""
        with urllib.request.urlopen(f"http://{self.rest}{path}", body, timeout=60) as response:
            return response.read()

    def load(self, examples, protocol="rest", *, clients, seconds, timeout=60):
        """Starts load on the server (see serving_load.py)."""
        rest = protocol == "rest"
        job = {
            "protocol": protocol,
            "address": self.rest if rest else self.grpc,
            "path": examples.path if rest else PREDICT,
            "bodies": [
                base64.b64encode(body).decode() for body in (examples.rest if rest else examples.grpc)
            ],
            "clients": clients,
            "seconds": seconds,
            "timeout": timeout,
        }
        return Load(job)


class Load:
    """A running load; its result goes to a file, because a full pipe would stop it."""

    def __init__(self, job):
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `result`
        words = [sys.executable, str(LOAD)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=self._file)
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()

    def stop(self):
        """Ends it early; requests in flight are answered."""
        self._process.stdin.close()

    def result(self):
        """Waits for the end: the result of serving_load.py, with "milliseconds" and "ends" as arrays, and
        "failed", the number of failed requests."""
        if self._process.wait():
            raise SystemExit("the load ended with an error (see above)")
        self._file.seek(0)
        result = json.load(self._file)
        self._file.close()
        for name in ("milliseconds", "ends"):
            result[name] = np.array(result[name])
        result["failed"] = sum(count for name, count in result["outcomes"].items() if name not in GOOD)
        return result


class Examples:
    """Requests to one signature, in the form of each interface.

    Args:
        model: the model's name.
        signature: the signature's name.
        requests: the inputs of each, by name, as arrays with the batch first.
    """

    def __init__(self, model, signature, requests):
        from tensorflow import make_tensor_proto
        from tensorflow_serving.apis.predict_pb2 import PredictRequest

        self.model, self.signature, self.requests = model, signature, requests
        self.path = f"/v1/models/{model}:predict"
        self.rest, self.grpc = [], []
        for inputs in requests:
            columns = {name: value.tolist() for name, value in inputs.items()}
            rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
            words = {"signature_name": signature, "instances": rows}
            self.rest.append(json.dumps(words, default=bytes.decode, ensure_ascii=False).encode())
            message = PredictRequest()
            message.model_spec.name, message.model_spec.signature_name = model, signature
            for name, value in inputs.items():
                message.inputs[name].CopyFrom(make_tensor_proto(value))
            self.grpc.append(message.SerializeToString())


@contextmanager
def alone(folder, model):
    """A folder with one of the models in `folder` and no other."""
    with tempfile.TemporaryDirectory(prefix="serving-") as temporary:
        Path(temporary, model).symlink_to(Path(folder, model).resolve())
        yield temporary


def newest_version(folder, model):
    """The folder of a model's newest version."""
    versions = [path for path in (Path(folder) / model).iterdir() if path.name.isdecimal()]
    return max(versions, key=lambda path: int(path.name))


def examples_of(folder, model, signature=None, texts=None):
    """Requests of one row from the examples in an export; those of `translate` are greedy.

    Args:
        folder: the folder of models.
        model: the name of a model.
        signature: the signature to take examples of; None for the first.
        texts: a file whose lines replace the first string input.
    """
    path = newest_version(folder, model) / "assets.extra" / "kerasapp" / "vectors.json"
    vectors = json.loads(path.read_text(encoding="utf-8"))
    found = [vector for vector in vectors if signature in (None, vector["signature"])]
    if not found:
        raise SystemExit(f"{path} has no example of {signature}")
    columns = {name: _column(value) for name, value in found[0]["inputs"].items()}
    for name in columns.keys() & {"beam_size", "n_best"}:
        columns[name] = np.ones_like(columns[name])
    count = len(next(iter(columns.values())))
    rows = [{name: value[i : i + 1] for name, value in columns.items()} for i in range(count)]
    if texts:
        name = next(name for name, value in columns.items() if value.dtype == object)
        lines = Path(texts).read_text(encoding="utf-8").splitlines()
        rows = [{**rows[0], name: np.array([line.encode()], object)} for line in lines if line]
    return Examples(model, found[0]["signature"], rows)


def _column(values):
    if isinstance(values[0], str):
        return np.array([value.encode() for value in values], object)
    array = np.array(values)
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int32)


def wait_until(condition, seconds=60):
    """Whether a condition becomes true in time; an OSError counts as not yet."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return True
        except OSError:
            pass
        time.sleep(0.05)
    return False
