"""The flags of `kerasapp serve`, and what it says of wrong ones; the server itself has tests of its own."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import tensorflow as tf
from waiting import PATIENCE

from kerasapp.cli import run
from kerasapp.serving import server
from kerasapp.serving.engine import Limits
from kerasapp.serving.observing.metrics import Monitoring
from kerasapp.serving.protocol.errors import ServingError


@pytest.fixture
def asked(monkeypatch):
    """What the server was started with."""
    found = {}
    monkeypatch.setattr(server, "serve", lambda **options: found.update(options))
    return found


def test_defaults(asked):
    assert run(["serve"]) == 0
    assert (asked["folder"], asked["model_config_file"]) == ("saved_models", None)
    assert (asked["host"], asked["rest_port"], asked["grpc_port"]) == ("127.0.0.1", 8501, None)
    limits = asked["limits"]
    assert (limits.body, limits.text, limits.batch) == (64 * 2**20, 2**20, 1024)
    assert (limits.length, limits.timeout, limits.work, limits.requests) == (10_000, 60, 2_000_000, 256)
    assert (asked["cors"], asked["log"]._level) == (False, "errors")
    assert asked["batching"] is None
    assert asked["monitoring"] == Monitoring(True, "/monitoring/prometheus/metrics")
    assert asked["poll_seconds"] == 1 and asked["early_labels"] is False


def test_flags(asked, tmp_path):
    (tmp_path / "batching.txt").write_text("max_batch_size { value: 8 }")
    (tmp_path / "monitoring.config").write_text('prometheus_config { enable: true path: "/metrics" }')
    words = (
        "serve --model-config-file models.config --host 0.0.0.0 --rest-port 9001 --grpc-port none "
        "--max-body 1 --max-text 2 --max-batch 3 --max-length 4 --max-work 5 --max-requests 6 --timeout 0.5 "
        "--poll-seconds 0 --log requests --rest-api-enable-cors-support "
        f"--batching-parameters-file {tmp_path}/batching.txt --allow-version-labels-for-unavailable-models "
        f"--monitoring-config-file {tmp_path}/monitoring.config"
    )
    assert run(words.split()) == 0
    assert (asked["folder"], asked["model_config_file"]) == (None, "models.config")
    assert (asked["host"], asked["rest_port"], asked["grpc_port"]) == ("0.0.0.0", 9001, -1)
    limits = asked["limits"]
    assert limits == Limits(body=1, text=2, batch=3, length=4, work=5, requests=6, timeout=0.5)
    assert asked["batching"].max_batch_size == 8
    assert asked["monitoring"] == Monitoring(True, "/metrics")
    assert asked["poll_seconds"] == 0 and asked["early_labels"] is True
    assert (asked["cors"], asked["log"]._level) == (True, "requests")


@pytest.mark.parametrize(
    ("command", "pool", "onednn"), [("serve", None, "0"), ("version", "true", "1"), ("--help", "true", "1")]
)
def test_a_server_has_no_pool_that_keeps_memory(asked, monkeypatch, command, pool, onednn):
    names = "TF_CPU_ALLOCATOR_USE_BFC", "TF_ENABLE_ONEDNN_OPTS"
    for name in names:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    assert run([command]) == 0
    assert tuple(map(os.environ.get, names)) == (pool, onednn)


class Big(tf.Module):
    """Takes four kilobytes per row that is asked for."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def serve(self, rows):
        numbers = tf.random.uniform([rows[0], 1000])
        return {"sum": tf.fill(tf.shape(rows), tf.reduce_sum(numbers * 2.0 + numbers))}


def test_the_memory_of_a_large_request_is_given_back(tmp_path):
    module, sizes = Big(), []
    tf.saved_model.save(module, str(tmp_path / "big" / "1"), signatures=module.serve)
    command = [
        sys.executable,
        "-m",
        "kerasapp",
        "serve",
        str(tmp_path),
        "--rest-port",
        "0",
        "--grpc-port",
        "none",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        try:
            address = process.stdout.readline().split()[-1]
            for rows in (10, 50_000, 10):
                body = json.dumps({"instances": [rows]}).encode()
                urllib.request.urlopen(f"{address}/v1/models/big:predict", body, timeout=PATIENCE).read()
                sizes.append(int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096)
        finally:
            process.kill()
    assert sizes[2] < sizes[0] + 1e8  # of 4e8


def test_batching_with_tf_servings_parameters(asked):
    assert run(["serve", "--enable-batching"]) == 0
    assert asked["batching"].max_batch_size == 1000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("models --model-config-file models.config", "a folder or --model-config-file, not both"),
        ("--model-config-file {here}/none.config", "none.config: cannot be read: No such file"),
        ("--batching-parameters-file {here}/wrong.txt", "wrong.txt: line 1"),
        ("--monitoring-config-file {here}/wrong.txt", "wrong.txt: line 1"),
        ("--grpc-port 70000", "--grpc-port"),
        ("--grpc-port any", "--grpc-port"),
        ("--grpc-port -1", "--grpc-port: '-1' is not a whole number from 0 to 65535"),
        ("--max-batch 0", "--max-batch"),
        ("--timeout -1", "--timeout"),
        ("--log loud", "--log"),
        ("--max-lenght 3", "--max-length"),
    ],
)
def test_wrong_words(tmp_path, capsys, words, message):
    (tmp_path / "wrong.txt").write_text("what { is: this }")
    assert run(["serve", *words.format(here=tmp_path).split()]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1


def test_what_cannot_be_served_is_one_line(monkeypatch, capsys):
    def fail(**options):
        raise ServingError("no model found")

    monkeypatch.setattr(server, "serve", fail)
    assert run(["serve"]) == 2 and capsys.readouterr().err == "error: no model found\n"


def test_what_libraries_log_is_json_and_no_less_than_a_warning():
    script = (
        "import logging; from kerasapp.serving import server; from kerasapp.commands import serve\n"
        "def log(**options):\n"
        "    logging.getLogger('lib').info('quiet'); logging.getLogger('lib').warning('loud')\n"
        "server.serve = log\n"
        "serve.main([])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [(line["event"], line["logger"], line["message"]) for line in lines] == [
        ("warning", "lib", "loud")
    ]
