"""The server as its own process: start, answer, follow changes, stop; and what keeps it from starting."""

import http.client
import io
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from unittest.mock import MagicMock, Mock

import grpc
import pytest
import tensorflow as tf
from held_model import Holder
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc
from waiting import PATIENCE, Gate, wait_until

from kerasapp.serving import server as server_module
from kerasapp.serving.batching.parameters import BatchingParameters
from kerasapp.serving.engine import Engine, Limits
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.observing.metrics import Monitoring
from kerasapp.serving.protocol.errors import ServingError
from kerasapp.serving.server import serve
from pipelines.atomic import write_text

SECRET = "lorem-ipsum"


class Counter(Holder):
    """Counts up to a number, which takes as long as the number says, and tells its version."""

    def __init__(self, version):
        super().__init__()
        self.version = tf.Variable(version)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="steps")])
    def count(self, steps):
        counted = tf.while_loop(lambda n: tf.reduce_any(n < steps), lambda n: [n + 1], [steps * 0])[0]
        return {"counted": counted, "version": steps * 0 + self.version}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def echo(self, text):
        return {"text": text}


def save(folder, version):
    """Writes a version beside its place, and renames it."""
    module = Counter(version)
    signatures = {"serving_default": module.count, "echo": module.echo, "hold": module.hold}
    tf.saved_model.save(module, str(folder / ".tmp"), signatures=signatures)
    (folder / ".tmp").rename(folder / str(version))


def write_config(path, folder, **labels):
    """A models.config, which a server that reads it never sees in part."""
    lines = "".join(f' version_labels {{ key: "{key}" value: {value} }}' for key, value in labels.items())
    write_text(
        path,
        f'model_config_list {{ config {{ name: "counter" base_path: "{folder}" model_platform: "tensorflow"'
        f" model_version_policy {{ latest {{ num_versions: 2 }} }}{lines} }} }}",
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "counter").mkdir()
    save(tmp_path / "counter", 1)
    return tmp_path


class Process:
    """`kerasapp serve`, once it answers."""

    def __init__(self, *words):
        self.errors = []
        command = [sys.executable, "-m", "kerasapp", "serve", "--rest-port", "0", "--grpc-port", "0"]
        command += ["--poll-seconds", "0.2", *map(str, words)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=lambda: self.errors.extend(self.process.stderr))
        self._reader.start()
        self.line = self.process.stdout.readline()
        found = re.fullmatch(
            r"Serving .*, gRPC at (127\.0\.0\.1:\d+), REST at (http://127\.0\.0\.1:\d+)\n", self.line
        )
        assert found, self.line + "".join(self.errors)
        self.rpc, self.url = found.groups()

    def predict(self, value, signature="", target="", **headers):
        body = json.dumps({"signature_name": signature, "instances": [value]}).encode()
        request = urllib.request.Request(f"{self.url}/v1/models/counter{target}:predict", body, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return json.load(response)["predictions"][0]

    def ask(self, target=""):
        """The version that answers."""
        return self.predict(1, target=target)["version"]

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as response:
            return response.read().decode()

    def states(self):
        found = json.loads(self.get("/v1/models/counter"))["model_version_status"]
        return {int(version["version"]): version["state"] for version in found}

    def wait(self, condition):
        """Waits for what a watcher brings about."""
        wait_until(condition, lambda: "".join(self.errors))

    def is_refusing(self):
        """Whether the server takes no connection any more."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) != 0

    def stop(self):
        """What the process wrote, after an orderly end."""
        assert self.process.wait(timeout=PATIENCE) == 0
        self._reader.join()
        assert self.process.stdout.read() == ""
        return "".join(self.errors)


@contextmanager
def running(*words):
    process = None
    try:
        process = Process(*words)
        yield process
    finally:
        if process:
            process.process.kill()
            process.process.wait()


def in_background(call):
    """A thread, and the list that gets what the call gives or raises."""
    found = []

    def run():
        try:
            found.append(call())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, found


def hold_over_rpc(channel, gate):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "counter", "hold"
    request.inputs["gate"].CopyFrom(tf.make_tensor_proto([str(gate.path)], tf.string))
    response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=PATIENCE)
    return list(response.outputs["opened"].int_val)


def answers_sooner_than(address, seconds):
    """Whether any of many requests on one connection is answered that soon."""
    connection = http.client.HTTPConnection(address)
    for _ in range(1000):
        start = time.perf_counter()
        connection.request("POST", "/v1/models/counter:predict", b'{"instances": [1]}')
        assert connection.getresponse().read()
        if time.perf_counter() - start < seconds:
            break
    connection.close()
    return time.perf_counter() - start < seconds


def refusals(address):
    """The status of requests that are refused while their bodies, of some MB, still come in."""
    for path, headers in (("/elsewhere", {}), ("/v1/models/counter:predict", {"X-Request-Timeout": "no"})):
        connection = http.client.HTTPConnection(address)
        connection.request("POST", path, b" " * 2**23, {**headers, "Connection": "close"})
        yield connection.getresponse().status
        connection.close()


def test_requests_in_flight_are_answered_after_sigterm(folder):
    gates = [Gate(folder, name) for name in ("rest", "grpc")]
    with running(folder) as server, grpc.insecure_channel(server.rpc) as channel:
        address = server.url.removeprefix("http://")
        assert server.line.startswith("Serving counter (version 1), gRPC at ")
        assert server.predict(3) == {"counted": 3, "version": 1}
        # Nagle's algorithm would hold every answer on an open connection back for 40 ms.
        assert answers_sooner_than(address, 0.03)
        assert list(refusals(address)) == [404, 400]
        rest, rest_answers = in_background(lambda: server.predict(str(gates[0].path), "hold"))
        rpc, rpc_answers = in_background(lambda: hold_over_rpc(channel, gates[1]))
        for gate in gates:
            gate.wait_for_request()
        server.process.send_signal(signal.SIGTERM)
        server.wait(server.is_refusing)
        time.sleep(1)  # longer than the server waits for one more request on an open connection
        assert rest.is_alive() and rpc.is_alive()
        for gate in gates:
            gate.open()
        rest.join()
        rpc.join()
        assert (rest_answers, rpc_answers) == ([1], [[1]])
        errors = server.stop()
        assert "counter version 1: AVAILABLE" in errors
        assert "Traceback" not in errors


def test_a_second_signal_stops_at_once(folder):
    gate = Gate(folder)
    with running(folder, "--timeout", "3600") as server:
        _, answers = in_background(lambda: server.predict(str(gate.path), "hold"))
        gate.wait_for_request()
        server.process.send_signal(signal.SIGTERM)
        server.wait(server.is_refusing)
        assert server.process.poll() is None and answers == []
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=PATIENCE) == 128 + signal.SIGTERM


def test_versions_and_configuration_change_under_load(folder, tmp_path):
    config = tmp_path / "models.config"
    write_config(config, folder / "counter", stable=1)
    answers, stop = [], threading.Event()
    with running("--model-config-file", config, "--log", "requests") as server:

        def load():
            while not stop.is_set():
                answers.append((server.ask(), server.ask("/labels/stable")))

        clients = [in_background(load) for _ in range(2)]
        save(folder / "counter", 2)
        server.wait(lambda: server.ask() == 2)
        assert server.ask("/labels/stable") == 1
        write_text(config, "model_config_list { config {")
        (folder / "counter" / "3").mkdir()
        server.wait(lambda: server.states().get(3) == "END")
        assert server.states() == {3: "END", 2: "AVAILABLE", 1: "AVAILABLE"}
        write_config(config, folder / "counter", stable=2)
        server.wait(lambda: server.ask("/labels/stable") == 2)
        save(folder / "counter", 4)
        server.wait(lambda: server.states().get(1) == "END")
        stop.set()
        for thread, failures in clients:
            thread.join()
            assert failures == [None]
        assert {one for one, _ in answers} >= {1, 2}
        check_echo_and_metrics(server)
        server.process.send_signal(signal.SIGTERM)
        check_log(server.stop(), config)


def check_echo_and_metrics(server):
    assert server.predict(SECRET, "echo", **{"X-Request-Id": "mine-7"}) == SECRET
    with pytest.raises(urllib.error.HTTPError, match="404"):
        server.get(f"/v1/models/{SECRET}")
    with pytest.raises(urllib.error.HTTPError, match="504"):
        server.predict(2**31 - 1, **{"X-Request-Timeout": "0.2"})
    metrics = server.get("/monitoring/prometheus/metrics")
    assert ':tensorflow:serving:request_count{model_name="counter",status="DEADLINE_EXCEEDED"} 1' in metrics
    assert ':request_latency_count{model_name="counter",API="predict",entrypoint="REST"}' in metrics
    assert 'load_attempt_count{model_path="' in metrics
    assert SECRET not in metrics


def check_log(errors, config):
    assert SECRET not in errors
    lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    (echo,) = [line for line in lines if line.get("id") == "mine-7"]
    assert echo["milliseconds"] > 0
    expected = {"api": "predict", "model": "counter", "version": 4, "signature": "echo", "rows": 1}
    assert expected.items() <= echo.items()
    assert (echo["status"], echo["http_status"], echo["entrypoint"]) == ("OK", 200, "REST")
    told = [line["message"] for line in lines if line["event"] == "server"]
    wrong = [line for line in told if "the configuration stays as it was" in line]
    assert len(wrong) == 1 and f"{config}: line 1" in wrong[0]
    assert any(line.startswith("counter version 3: END") for line in told)
    assert "counter version 1: unloaded" in told


@pytest.mark.parametrize(
    ("settings", "path", "threads"),
    [
        ({}, "/monitoring/prometheus/metrics", Limits().requests),
        ({"monitoring": Monitoring(True, "/mine")}, "/mine", Limits().requests),
        ({"monitoring": Monitoring(False)}, None, Limits().requests),
        ({"limits": Limits(requests=7)}, "/monitoring/prometheus/metrics", 7),
    ],
)
def test_metrics_and_threads_are_those_of_the_settings(monkeypatch, settings, path, threads):
    """A request that waits for its batch or its turn holds a thread."""
    found = {}

    def create_app(engine, executor, **options):
        found.update(options, threads=executor._max_workers)

    monkeypatch.setattr(server_module, "create_app", create_app)
    monkeypatch.setattr(server_module, "Server", lambda *_, **__: Mock(stopped_by=None))
    monkeypatch.setattr(server_module.os, "cpu_count", lambda: 2)
    with server_module.reserve("127.0.0.1", 0) as listener:
        server_module._answer(
            Engine(Registry({}), limits=settings.get("limits")),
            None,
            listener,
            Mock(),
            server_module.Settings(**settings),
        )
    assert (found["metrics_path"], found["threads"]) == (path, threads)


@pytest.fixture
def started(folder, monkeypatch):
    """Function (options) -> what a server was made of, and the signal that stopped it; it never answers."""

    def start(stopped_by=None, **options):
        found = {"log": io.StringIO()}

        def create_app(engine, executor, **given):
            found.update(engine=engine, app=given)

        def server(app, rpc, line, patience):
            found.update(rpc=rpc, line=line, patience=patience)
            return Mock(stopped_by=stopped_by)

        def watcher(registry, read, seconds, report):
            found.update(registry=registry, seconds=seconds, watcher=Mock())
            return found["watcher"]

        monkeypatch.setattr(server_module, "create_app", create_app)
        monkeypatch.setattr(server_module, "Server", server)
        monkeypatch.setattr(server_module, "Watcher", watcher)
        options = {"rest_port": 0, "grpc_port": -1, "log": Log(stream=found["log"]), **options}
        serve(None if "model_config_file" in options else folder, **options)
        return found

    return start


def test_the_settings_reach_what_they_are_for(started):
    limits, batching = Limits(timeout=7.0), BatchingParameters()
    found = started(limits=limits, batching=batching, cors=True, poll_seconds=3.0)
    assert (found["engine"].limits, found["engine"].batching) == (limits, batching)
    assert found["engine"].registry is found["registry"]
    assert (found["patience"], found["seconds"]) == (7.0, 3.0)
    assert (found["app"]["cors"], found["app"]["local"]) == (True, True)
    found["watcher"].start.assert_called_once_with()
    found["watcher"].stop.assert_called_once_with()
    assert found["line"].startswith("Serving counter (version 1) at http://127.0.0.1:")
    assert "counter version 1: AVAILABLE" in found["log"].getvalue()
    assert 'load_attempt_count{model_path="' in found["engine"].metrics.text()


def test_a_server_without_settings_is_closed_to_others_and_follows_its_folder(started):
    found = started()
    assert (found["app"]["cors"], found["app"]["local"], found["seconds"]) == (False, True, 1.0)
    assert (found["engine"].limits, found["engine"].batching, found["rpc"]) == (Limits(), None, None)
    assert found["patience"] == 60


def test_streams_and_grpc_write_to_the_same_log(started, monkeypatch):
    logs, log = {}, Log(stream=io.StringIO())

    def routes(engine, executor, log=None):
        logs["streams"] = log
        return []

    def rpc_server(engine, host, port, log=None):
        logs["grpc"] = log
        return Mock(port=85)

    monkeypatch.setattr(server_module.streaming, "routes", routes)
    monkeypatch.setattr("kerasapp.serving.rpc.server.RpcServer", rpc_server)
    found = started(log=log, grpc_port=0)
    assert logs == {"streams": log, "grpc": log} and found["app"]["log"] is log
    assert found["rpc"].port == 85 and ", gRPC at 127.0.0.1:85, REST at " in found["line"]


def test_without_polls_nothing_is_watched(started):
    started(poll_seconds=0)["watcher"].start.assert_not_called()


@pytest.mark.parametrize(("address", "local"), [("0.0.0.0", False), ("192.0.2.1", False), ("::1", True)])
def test_only_a_server_that_no_other_machine_reaches_refuses_pages_of_other_sites(
    started, monkeypatch, address, local
):
    listener = MagicMock()
    listener.__enter__.return_value.getsockname.return_value = (address, 8501)
    monkeypatch.setattr(server_module, "reserve", lambda host, port: listener)
    assert started()["app"]["local"] is local


def test_early_labels_are_those_of_the_settings(started, folder, tmp_path):
    config = tmp_path / "models.config"
    write_config(config, folder / "counter", canary=2)
    assert "cannot assign label canary" in started(model_config_file=config)["log"].getvalue()
    found = started(model_config_file=config, early_labels=True)
    assert "label" not in found["log"].getvalue()


def test_ctrl_c_is_told_to_the_program_around(started):
    started(stopped_by=signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        started(stopped_by=signal.SIGINT)


def test_the_line_names_every_version_and_address():
    with server_module.reserve("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        line = server_module._ready_line({"a": [1, 3], "b": [2]}, listener, 85)
    assert line == (
        f"Serving a (versions 1, 3), b (version 2), gRPC at 127.0.0.1:85, REST at http://127.0.0.1:{port}"
    )


def test_a_port_in_use(folder, tmp_path, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            ServingError, match=rf"cannot listen on 127\.0\.0\.1, port {port}: Address already in use"
        ):
            serve(folder, rest_port=port)
        with pytest.raises(ServingError, match=rf"port {port}: .*; try another --grpc-port"):
            serve(folder, rest_port=0, grpc_port=port)
        # gRPC's own port, where none is asked for, is no reason not to start.
        monkeypatch.setattr("kerasapp.serving.server.GRPC_PORT", port)
        (tmp_path / "broken" / "model" / "1").mkdir(parents=True)
        log = io.StringIO()
        with pytest.raises(ServingError, match="no model could be loaded"):
            serve(tmp_path / "broken", rest_port=0, log=Log(stream=log))
        assert f"port {port} is taken: gRPC gets a free one" in log.getvalue()


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
        serve(tmp_path, rest_port=0, grpc_port=-1)
    (tmp_path / "models.config").write_text("model_config_list {}")
    with pytest.raises(ServingError, match=r"models\.config: model_config_list has no config"):
        serve(model_config_file=tmp_path / "models.config")
    with pytest.raises(ServingError, match="either a folder of models or a model config file"):
        serve(tmp_path, model_config_file=tmp_path / "models.config")


def test_the_package_imports_no_tensorflow_and_a_server_no_keras():
    script = (
        "import sys, kerasapp.serving, kerasapp.serving.server, kerasapp.serving.rest.app\n"
        "import kerasapp.commands.serve\n"
        "found = lambda: [name for name in ('tensorflow', 'keras', 'grpc') if name in sys.modules]\n"
        "print(found())\n"
        "from kerasapp.serving.models.tensorflow_import import import_tensorflow\n"
        "import_tensorflow()\n"
        "import kerasapp.serving.models.bundle, kerasapp.serving.rpc.services, kerasapp.threads\n"
        "print(found())\n"
        "import keras, tensorflow_text\n"
    )
    output = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert output == "[]\n['tensorflow', 'grpc']\n"


@contextmanager
def launched(folder, **options):
    """A process of a server that may not answer yet, and its two ports."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in (first, second)]
    words = ["--rest-port", str(ports[0]), "--grpc-port", str(ports[1]), "--log", "requests"]
    command = [sys.executable, "-m", "kerasapp", "serve", str(folder), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, **options) as process:
        try:
            yield process, ports
        finally:
            process.kill()


def test_a_server_that_loads_takes_no_connection_and_ends_at_sigterm(folder):
    gate, log = Gate(folder), prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = "counter", "hold"
    request.inputs["gate"].CopyFrom(tf.make_tensor_proto([str(gate.path)], tf.string))
    extra = folder / "counter" / "1" / "assets.extra"
    extra.mkdir()
    with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as records:
        records.write(log.SerializeToString())
    with launched(folder) as (process, ports):
        gate.wait_for_request()  # of the warm-up
        for port in ports:  # a probe that only connects must not call it ready
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0
        process.send_signal(signal.SIGTERM)
        # By a function of its own: the first process of a container has no other.
        assert process.wait(timeout=PATIENCE) == 128 + signal.SIGTERM


def test_a_log_that_nobody_reads_holds_no_answer_up(folder):
    with launched(folder, stderr=subprocess.PIPE) as (process, ports):
        process.stdout.readline()
        connection = http.client.HTTPConnection("127.0.0.1", ports[0], timeout=PATIENCE)
        for _ in range(700):  # lines of 200 characters; a pipe holds 64 KiB
            connection.request("POST", "/v1/models/counter:predict", b'{"instances": [1]}')
            assert connection.getresponse().read()
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0
