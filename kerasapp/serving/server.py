"""The server process: binds, loads, says so, answers until told to stop."""

import os
import signal
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from kerasapp.serving.batching.parameters import BatchingParameters
from kerasapp.serving.engine import Engine, Limits
from kerasapp.serving.listening import listen, ready_line
from kerasapp.serving.models.model_config import ModelConfig, find_models, read_model_config
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.models.watcher import Watcher, folder_reader
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.observing.metrics import Metrics, Monitoring
from kerasapp.serving.page import routes as page
from kerasapp.serving.protocol.errors import ServingError
from kerasapp.serving.rest import streaming
from kerasapp.serving.rest.app import create_app
from kerasapp.serving.rest.stopping import Server

GRPC_PORT = 8500

_WAITING = 128  # threads for REST where requests are batched: each that waits for its batch holds one


@dataclass(frozen=True)
class Settings:
    """How a server is set up."""

    host: str = "127.0.0.1"
    """The address to bind to; "0.0.0.0" opens the server to the network."""
    rest_port: int = 8501
    """The port of REST, 0 for a free one."""
    grpc_port: int | None = None
    """The port of gRPC, 0 for a free one, -1 for no gRPC; None for 8500, or a free one if that is taken."""
    model_config_file: str | os.PathLike | None = None
    """TF Serving's ModelServerConfig, in place of a folder."""
    early_labels: bool = False
    """See `Registry`."""
    limits: Limits = field(default_factory=Limits)
    """The most that a request may ask for."""
    batching: BatchingParameters | None = None
    """How concurrent requests are put together; None runs each by itself."""
    monitoring: Monitoring = field(default_factory=Monitoring)
    """Whether and where there are metrics."""
    poll_seconds: float = 1.0
    """How often to look for new models, versions and configuration; 0 for never."""
    log: Log = field(default_factory=Log)
    """What is written about requests."""


def serve(folder: str | os.PathLike | None = None, **options) -> None:
    """Serves models over TF Serving's REST and gRPC interfaces until SIGTERM or SIGINT.

    Prints one line on standard output when it answers; loading is reported on standard error. On a signal no
    new connection is taken, the requests in flight are answered, and the function returns (SIGTERM) or raises
    KeyboardInterrupt (SIGINT). A second signal ends the process at once.

    Args:
        folder: `NAME/VERSION/...` for each model, or one model's own folder; its newest version is served.
        options: see `Settings`.

    Raises:
        ServingError: one line, where there is no model that loads, or an address cannot be had.

    Example:
        >>> serve("saved_models", rest_port=0)  # doctest: +SKIP
        Serving shakespeare (version 1), gRPC at 127.0.0.1:8500, REST at http://127.0.0.1:43625
    """
    settings, metrics = Settings(**options), Metrics()
    models, read = _models(folder, settings.model_config_file)
    with listen(
        settings.host, settings.rest_port
    ) as listener:  # first of all: a port in use is known at once
        registry = Registry(
            models,
            early_labels=settings.early_labels,
            loaded=lambda version: metrics.loaded(
                version.path, version.code == "OK", version.seconds, version.warmup_seconds
            ),
        )
        engine = Engine(registry, limits=settings.limits, batching=settings.batching, metrics=metrics)
        rpc = _rpc(engine, settings)
        _load(registry, settings.log)
        watcher = Watcher(registry, read, settings.poll_seconds, settings.log.event)
        stopped_by = _answer(engine, rpc, listener, watcher, settings)
    if stopped_by == signal.SIGINT:
        raise KeyboardInterrupt


def _answer(engine: Engine, rpc, listener: socket.socket, watcher: Watcher, settings: Settings) -> int | None:
    """Answers until a signal comes, which it returns."""
    threads = _WAITING if settings.batching else 4 * (os.cpu_count() or 1)  # TF Serving's own number
    path = settings.monitoring.path if settings.monitoring.enable else None
    with ThreadPoolExecutor(threads, "rest") as executor:
        routes = [*streaming.routes(engine, executor), *page.routes(engine)]
        app = create_app(engine, executor, routes=routes, metrics_path=path, log=settings.log)
        line = ready_line(engine.registry.available(), listener, rpc and rpc.port)
        server = Server(app, rpc, line, patience=engine.limits.timeout)
        if settings.poll_seconds:
            watcher.start()
        try:
            server.run(sockets=[listener])
        finally:
            watcher.stop()
    return server.stopped_by


def _models(
    folder: str | os.PathLike | None, config_file: str | os.PathLike | None
) -> tuple[dict[str, ModelConfig], Callable[[], Mapping[str, ModelConfig]]]:
    """What is to be served, and the function that finds out again."""
    if (folder is None) == (config_file is None):
        raise ServingError("expected either a folder of models or a model config file")
    if config_file is not None:
        path = Path(config_file)
        models = read_model_config(path)
        if not models:
            raise ServingError(f"{path}: model_config_list has no config")
        return models, lambda: read_model_config(path)
    return find_models(Path(folder)), folder_reader(Path(folder))


def _load(registry: Registry, log: Log) -> None:
    registry.load(log.event)
    if registry.available():
        return
    broken = registry.all_versions()
    if not broken:
        raise ServingError("no model could be loaded; no version was found (see above)")
    reason = (broken[0].message.splitlines() or [broken[0].code])[0]
    raise ServingError(f"no model could be loaded; {broken[0].model} version {broken[0].number}: {reason}")


def _rpc(engine: Engine, settings: Settings):
    """The gRPC server, None where there is to be none."""
    host, port, log = settings.host, settings.grpc_port, settings.log
    if port == -1:
        return None
    from kerasapp.serving.rpc.server import create_server  # here, as grpcio takes a while

    if port is None:
        port = GRPC_PORT
        try:
            listen(host, port).close()  # gRPC would write lines of its own about a port that is taken
        except ServingError:
            log.event(f"port {GRPC_PORT} is taken: gRPC gets a free one (--grpc-port chooses one)")
            port = 0
    return create_server(engine, host, port, log)
