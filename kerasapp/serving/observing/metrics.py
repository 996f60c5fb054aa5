"""What a server counts, under TF Serving's names and in its format, for Prometheus.

The names, labels and buckets are those of tensorflow_serving/servables/tensorflow/util.cc (requests),
saved_model_warmup_util.cc (warm-up) and tensorflow/cc/saved_model/loader.cc (loading); the text is that of
tensorflow_serving/util/prometheus_exporter.cc, which turns each "/" of a name into ":".
"""

import os
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from prometheus_client import CollectorRegistry, Counter, Histogram

from kerasapp.serving.protocol.errors import ServingError
from kerasapp.serving.protocol.text_proto import parse_file

DEFAULT_PATH = "/monitoring/prometheus/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = [10 * 1.8**exponent for exponent in range(33)]  # microseconds, to some 20 minutes
_UNKNOWN = "(unknown)"  # in place of whatever name a client made up


@dataclass(frozen=True)
class Monitoring:
    """Whether there are metrics at all, and at which path of the REST interface."""

    enable: bool = True
    path: str = DEFAULT_PATH


class Metrics:
    """The counters of one server; safe to use from several threads.

    Example:
        >>> metrics = Metrics()
        >>> metrics.request("adder", "OK")
        >>> print(metrics.text(), end="")
        # TYPE :tensorflow:serving:request_count counter
        :tensorflow:serving:request_count{model_name="adder",status="OK"} 1
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

    def request(self, model: str | None, status: str) -> None:
        """Counts a request that was answered.

        Args:
            model: one that the server knows, None for any other.
            status: the canonical name of the status, such as "OK".
        """
        self._requests.labels(model or _UNKNOWN, status).inc()

    def latency(self, model: str, api: str, entrypoint: str, seconds: float) -> None:
        """Records how long a request took that succeeded; `api` is "predict" for REST, "Predict" for gRPC."""
        self._latency.labels(model, api, entrypoint).observe(seconds * 1e6)

    def run(self, model: str, seconds: float) -> None:
        """Records a run of a model, whether of one request or of a batch of them."""
        self._runs.inc()
        self._runtime.labels(model, "Predict", "TF1").observe(seconds * 1e6)

    def loaded(self, path: Path, success: bool, seconds: float, warmup_seconds: float) -> None:
        """Counts an attempt to load a version, and the seconds that loading and warming up took."""
        self._loads.labels(path, "success" if success else "fail").inc()
        if success:
            self._load_time.labels(path).inc(seconds * 1e6)
            self._warmup.labels(path, "OK").observe(warmup_seconds * 1e6)

    def text(self) -> str:
        """All counters in the text format of Prometheus; those that count nothing yet are left out."""
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
    labels = {key: f"{float(value):g}" if key == "le" else value for key, value in sample.labels.items()}
    labels = {key: value.replace("inf", "+Inf") if key == "le" else value for key, value in labels.items()}
    pairs = ",".join(f'{key}="{_escape(value)}"' for key, value in labels.items())
    value = int(sample.value) if sample.value == int(sample.value) else sample.value
    return f"{name}{{{pairs}}} {value}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def read_monitoring(path: str | os.PathLike) -> Monitoring:
    """Reads a monitoring config, the text form of TF Serving's MonitoringConfig.

    Args:
        path: the file; as in http_server.cc, metrics are off unless it says `enable: true`.

    Raises:
        ServingError: one line that names the file, and the line or the field that is wrong.
    """
    found = parse_file(path, _message_class()()).prometheus_config
    if found.path and not found.path.startswith("/"):
        raise ServingError(f"{path}: prometheus_config.path: must begin with /; it is {found.path!r}")
    return Monitoring(found.enable, found.path or DEFAULT_PATH)


def _message_class() -> type:
    """MonitoringConfig as a message class, which the wheel of tensorflow-serving-api lacks.

    In a pool of its own, where no other package's definition can be in the way; the numbers are those of
    tensorflow_serving/config/monitoring_config.proto.
    """
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="monitoring_config.proto", package="tensorflow.serving", syntax="proto3"
    )
    inner = file.message_type.add(name="PrometheusConfig")
    inner.field.add(name="enable", number=1, type=field.TYPE_BOOL, label=field.LABEL_OPTIONAL)
    inner.field.add(name="path", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    outer = file.message_type.add(name="MonitoringConfig")
    outer.field.add(
        name="prometheus_config",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=".tensorflow.serving.PrometheusConfig",
        label=field.LABEL_OPTIONAL,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.serving.MonitoringConfig"))
