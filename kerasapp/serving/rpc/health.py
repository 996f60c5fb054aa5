"""The standard gRPC health service: the server as a whole, and each model by its name."""

import threading
from collections.abc import Callable

from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse

from kerasapp.serving.engine import Engine

SERVICES = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
_SHORT = ("PredictionService", "ModelService")  # TF Serving's names for them (9d981c5c, server.cc:420)
_SECONDS = 1.0  # between two polls for a change, for Watch


class Health(health.HealthServicer):
    """Answers Check and Watch from the state of the models.

    "" and the two services of TF Serving are SERVING while any model is available. A model's name is SERVING
    while the model has an available version.
    """

    def __init__(self, engine: Engine):
        super().__init__()
        self._registry = engine.registry
        self._known: dict[str, int] = {}
        self._stopped = threading.Event()
        self._watching: set[Callable] = set()
        self.refresh()

    def start(self) -> None:
        """Starts the thread that tells the watching clients of changes."""
        threading.Thread(target=self._watch, name="grpc-health", daemon=True).start()

    def stop(self) -> None:
        """Everything is NOT_SERVING from now on. The watching clients hear it, and their streams end."""
        self._stopped.set()
        self.enter_graceful_shutdown()
        for send in tuple(self._watching):  # an open stream would delay the end of the server
            send(None)

    def refresh(self) -> None:
        """Reads the state of the models."""
        available = self._registry.available()
        serving = {version.model: version.model in available for version in self._registry.all_versions()}
        for service in ("", *_SHORT, *SERVICES):
            serving[service] = bool(available)
        for service, yes in serving.items():
            status = HealthCheckResponse.SERVING if yes else HealthCheckResponse.NOT_SERVING
            if self._known.get(service) != status:  # `set` tells the clients even if nothing has changed
                self._known[service] = status
                self.set(service, status)

    def Check(self, request, context):
        """The state at this moment."""
        self.refresh()
        return super().Check(request, context)

    def Watch(self, request, context, send_response_callback=None):
        """The state now, and at each change."""
        self.refresh()
        self._watching.add(send_response_callback)
        context.add_callback(lambda: self._watching.discard(send_response_callback))
        return super().Watch(request, context, send_response_callback)

    def _watch(self) -> None:
        while not self._stopped.wait(_SECONDS):
            self.refresh()
