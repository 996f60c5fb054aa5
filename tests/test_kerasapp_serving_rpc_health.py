"""The health service without a server; tests/test_kerasapp_serving_rpc_server.py asks it over gRPC."""

from types import SimpleNamespace
from unittest.mock import Mock

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from waiting import wait_until

from kerasapp.serving.rpc import health
from kerasapp.serving.rpc.health import Health

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


class Models:
    """A registry of two models, of which some have an available version."""

    def __init__(self, *available):
        self.names = available

    def available(self):
        return {name: [1] for name in self.names}

    def all_versions(self):
        return [SimpleNamespace(model=name) for name in ("first", "second")]


@pytest.fixture
def models():
    return Models("first")


@pytest.fixture
def service(models):
    service = Health(SimpleNamespace(registry=models))
    yield service
    service.stop()


def check(service, name=""):
    return service.Check(HealthCheckRequest(service=name), Mock()).status


def watch(service, name):
    """The states that a watching client is told of, and the call that ends its stream."""
    told, context = [], Mock()
    service.Watch(
        HealthCheckRequest(service=name), context, lambda found: told.append(found and found.status)
    )
    return told, context.add_callback.call_args_list[0].args[0]


@pytest.mark.parametrize(
    "name",
    ["", "PredictionService", "ModelService", "tensorflow.serving.PredictionService",
     "tensorflow.serving.ModelService"],
)  # fmt: skip
def test_the_server_is_ready_while_any_model_is(service, models, name):
    assert check(service, name) == SERVING
    models.names = ["second"]
    assert check(service, name) == SERVING
    models.names = []
    assert check(service, name) == NOT_SERVING


def test_each_model_has_a_state_of_its_own(service, models):
    assert (check(service, "first"), check(service, "second")) == (SERVING, NOT_SERVING)
    models.names = ["second"]
    assert (check(service, "first"), check(service, "second")) == (NOT_SERVING, SERVING)
    context = Mock()
    service.Check(HealthCheckRequest(service="third"), context)
    context.set_code.assert_called_once_with(grpc.StatusCode.NOT_FOUND)


def test_who_watches_is_told_of_changes_alone_and_of_the_end(service, models, monkeypatch):
    monkeypatch.setattr(health, "_SECONDS", 0.01)
    told, _ = watch(service, "second")
    service.start()
    models.names = ["second"]
    wait_until(lambda: len(told) > 1)
    for _ in range(3):
        service.refresh()
    service.stop()
    assert told == [NOT_SERVING, SERVING, NOT_SERVING, None]


def test_who_has_left_is_forgotten(service):
    told, leave = watch(service, "first")
    leave()
    service.stop()
    assert None not in told and not service._watching


def test_everything_is_away_once_the_server_stops(service):
    service.stop()
    assert (check(service), check(service, "first")) == (NOT_SERVING, NOT_SERVING)
