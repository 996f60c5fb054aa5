"""TF Serving's gRPC interface on grpcio: the services, the standard health service and reflection.

Synchronous, with a pool of threads: at batch 1 grpc.aio was no faster where its event loop ran the model, and
slower where it handed the call to a thread, as it must for the loop never to wait.
"""

from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from kerasapp.serving.engine import Engine
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.protocol.errors import ServingError
from kerasapp.serving.rpc.health import Health

_SERVICES = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService", health.SERVICE_NAME)
_THREADS = 64  # a waiting request holds one: the number of requests that can be batched


class RpcServer:
    """A gRPC server that is bound, but answers only once it is started; see `create_server`."""

    def __init__(self, server: grpc.Server, port: int, health: Health, executor: ThreadPoolExecutor):
        self._server, self.port, self._health, self._executor = server, port, health, executor

    def start(self) -> None:
        """Answers from now on; does not block."""
        self._health.start()
        self._server.start()

    def stop(self, grace: float | None = None) -> None:
        """Takes no new call and returns once those in flight are answered.

        Args:
            grace: seconds after which calls that are still in flight are cut off; None cuts them off at once.
        """
        self._health.stop()
        self._server.stop(grace).wait()
        self._executor.shutdown(wait=False)


def create_server(engine: Engine, host: str, port: int, log: Log | None = None) -> RpcServer:
    """A gRPC server for the models of an engine.

    Args:
        engine: the models and the limits; may go on loading.
        host: a name or an address.
        port: 0 for a free one.
        log: gets each request.

    Returns:
        The server, bound to its port.

    Raises:
        ServingError: one line, where the address cannot be had.

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
    reflection.enable_server_reflection((*_SERVICES, reflection.SERVICE_NAME), server)
    return RpcServer(server, _bind(server, host, port), servicer, executor)


def _bind(server: grpc.Server, host: str, port: int) -> int:
    if not 0 <= port < 2**16:
        raise ServingError(
            f"cannot listen on {host}, port {port}: a port is 0 to 65535; try another --grpc-port"
        )
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return server.add_insecure_port(address)
    except RuntimeError:  # gRPC names the reason in its log alone
        raise ServingError(
            f"cannot listen on {host}, port {port}: in use, or no address of this machine; "
            "try another --grpc-port"
        ) from None
