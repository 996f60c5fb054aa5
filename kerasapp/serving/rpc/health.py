"""The standard gRPC health service: the server as a whole, and each model by its name."""

import threading
from collections.abc import Callable

from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse

from kerasapp.serving.engine import Engine

_SERVICES = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
_SECONDS = 1.0  # how soon those who watch hear of a change


class Health(health.HealthServicer):
    """Answers Check and Watch from the state of the models.

    "" and the two services of TF Serving are SERVING while any model can be asked; a model's name is SERVING
    while it has an available version.

    Args:
        engine: the models.
    """

    def __init__(self, engine: Engine):
        super().__init__()
        self._registry = engine.registry
        self._known: dict[str, int] = {}
        self._stopped = threading.Event()
        self._watching: set[Callable] = set()
        self.refresh()

    def start(self) -> None:
        """Tells those who watch of changes, from a thread of its own."""
        threading.Thread(target=self._watch, name="grpc-health", daemon=True).start()

    def stop(self) -> None:
        """Everything is NOT_SERVING from now on; those who watch hear it, and no more."""
        self._stopped.set()
        self.enter_graceful_shutdown()
        for send in tuple(self._watching):  # an open stream would hold the end of the server up
            send(None)

    def refresh(self) -> None:
        """Reads the state of the models."""
        available = self._registry.available()
        serving = {version.model: version.model in available for version in self._registry.all_versions()}
        for service in ("", *_SERVICES):
            serving[service] = bool(available)
        for service, yes in serving.items():
            status = HealthCheckResponse.SERVING if yes else HealthCheckResponse.NOT_SERVING
            if self._known.get(service) != status:  # `set` tells those who watch, even of no change
                self._known[service] = status
                self.set(service, status)

    def Check(self, request, context):
        """The state at this moment."""
        self.refresh()
        return super().Check(request, context)

    def Watch(self, request, context, send_response_callback=None):
        """The state now, and again whenever it has changed."""
        self.refresh()
        self._watching.add(send_response_callback)
        context.add_callback(lambda: self._watching.discard(send_response_callback))
        return super().Watch(request, context, send_response_callback)

    def _watch(self) -> None:
        while not self._stopped.wait(_SECONDS):
            self.refresh()
