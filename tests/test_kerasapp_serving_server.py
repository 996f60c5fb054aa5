"""The server as a process of its own: start, answer, stop; and what keeps it from starting."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
import tensorflow as tf

from kerasapp.serving.errors import ServingError
from kerasapp.serving.server import serve


class Counter(tf.Module):
    """Counts up to a number, which takes as long as the number says."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="steps")])
    def __call__(self, steps):
        return {
            "counted": tf.while_loop(lambda n: tf.reduce_any(n < steps), lambda n: [n + 1], [steps * 0])[0]
        }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved_models")
    module = Counter()
    tf.saved_model.save(module, str(path / "counter" / "1"), signatures=module.__call__)
    return path


def ask(url, steps):
    body = json.dumps({"instances": [steps]}).encode()
    with urllib.request.urlopen(f"{url}/v1/models/counter:predict", body, timeout=60) as response:
        return json.load(response)["predictions"]


def seconds_of_answers(address, count):
    """How long each of some requests takes on one connection."""
    connection = http.client.HTTPConnection(address)
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        connection.request("POST", "/v1/models/counter:predict", b'{"instances": [1]}')
        assert connection.getresponse().read()
        seconds.append(time.perf_counter() - start)
    connection.close()
    return seconds


def test_a_request_in_flight_is_answered_after_sigterm(folder):
    script = f"from kerasapp.serving.server import serve; serve({str(folder)!r}, rest_port=0)"
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline()
        match = re.fullmatch(r"Serving counter \(version 1\) at (http://127\.0\.0\.1:\d+)\n", line)
        assert match, line + process.stderr.read()
        start = time.perf_counter()
        assert ask(match[1], 20_000) == [20_000]
        seconds = time.perf_counter() - start
        # Nagle's algorithm would hold every answer on an open connection back for 40 ms.
        assert min(seconds_of_answers(match[1].removeprefix("http://"), 21)) < 0.03
        steps = int(20_000 * 1.5 / seconds)  # some 1.5 s
        answers = []
        thread = threading.Thread(target=lambda: answers.extend(ask(match[1], steps)))
        thread.start()
        time.sleep(0.4)
        assert thread.is_alive()
        process.send_signal(signal.SIGTERM)
        thread.join()
        assert answers == [steps]
        assert process.wait(timeout=20) == 0
        errors = process.stderr.read()
        assert "counter version 1: AVAILABLE" in errors
        assert "Traceback" not in errors
        assert process.stdout.read() == ""
    finally:
        process.kill()
        process.communicate()


def test_a_port_in_use(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            ServingError, match=rf"cannot listen on 127\.0\.0\.1, port {port}: Address already in use"
        ):
            serve(folder, rest_port=port)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("no.such.host.invalid", 0)])
def test_an_address_that_cannot_be(folder, host, port):
    with pytest.raises(ServingError, match=f"cannot listen on {re.escape(host)}, port {port}: ") as caught:
        serve(folder, host=host, rest_port=port)
    assert "\n" not in str(caught.value)


def test_nothing_to_serve(tmp_path):
    with pytest.raises(ServingError, match="no such folder"):
        serve(tmp_path / "missing")
    with pytest.raises(ServingError, match="no model found"):
        serve(tmp_path)
    (tmp_path / "empty" / "1").mkdir(parents=True)
    with pytest.raises(
        ServingError, match="no model could be loaded; empty version 1: Could not find SavedModel"
    ):
        serve(tmp_path, rest_port=0)


def test_the_package_imports_no_tensorflow():
    script = (
        "import sys, kerasapp.serving, kerasapp.serving.server, kerasapp.serving.rest; "
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "[]\n"
