"""Metrics for Prometheus, under TF Serving's names and in its format.

The names, labels and buckets are those of tensorflow_serving/servables/tensorflow/util.cc (requests),
saved_model_warmup_util.cc (warm-up) and tensorflow/cc/saved_model/loader.cc (loading); the text is that of
tensorflow_serving/util/prometheus_exporter.cc, which turns each "/" of a name into ":".
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kerasapp.serving.models.versions import Version
from kerasapp.serving.observing.request_record import RequestRecord
from kerasapp.serving.protocol.errors import ServingError
from kerasapp.serving.protocol.text_proto import Field, message_class, parse_file

DEFAULT_PATH = "/monitoring/prometheus/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = [10 * 1.8**exponent for exponent in range(33)]  # microseconds, to some 20 minutes
_UNKNOWN = "(unknown)"  # stands for every name that the server does not know
_COUNTED = ("predict", "generate_stream")  # TF Serving counts no requests for status and metadata


@dataclass(frozen=True)
class Monitoring:
    """Whether there are metrics, and at which path of the REST interface."""

    enable: bool = True
    path: str = DEFAULT_PATH


class Metrics:
    """The counters of one server; safe to use from several threads.

    Example:
        >>> metrics = Metrics()
        >>> metrics.request(RequestRecord("7", "REST", "predict", "adder", status="NOT_FOUND"))
        >>> print(metrics.text(), end="")
        # TYPE :tensorflow:serving:request_count counter
        :tensorflow:serving:request_count{model_name="adder",status="NOT_FOUND"} 1
    """

    def __init__(self):
        self._registry = CollectorRegistry()
        self._requests = self._counter("serving:request_count", "model_name", "status")
        self._latency = self._histogram("serving:request_latency", "model_name", "API", "entrypoint")
        self._runtime = self._histogram("serving:runtime_latency", "model_name", "API", "runtime")
        self._runs = self._counter("core:graph_runs")
        self._loads = self._counter("cc:saved_model:load_attempt_count", "model_path", "status")
        self._load_time = self._counter("cc:saved_model:load_latency", "model_path")
        self._warmup = self._histogram("serving:model_warmup_latency", "model_path", "status")
        named = {"registry": self._registry, "buckets": [2**exponent for exponent in range(13)]}
        self._rows = Histogram(":kerasapp:serving:batch_rows", "rows of a batch", ["model_name"], **named)

    def request(self, record: RequestRecord) -> None:
        """Counts an answered request to a model, and records how long it took if it succeeded."""
        if record.api.lower() not in _COUNTED:
            return
        self._requests.labels(record.model or _UNKNOWN, record.status).inc()
        if record.status == "OK":
            latency = self._latency.labels(record.model, record.api, record.entrypoint)
            latency.observe(record.seconds * 1e6)

    def run(self, model: str, seconds: float | None, rows: int | None = None) -> None:
        """Records one run of a model: the seconds of one that succeeded, the rows of a batch."""
        self._runs.inc()
        if seconds is not None:
            self._runtime.labels(model, "Predict", "TF1").observe(seconds * 1e6)
        if rows is not None:
            self._rows.labels(model).observe(rows)

    def gauge(self, name: str, value: Callable[[], int]) -> None:
        """Adds a number that is looked up when the metrics are read."""
        gauge = Gauge(f":kerasapp:serving:{name}", name, registry=self._registry)
        gauge.set_function(value)

    def loaded(self, version: Version) -> None:
        """Counts an attempt to load a version, and records the seconds of loading and of warming up."""
        self._loads.labels(version.path, "success" if version.code == "OK" else "fail").inc()
        if version.code == "OK":
            self._load_time.labels(version.path).inc(version.seconds * 1e6)
            self._warmup.labels(version.path, "OK").observe(version.warmup_seconds * 1e6)

    def text(self) -> str:
        """All counters that have counted something, in the text format of Prometheus."""
        lines = []
        for metric in self._registry.collect():
            samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            if samples:
                lines.append(f"# TYPE {metric.name} {metric.type}")
            lines.extend(_line(sample.name.removesuffix("_total"), sample) for sample in samples)
        return "".join(f"{line}\n" for line in lines)

    def _counter(self, name: str, *labels: str) -> Counter:
        return Counter(f":tensorflow:{name}", name, labels, registry=self._registry)

    def _histogram(self, name: str, *labels: str) -> Histogram:
        return Histogram(f":tensorflow:{name}", name, labels, registry=self._registry, buckets=_BUCKETS)


def _line(name: str, sample) -> str:
    labels = dict(sample.labels)
    if "le" in labels:
        labels["le"] = f"{float(labels['le']):g}".replace("inf", "+Inf")
    pairs = ",".join(f'{key}="{_escape(value)}"' for key, value in labels.items())
    value = int(sample.value) if sample.value == int(sample.value) else sample.value
    return f"{name}{{{pairs}}} {value}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def read_monitoring(path: str | os.PathLike) -> Monitoring:
    """Reads a monitoring config, the text form of TF Serving's MonitoringConfig.

    Metrics are off unless the file says `enable: true`, as in http_server.cc.

    Raises:
        ServingError: one line that names the file, and the line or the field that is wrong.
    """
    found = parse_file(path, _message()()).prometheus_config
    if found.path and not found.path.startswith("/"):
        raise ServingError(f"{path}: prometheus_config.path: must begin with /; it is {found.path!r}")
    return Monitoring(found.enable, found.path or DEFAULT_PATH)


def _message() -> type:
    """The message MonitoringConfig of tensorflow_serving/config/monitoring_config.proto."""
    return message_class(
        {
            "PrometheusConfig": {"enable": (1, Field.TYPE_BOOL), "path": (2, Field.TYPE_STRING)},
            "MonitoringConfig": {"prometheus_config": (1, ".tensorflow.serving.PrometheusConfig")},
        }
    )
