"""The counters and their text; R = tensorflow/serving's prometheus_exporter_test.cc."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kerasapp.serving.observing.metrics import Metrics, Monitoring, read_monitoring
from kerasapp.serving.protocol.errors import ServingError


def record(model, entrypoint="REST", api="predict", status="OK", seconds=0.0):
    """What the metrics read of a `RequestRecord`, with a fixed time."""
    return SimpleNamespace(model=model, entrypoint=entrypoint, api=api, status=status, seconds=seconds)


def version(number, **values):
    """What the metrics read of a `Version`."""
    return SimpleNamespace(path=Path("/models/adder", str(number)), **values)


@pytest.fixture
def metrics():
    found = Metrics()
    found.request(record("adder", seconds=0.0005))
    found.request(record("adder", "GRPC", "Predict", seconds=2))
    found.request(record("adder", api="metadata"))  # TF Serving does not count it
    found.request(record(None, status="NOT_FOUND"))
    found.run("adder", 0.000018)
    found.loaded(version(1, code="OK", seconds=0.25, warmup_seconds=0.5))
    found.loaded(version(2, code="NOT_FOUND", seconds=0.25, warmup_seconds=0.0))
    return found


def test_the_text_has_the_form_of_tf_servings(metrics):
    lines = metrics.text().splitlines()
    assert lines[:3] == [
        "# TYPE :tensorflow:serving:request_count counter",
        ':tensorflow:serving:request_count{model_name="adder",status="OK"} 2',
        ':tensorflow:serving:request_count{model_name="(unknown)",status="NOT_FOUND"} 1',
    ]
    name = ':tensorflow:serving:request_latency{}{{model_name="adder",API="predict",entrypoint="REST"{}}} {}'
    for line in (
        name.format("_bucket", ',le="10"', 0),  # R: limits as StrCat writes them
        name.format("_bucket", ',le="340.122"', 0),  # 10 times 1.8 to the sixth is 340.12224
        name.format("_bucket", ',le="612.22"', 1),
        name.format("_bucket", ',le="+Inf"', 1),
        name.format("_sum", "", 500),
        name.format("_count", "", 1),
        ':tensorflow:serving:runtime_latency_sum{model_name="adder",API="Predict",runtime="TF1"} 18',
        ":tensorflow:core:graph_runs{} 1",
        ':tensorflow:cc:saved_model:load_attempt_count{model_path="/models/adder/2",status="fail"} 1',
        ':tensorflow:cc:saved_model:load_latency{model_path="/models/adder/1"} 250000',
        ':tensorflow:serving:model_warmup_latency_sum{model_path="/models/adder/1",status="OK"} 500000',
    ):
        assert line in lines


def test_streams_failed_runs_batches_and_what_waits_are_there():
    metrics, waiting = Metrics(), [3]
    metrics.request(record("poems", api="generate_stream", status="CANCELLED"))
    metrics.run("poems", None, rows=5)
    metrics.run("poems", 0.1, rows=2)
    metrics.gauge("rows_waiting", lambda: waiting[0])
    lines = metrics.text().splitlines()
    for line in (
        ':tensorflow:serving:request_count{model_name="poems",status="CANCELLED"} 1',
        ":tensorflow:core:graph_runs{} 2",
        ':tensorflow:serving:runtime_latency_count{model_name="poems",API="Predict",runtime="TF1"} 1',
        ':kerasapp:serving:batch_rows_bucket{model_name="poems",le="2"} 1',
        ':kerasapp:serving:batch_rows_bucket{model_name="poems",le="8"} 2',
        ':kerasapp:serving:batch_rows_sum{model_name="poems"} 7',
        "# TYPE :kerasapp:serving:rows_waiting gauge",
        ":kerasapp:serving:rows_waiting{} 3",
    ):
        assert line in lines
    waiting[0] = 4
    assert ":kerasapp:serving:rows_waiting{} 4" in metrics.text()


def test_prometheus_can_read_it(metrics):
    families = {family.name: family for family in text_string_to_metric_families(metrics.text())}
    latency = families[":tensorflow:serving:request_latency"]
    assert latency.type == "histogram"
    assert sum(sample.name.endswith("_bucket") for sample in latency.samples) == 2 * 34  # REST, gRPC
    assert families[":tensorflow:serving:request_count"].type == "counter"


def test_names_are_escaped():
    metrics = Metrics()
    metrics.request(record('a"b\\c\nd', status="NOT_FOUND"))
    assert r'model_name="a\"b\\c\nd"' in metrics.text()
    family = next(iter(text_string_to_metric_families(metrics.text())))
    assert family.samples[0].labels["model_name"] == 'a"b\\c\nd'


@pytest.mark.parametrize(
    ("text", "monitoring"),
    [
        ('prometheus_config { enable: true path: "/metrics" }', Monitoring(True, "/metrics")),
        ("prometheus_config { enable: true }", Monitoring(True, "/monitoring/prometheus/metrics")),
        ("prometheus_config { enable: false }", Monitoring(False)),
        ("", Monitoring(False)),  # http_server.cc
    ],
)
def test_monitoring_config(tmp_path, text, monitoring):
    (tmp_path / "monitoring.config").write_text(text)
    assert read_monitoring(tmp_path / "monitoring.config") == monitoring


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prometheus_config {\n  enabel: true }", 'line 2, column 3: .* no field named "enabel"'),
        ("prometheus_config { enable: 7 }", "line 1, column 29"),
        ('prometheus_config { enable: true path: "metrics" }', "path: must begin with /"),
    ],
)
def test_wrong_monitoring_config(tmp_path, text, message):
    (tmp_path / "monitoring.config").write_text(text)
    with pytest.raises(ServingError, match=message):
        read_monitoring(tmp_path / "monitoring.config")
