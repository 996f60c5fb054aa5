"""The flags of `kerasapp serve`, and what it says of wrong ones; the server itself has tests of its own."""

import os

import pytest

from kerasapp.cli import run
from kerasapp.serving import server
from kerasapp.serving.engine import Limits
from kerasapp.serving.observing.metrics import Monitoring


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
    assert (limits.length, limits.timeout) == (10_000, 60)
    assert asked["batching"] is None
    assert asked["monitoring"] == Monitoring(True, "/monitoring/prometheus/metrics")
    assert asked["poll_seconds"] == 1 and asked["early_labels"] is False


def test_flags(asked, tmp_path):
    (tmp_path / "batching.txt").write_text("max_batch_size { value: 8 }")
    (tmp_path / "monitoring.config").write_text('prometheus_config { enable: true path: "/metrics" }')
    words = (
        "serve --model-config-file models.config --host 0.0.0.0 --rest-port 9001 --grpc-port none "
        "--max-body 1 --max-text 2 --max-batch 3 --max-length 4 --max-work 5 --max-requests 6 --timeout 0.5 "
        "--poll-seconds 0 --log requests "
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


@pytest.mark.parametrize(("command", "pooled"), [("serve", None), ("version", "true")])
def test_a_server_gives_memory_back(asked, monkeypatch, command, pooled):
    """TensorFlow's own pool, which training uses, keeps what the largest request took."""
    monkeypatch.setenv("TF_CPU_ALLOCATOR_USE_BFC", "")
    monkeypatch.delenv("TF_CPU_ALLOCATOR_USE_BFC")
    assert run([command]) == 0
    assert os.environ.get("TF_CPU_ALLOCATOR_USE_BFC") == pooled


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
