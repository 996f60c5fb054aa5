"""TF Serving's gRPC interface on grpcio: the services, the standard health service and reflection.

It is synchronous, with a pool of threads. At batch 1, grpc.aio was not faster if its event loop ran the
model, and slower if a thread ran it, as it must so that the loop never waits.
"""

from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from kerasapp.serving.engine import Engine
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.protocol.addresses import cannot_listen, check_port, join_address
from kerasapp.serving.rpc.health import SERVICES, Health

_FLAG = "--grpc-port"
_THREADS = 64  # a waiting request holds one, so this is the most requests that can share a batch


class RpcServer:
    """A gRPC server that has its port, and answers once it is started; see `create_server`."""

    def __init__(self, server: grpc.Server, port: int, health: Health, executor: ThreadPoolExecutor):
        self._server, self.port, self._health, self._executor = server, port, health, executor

    def start(self) -> None:
        """Starts to answer; does not block."""
        self._health.start()
        self._server.start()

    def stop(self, grace: float | None = None) -> None:
        """Takes no new call, and returns once those in flight are answered.

        Args:
            grace: seconds after which calls in flight are cut off; None cuts them off at once.
        """
        self._health.stop()
        self._server.stop(grace).wait()
        self._executor.shutdown(wait=False)


def create_server(engine: Engine, host: str, port: int, log: Log | None = None) -> RpcServer:
    """A gRPC server for the models of an engine.

    Args:
        engine: the models, which may go on loading, and the limits.
        host: a name or an address.
        port: 0 for a free one.
        log: gets each request.

    Returns:
        The server, which has its port.

    Raises:
        ServingError: one line, if the address cannot be had.

    Example:
        >>> server = create_server(engine, "127.0.0.1", 8500)  # doctest: +SKIP
        >>> server.start()  # doctest: +SKIP
    """
    from grpc_reflection.v1alpha import reflection
    from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

    from kerasapp.serving.rpc.services import ModelService, PredictionService  # imports TensorFlow

    executor = ThreadPoolExecutor(_THREADS, "grpc")
    server = grpc.server(
        executor,
        options=[
            ("grpc.max_receive_message_length", engine.limits.body),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # a port in use is then an error, not a port shared
        ],
    )
    servicer = Health(engine)
    common = engine, log or Log()
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(*common), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(*common), server)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    names = *SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME
    reflection.enable_server_reflection(names, server)
    return RpcServer(server, _bind(server, host, port), servicer, executor)


def _bind(server: grpc.Server, host: str, port: int) -> int:
    check_port(host, port, _FLAG)
    try:
        return server.add_insecure_port(join_address(host, port))
    except RuntimeError:  # gRPC gives the reason in its log only
        raise cannot_listen(host, port, _FLAG, "in use, or no address of this machine") from None
