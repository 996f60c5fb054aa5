"""The server process: listens, loads, answers until a signal comes."""

import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from kerasapp.serving.batching.parameters import BatchingParameters
from kerasapp.serving.engine import Engine, Limits
from kerasapp.serving.models.model_config import ModelConfig, find_models, folder_reader, read_model_config
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.models.watcher import Watcher
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.observing.metrics import Metrics, Monitoring
from kerasapp.serving.page import routes as page
from kerasapp.serving.protocol.addresses import GRPC_PORT, REST_PORT, join_address
from kerasapp.serving.protocol.errors import ServingError
from kerasapp.serving.rest import streaming
from kerasapp.serving.rest.app import create_app
from kerasapp.serving.rest.http_server import Server, reserve


@dataclass(frozen=True)
class Settings:
    """How a server is set up."""

    host: str = "127.0.0.1"  # the address to listen at; "0.0.0.0" opens the server to the network
    rest_port: int = REST_PORT  # 0: a free one
    grpc_port: int | None = None  # 0: a free one; -1: no gRPC; None: 8500, or a free one if 8500 is taken
    model_config_file: str | os.PathLike | None = None  # TF Serving's ModelServerConfig, in place of a folder
    early_labels: bool = False  # see `Registry`
    cors: bool = False  # see `create_app`
    limits: Limits = field(default_factory=Limits)
    batching: BatchingParameters | None = None  # None: each request runs by itself
    monitoring: Monitoring = field(default_factory=Monitoring)
    poll_seconds: float = 1.0  # between two polls for new models, versions and configuration; 0: no polls
    log: Log = field(default_factory=Log)  # of requests and events


def serve(folder: str | os.PathLike | None = None, **options) -> None:
    """Serves models over TF Serving's REST and gRPC interfaces until SIGTERM or SIGINT.

    Prints one line on standard output once it answers, and reports loading on standard error. At a signal it
    takes no new connection, answers the requests in flight, and returns (SIGTERM) or raises KeyboardInterrupt
    (SIGINT). A second signal ends the process at once.

    Args:
        folder: holds `NAME/VERSION/...`, or is the folder of one model. The newest versions are served.
        options: see `Settings`.

    Raises:
        ServingError: one line, if no model could be loaded or an address cannot be had.

    Example:
        >>> serve("saved_models", rest_port=0)  # doctest: +SKIP
        Serving shakespeare (version 1), gRPC at 127.0.0.1:8500, REST at http://127.0.0.1:43625
    """
    settings, metrics = Settings(**options), Metrics()
    models, read = _models(folder, settings.model_config_file)
    with reserve(settings.host, settings.rest_port) as listener:  # first, to tell of a used port at once
        grpc_port = _grpc_port(settings)
        registry = Registry(models, early_labels=settings.early_labels, loaded=metrics.loaded)
        engine = Engine(registry, limits=settings.limits, batching=settings.batching, metrics=metrics)
        _load(registry, settings.log)
        rpc = _rpc(engine, settings, grpc_port)
        watcher = Watcher(registry, read, settings.poll_seconds, settings.log.event)
        stopped_by = _answer(engine, rpc, listener, watcher, settings)
    if stopped_by == signal.SIGINT:
        raise KeyboardInterrupt


def _answer(engine: Engine, rpc, listener: socket.socket, watcher: Watcher, settings: Settings) -> int | None:
    """Answers until a signal comes, and returns the signal."""
    path = settings.monitoring.path if settings.monitoring.enable else None
    # A request holds a thread while it waits, too: what is admitted waits for no thread.
    with ThreadPoolExecutor(engine.limits.requests, "rest") as executor:
        routes = [*streaming.routes(engine, executor, settings.log), *page.routes(engine)]
        local = ipaddress.ip_address(listener.getsockname()[0]).is_loopback
        options = {"metrics_path": path, "cors": settings.cors, "local": local, "log": settings.log}
        app = create_app(engine, executor, routes=routes, **options)
        line = _ready_line(engine.registry.available(), listener, rpc and rpc.port)
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
    """The models to serve, and the function that reads them again."""
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
    registry.update(log.event)
    if registry.available():
        return
    broken = registry.all_versions()
    if not broken:
        raise ServingError("no model could be loaded; no version was found (see above)")
    reason = (broken[0].message.splitlines() or [broken[0].code])[0]
    raise ServingError(f"no model could be loaded; {broken[0].model} version {broken[0].number}: {reason}")


def _grpc_port(settings: Settings) -> int | None:
    """The port that gRPC gets; None for no gRPC. gRPC itself would log lines about a port that is taken."""
    port = GRPC_PORT if settings.grpc_port is None else settings.grpc_port
    if port == -1:
        return None
    try:
        reserve(settings.host, port, "--grpc-port").close()
    except ServingError:
        if settings.grpc_port is not None:
            raise
        settings.log.event(f"port {GRPC_PORT} is taken: gRPC gets a free one (--grpc-port chooses one)")
        return 0
    return port


def _rpc(engine: Engine, settings: Settings, port: int | None):
    """The gRPC server; None if there is to be none."""
    if port is None:
        return None
    from kerasapp.serving.rpc.server import RpcServer  # late, as the import of grpcio is slow

    return RpcServer(engine, settings.host, port, settings.log)


def _ready_line(available: Mapping[str, list[int]], listener: socket.socket, grpc_port: int | None) -> str:
    """The line that a server prints once it answers: the available versions by model, and the addresses."""
    host, port = listener.getsockname()[:2]
    models = [
        f"{name} (version{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))})"
        for name, numbers in available.items()
    ]
    grpc = "" if grpc_port is None else f", gRPC at {join_address(host, grpc_port)}, REST"
    return f"Serving {', '.join(models)}{grpc} at http://{join_address(host, port)}"
