"""Other people's clients get their answers: programs of `tests/clients`, grpcurl, and Prometheus's parser.

The test of a client that is not installed is skipped by name.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from prometheus_client.parser import text_string_to_metric_families
from waiting import PATIENCE, wait_until

ROOT = Path(__file__).parents[1]
PROGRAMS = ROOT / "tests" / "clients"
HALVED = [3.0, 4.0, 5.0]  # what the model makes of 2, 4 and 6


class Half(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def half(self, x):
        return {"y": x / 2 + 2}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The addresses of `kerasapp serve`, a process of its own, with the model `half`."""
    folder, module = tmp_path_factory.mktemp("saved_models"), Half()
    tf.saved_model.save(module, str(folder / "half" / "1"), signatures={"serving_default": module.half})
    command = [sys.executable, "-m", "kerasapp", "serve", str(folder), "--rest-port", "0", "--grpc-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            found = re.fullmatch(r"Serving half .*, gRPC at (\S+), REST at http://(\S+)\n", line)
            assert found, line
            yield SimpleNamespace(grpc=found[1], rest=found[2])
        finally:
            process.kill()


def needed(name, path):
    """A program's path; skips the test where the client is not there."""
    if path is None or not Path(path).exists():
        pytest.skip(f"{name} is not installed; `make clients` installs it")
    return str(path)


def environment(name, program):
    """A program of a client's own environment of Python; None where that is not complete."""
    folder = ROOT / ".clients" / name
    return folder / "bin" / program if (folder / ".ready").exists() else None


def output(*command, given=None):
    """What a program prints, without the proxies and the Python packages of this process."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, input=given, capture_output=True, encoding="utf-8", timeout=PATIENCE, env=kept
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_min_tfs_client(server):
    python = needed("min-tfs-client", environment("min-tfs-client", "python"))
    assert json.loads(output(python, PROGRAMS / "min_tfs.py", server.grpc)) == {"y": HALVED}


def test_kserve(server):
    python = needed("kserve", environment("kserve", "python"))
    assert json.loads(output(python, PROGRAMS / "kserve_rest.py", server.rest)) == {"y": HALVED}


def node(package):
    needed(package, PROGRAMS / "node_modules" / package)
    return needed("Node.js", shutil.which("node"))


def described(address):
    """A FileDescriptorSet of both services, as reflection gives it."""
    found, names = descriptor_pb2.FileDescriptorSet(), set()

    def add(file):
        if file.name not in names:
            names.add(file.name)
            for name in file.dependency:
                add(database.FindFileByName(name))
            found.file.append(file)

    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        for service in ("PredictionService", "ModelService"):
            add(database.FindFileContainingSymbol(f"tensorflow.serving.{service}"))
    return found.SerializeToString()


def test_grpc_js_with_and_without_compression(server, tmp_path):
    program = node("@grpc/grpc-js")
    (tmp_path / "services.bin").write_bytes(described(server.grpc))
    found = json.loads(output(program, PROGRAMS / "grpc_js.js", server.grpc, tmp_path / "services.bin"))
    assert found == {"y": HALVED, "compressed": HALVED, "versions": [1]}


def test_autocannon_pipelines_requests(server):
    found = json.loads(output(node("autocannon"), PROGRAMS / "load.js", server.rest, "400"))
    answered = found.pop("answered")
    assert not any(found.values()), found
    assert answered >= 400 - 4 * 4  # at its end it hangs up with four requests under way on each connection


def test_grpcurl_asks_without_files(server):
    program = needed("grpcurl", environment("grpcurl", "grpcurl"))

    def ask(*words, given=None):
        flags = ["-d", "@"] if given else []
        return output(program, "-plaintext", *flags, server.grpc, *words, given=given and json.dumps(given))

    services = {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"}
    assert services <= set(ask("list").split())
    assert "rpc Predict (" in ask("describe", "tensorflow.serving.PredictionService")
    model, shape = {"name": "half"}, {"dim": [{"size": 3}]}
    x = {"dtype": "DT_FLOAT", "tensor_shape": shape, "float_val": [2, 4, 6]}
    answer = json.loads(
        ask("tensorflow.serving.PredictionService/Predict", given={"model_spec": model, "inputs": {"x": x}})
    )
    assert answer["outputs"]["y"]["float_val"] == HALVED
    status = json.loads(ask("tensorflow.serving.ModelService/GetModelStatus", given={"model_spec": model}))
    assert status["model_version_status"][0]["state"] == "AVAILABLE"
    assert json.loads(ask("grpc.health.v1.Health/Check")) == {"status": "SERVING"}


def test_prometheus_reads_what_happened(server):
    def read():
        url = f"http://{server.rest}/monitoring/prometheus/metrics"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        counts = [family for family in families if family.name == ":tensorflow:serving:request_count"]
        samples, answered = [s for one in counts for s in one.samples], {"model_name": "half", "status": "OK"}
        return sum(sample.value for sample in samples if sample.labels == answered)

    before, body = read(), b'{"instances": [2, 4, 6]}'
    for _ in range(2):
        request = urllib.request.Request(f"http://{server.rest}/v1/models/half:predict", body)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            assert json.load(answer) == {"predictions": HALVED}
    wait_until(lambda: read() >= before + 2)  # counted once the answer has left
    assert read() == before + 2
