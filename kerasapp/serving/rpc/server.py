"""TF Serving's gRPC interface on grpcio: the services, the standard health service and reflection.

It is synchronous, with a pool of threads. At batch 1, grpc.aio was not faster if its event loop ran the
model, and slower if a thread ran it, as it must so that the loop never waits.
"""

import importlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from kerasapp.serving.engine import Engine
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.protocol.addresses import cannot_listen, check_port, join_address
from kerasapp.serving.rpc.health import SERVICES, Health

_FLAG = "--grpc-port"
_BESIDE = 64  # threads for calls beside the models' requests, such as those for status


class RpcServer:
    """A gRPC server for the models of an engine, which may go on loading; it answers once it is started.

    Args:
        port: 0 for a free one.
        log: gets each request.

    Raises:
        ServingError: one line, if the address cannot be had.
    """

    def __init__(self, engine: Engine, host: str, port: int, log: Log | None = None):
        from grpc_reflection.v1alpha import reflection
        from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

        from kerasapp.serving.rpc.services import ModelService, PredictionService  # imports TensorFlow

        log = log or Log()
        threads = engine.limits.requests + _BESIDE  # a request holds one while it waits, too
        self._executor, self._health = ThreadPoolExecutor(threads, "grpc"), Health(engine)
        self._server = server = grpc.server(
            self._executor,
            maximum_concurrent_rpcs=threads,  # more are refused at once
            options=[
                ("grpc.max_receive_message_length", engine.limits.body),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),  # a port in use is then an error, not a port shared
            ],
        )
        predictions, models = PredictionService(engine, log), ModelService(engine, log)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(predictions, server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(models, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = *SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME
        _describe_services()
        reflection.enable_server_reflection(names, server)
        self.port = _bind(server, host, port)

    def start(self) -> None:
        """Starts to answer; does not block."""
        self._health.start()
        self._server.start()

    def stop(self, grace: float | None = None) -> None:
        """Takes no new call, answers those in flight for `grace` seconds (None: 0), and cuts off the rest."""
        self._health.stop()
        self._server.stop(grace).wait()
        self._executor.shutdown(wait=False)


def _bind(server: grpc.Server, host: str, port: int) -> int:
    check_port(host, port, _FLAG)
    try:
        return server.add_insecure_port(join_address(host, port))
    except RuntimeError:  # gRPC gives the reason in its log only
        raise cannot_listen(host, port, _FLAG, "in use, or no address of this machine") from None


def _describe_services() -> None:
    """Adds the descriptors of TF Serving's services, for reflection; the stubs do without."""
    for name in ("model_service_pb2", "prediction_service_pb2"):
        with suppress(AttributeError):  # with protobuf 7, those of 2.20 end so, after they have added theirs
            importlib.import_module(f"tensorflow_serving.apis.{name}")
