"""The gRPC server beside the conformance cases: tensors, deadlines, limits, health, reflection, its end.

The truth for tensors is TensorFlow's own tf.make_tensor_proto and tf.make_ndarray.
"""

import io
import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from types import SimpleNamespace

import grpc
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from held_model import Holder
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from waiting import PATIENCE, Gate, wait_until

from kerasapp.serving.engine import Engine, Limits
from kerasapp.serving.models.model_config import find_models
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.protocol.errors import ServingError, StatusError
from kerasapp.serving.protocol.proto_tensors import array_from_proto, array_to_proto
from kerasapp.serving.rpc import services
from kerasapp.serving.rpc.server import RpcServer

MEBIBYTE = 2**20


class Model(Holder):
    """Doubles, and counts up, which takes as long as the number says."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def double(self, x):
        return {"y": 2 * x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="steps")])
    def count(self, steps):
        return {"n": tf.while_loop(lambda n: tf.reduce_any(n < steps), lambda n: [n + 1], [steps * 0])[0]}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models")
    module = Model()
    signatures = {"serving_default": module.double, "count": module.count, "hold": module.hold}
    tf.saved_model.save(module, str(folder / "model" / "1"), signatures=signatures)
    registry = Registry(find_models(folder))
    registry.update()
    return Engine(registry, limits=Limits(body=MEBIBYTE, timeout=PATIENCE))


@pytest.fixture(scope="module")
def log():
    return io.StringIO()


@pytest.fixture(scope="module")
def server(engine, log):
    server = RpcServer(engine, "127.0.0.1", 0, Log("requests", log))
    server.start()
    yield server
    server.stop(1)


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel


@pytest.fixture
def stub(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def ask(values, signature="", name="x", dtype=tf.float32):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "model", signature
    request.inputs[name].CopyFrom(tf.make_tensor_proto(values, dtype))
    return request


def hold(gate):
    return ask([str(gate.path)], "hold", "gate", tf.string)


ARRAYS = [
    np.float32([[1.5, np.nan], [-np.inf, -0.0]]),
    np.float64(np.pi),
    np.int32([-(2**31), 2**31 - 1]),
    np.int64([[[2**63 - 1]]]),
    np.uint8([0, 255]),
    np.int8([-128, 127]),
    np.int16([-1]),
    np.uint16([65535]),
    np.uint32([2**32 - 1]),
    np.uint64([2**64 - 1]),
    np.array([True, False]),
    np.float16([1.5, -2]),
    np.array([1.5, -2], ml_dtypes.bfloat16),
    np.complex64([1 - 2j, 3]),
    np.complex128([[1 - 2j]]),
    np.array([b"a\x00b", b"", b"\xff"], object),
    np.array(b"scalar", object),
    np.zeros([0, 3], np.float32),
    np.zeros([2, 0], object),
    np.arange(70_000, dtype=np.float32).reshape(100, 700),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{list(array.shape)}")
def test_tensors_are_tensorflows(array):
    written = tensor_pb2.TensorProto()
    array_to_proto(array, written)
    assert not written.tensor_content
    back = tf.make_ndarray(written)
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)
    for proto in (written, tf.make_tensor_proto(array)):  # typed values, and TensorFlow's packed content
        read = array_from_proto(proto, MEBIBYTE)
        assert (read.dtype, read.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(read, array)


def test_fields_around_many_values():
    values = np.random.default_rng(0).normal(size=1000)
    proto = tensor_pb2.TensorProto(dtype=2, version_number=3, double_val=values)
    proto.tensor_shape.dim.add(size=1000, name="rows")
    proto.MergeFromString(b"\xa5\x06abcd\xa1\x06abcdefgh")  # fields that no TensorProto has
    np.testing.assert_array_equal(array_from_proto(proto, MEBIBYTE), values)


def test_strings_in_packed_content_with_long_lengths():
    proto = tensor_pb2.TensorProto(dtype=7, tensor_content=b"\xac\x02" + b"\x01" + b"x" * 300 + b"y")
    proto.tensor_shape.dim.add(size=2)
    assert array_from_proto(proto, MEBIBYTE).tolist() == [b"x" * 300, b"y"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\x05", b"\xff\xff\xff\xff\xff\xff", b"\x02\x01ab", b"\x02\x01abcd"],
    ids=["nothing", "too few lengths", "a length without end", "too short", "too long"],
)
def test_strings_in_packed_content_that_is_wrong(content):
    proto = tensor_pb2.TensorProto(dtype=7, tensor_content=content)
    proto.tensor_shape.dim.add(size=2)
    if not content:  # no content at all: empty strings
        assert array_from_proto(proto, MEBIBYTE).tolist() == [b"", b""]
        return
    with pytest.raises(ValueError):
        array_from_proto(proto, MEBIBYTE)


def test_a_few_bytes_do_not_become_a_large_array():
    proto = tensor_pb2.TensorProto(dtype=1, float_val=[1.0])
    proto.tensor_shape.dim.add(size=MEBIBYTE // 4)
    assert array_from_proto(proto, MEBIBYTE).nbytes == MEBIBYTE
    proto.tensor_shape.dim.add(size=2)
    with pytest.raises(ValueError, match="more than"):
        array_from_proto(proto, MEBIBYTE)


def test_predict_and_its_line_in_the_log(stub, log, engine):
    response, call = stub.Predict.with_call(
        ask([1, 2.5]), metadata=[("x-request-id", "seven")], timeout=PATIENCE
    )
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["y"]), np.float32([2, 5]))
    assert ("x-request-id", "seven") in call.trailing_metadata()
    line = next(line for line in map(json.loads, log.getvalue().splitlines()) if line["id"] == "seven")
    expected = {
        "entrypoint": "GRPC",
        "api": "Predict",
        "model": "model",
        "version": 1,
        "rows": 2,
        "status": "OK",
    }
    assert line | expected == line
    assert 'request_count{model_name="model",status="OK"}' in engine.metrics.text()
    assert (
        'request_latency_count{model_name="model",API="Predict",entrypoint="GRPC"}' in engine.metrics.text()
    )


def test_a_name_that_is_no_models_is_not_kept(stub, log, engine):
    """Or clients could fill the log with any text, and the memory with names."""
    request = ask([1])
    request.model_spec.name = "made-up"
    with pytest.raises(grpc.RpcError, match="NOT_FOUND"):
        stub.Predict(request, timeout=PATIENCE)
    wait_until(lambda: '"NOT_FOUND"' in log.getvalue())
    assert "made-up" not in log.getvalue() and "made-up" not in engine.metrics.text()


@pytest.mark.parametrize(("asked", "seconds"), [(None, 60.0), (20.0, 20.0), (3600.0, 60.0)])
def test_a_client_may_ask_for_less_time_and_not_for_more(asked, seconds):
    now = time.monotonic()
    context = SimpleNamespace(time_remaining=lambda: asked, add_callback=lambda call: True)
    assert now + seconds <= services._deadline(context, 60.0).at < now + seconds + 10  # on a busy machine


def test_a_large_answer_comes_through(stub):
    request = ask(np.ones(1000, np.float32))
    np.testing.assert_array_equal(
        tf.make_ndarray(stub.Predict(request, timeout=PATIENCE).outputs["y"]), np.full(1000, 2, np.float32)
    )


@pytest.mark.parametrize(
    ("request_of", "code", "message"),
    [
        (lambda: ask(np.ones(1025, np.float32)), "INVALID_ARGUMENT", "1025 rows"),  # Limits.batch
        (lambda: ask(np.ones(MEBIBYTE // 2, np.float32)), "RESOURCE_EXHAUSTED", "larger than max"),
    ],
    ids=["rows", "bytes"],
)
def test_limits(stub, request_of, code, message):
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(request_of(), timeout=PATIENCE)
    assert caught.value.code().name == code
    assert message in caught.value.details()


def test_a_clients_deadline_stops_the_model(stub, log, tmp_path):
    gate = Gate(tmp_path)

    def statuses():
        lines = map(json.loads, log.getvalue().splitlines())
        return [line["status"] for line in lines if line["id"] == f"late-{seconds}"]

    seconds = 0.1
    while not gate.is_reached():  # a busy server may not have begun by the deadline
        seconds *= 3
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(hold(gate), timeout=seconds, metadata=[("x-request-id", f"late-{seconds}")])
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(statuses)  # although the gate is closed: the server has stopped, too
    assert statuses() in (["DEADLINE_EXCEEDED"], ["CANCELLED"])  # as the client or the server was first


def test_a_call_that_is_cancelled_stops_the_model(stub, engine, log, tmp_path):
    with Gate(tmp_path) as gate:
        call = stub.Predict.future(hold(gate), timeout=PATIENCE, metadata=[("x-request-id", "gone")])
        gate.wait_for_request()
        call.cancel()
        wait_until(lambda: '"gone"' in log.getvalue())  # although the gate is closed
    assert [
        line["status"] for line in map(json.loads, log.getvalue().splitlines()) if line["id"] == "gone"
    ] == ["CANCELLED"]


def test_more_calls_than_fit_are_refused_at_once(stub, engine):
    with ExitStack() as stack:
        for _ in range(engine.limits.requests - engine.admission.in_flight):
            stack.enter_context(engine.admission.enter())
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(ask([1]), timeout=PATIENCE)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        counted = 'request_count{model_name="model",status="RESOURCE_EXHAUSTED"} 1'
        wait_until(lambda: counted in engine.metrics.text())
    stub.Predict(ask([1]), timeout=PATIENCE)


def test_a_server_full_of_requests_tells_its_state(engine, tmp_path):
    """Otherwise a health probe would restart it."""
    full = Engine(engine.registry, limits=Limits(requests=1, timeout=PATIENCE))
    server = RpcServer(full, "127.0.0.1", 0)
    server.start()
    with Gate(tmp_path) as gate, grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict.future(hold(gate))
        gate.wait_for_request()
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "model"
        status = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=20)
        assert status.model_version_status[0].version == 1
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        gate.open()
        assert call.result().outputs["opened"].int_val[:] == [1]
    server.stop()


def test_the_state_of_a_version_has_the_reason_that_it_is_not_served(channel, engine):
    """As over REST; an operator reads it to find out what is wrong."""
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "model"
    (version,) = engine.registry.versions("model")
    version.code, version.message = "NOT_FOUND", "no SavedModel"
    try:
        answer = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=PATIENCE)
    finally:
        version.code, version.message = "OK", ""
    (found,) = answer.model_version_status
    assert (found.version, found.state) == (1, found.AVAILABLE)
    assert (found.status.error_code, found.status.error_message) == (5, "no SavedModel")


def test_a_call_that_fails_has_its_id_and_its_line_in_the_log(stub, log):
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(ask([1], "none"), metadata=[("x-request-id", "wrong-1")], timeout=PATIENCE)
    assert ("x-request-id", "wrong-1") in caught.value.trailing_metadata()
    wait_until(lambda: '"wrong-1"' in log.getvalue())
    (line,) = [line for line in map(json.loads, log.getvalue().splitlines()) if line["id"] == "wrong-1"]
    assert (line["status"], line["version"], line["model"]) == ("FAILED_PRECONDITION", 1, "model")


def test_what_nobody_expected_is_told_without_its_text(stub, engine, monkeypatch, log):
    def fail(*_, **__):
        raise RuntimeError("a user's secret")

    monkeypatch.setattr(engine, "run", fail)
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(ask([1]), timeout=PATIENCE)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert caught.value.details() == "Internal error: RuntimeError"
    assert "secret" not in log.getvalue()


def test_a_full_queue(stub, engine, monkeypatch):
    def refuse(*_, **__):
        raise StatusError("RESOURCE_EXHAUSTED", "The batch scheduling queue is full")

    monkeypatch.setattr(engine, "run", refuse)
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(ask([1]), timeout=PATIENCE)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_many_at_once(stub):
    calls = [(number, stub.Predict.future(ask([number]), timeout=PATIENCE)) for number in range(100)]
    for number, call in calls:
        assert call.result().outputs["y"].float_val[:] == [2 * number]


def test_reflection_knows_every_service(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    assert set(database.get_services()) == {
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    for symbol, file in {
        "tensorflow.serving.PredictRequest": "predict.proto",
        "tensorflow.serving.PredictionService": "prediction_service.proto",
        "tensorflow.serving.ModelService": "model_service.proto",
    }.items():
        assert database.FindFileContainingSymbol(symbol).name == f"tensorflow_serving/apis/{file}"


def test_health_follows_the_models(engine, monkeypatch):
    server = RpcServer(engine, "127.0.0.1", 0)
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            status = health_pb2.HealthCheckResponse
            serving, not_serving = status.SERVING, status.NOT_SERVING
            for service in ("", "model", "tensorflow.serving.PredictionService"):
                request = health_pb2.HealthCheckRequest(service=service)
                assert stub.Check(request, timeout=PATIENCE).status == serving
            watch = stub.Watch(health_pb2.HealthCheckRequest(service="model"), timeout=PATIENCE)
            assert next(watch).status == serving
            monkeypatch.setattr(engine.registry, "available", dict)
            assert stub.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE).status == not_serving
            assert next(watch).status == not_serving
            start = time.perf_counter()
            server.stop(2 * PATIENCE)  # the open stream does not delay it
            assert time.perf_counter() - start < PATIENCE
            assert all(response.status == not_serving for response in watch)
    finally:
        server.stop()


def test_a_call_in_flight_is_answered_at_the_end(engine, tmp_path):
    server = RpcServer(engine, "127.0.0.1", 0)
    server.start()
    with Gate(tmp_path) as gate, grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        call = stub.Predict.future(hold(gate), timeout=PATIENCE)
        gate.wait_for_request()
        stopping = threading.Thread(target=server.stop, args=[PATIENCE])
        stopping.start()
        wait_until(lambda: is_away(stub))
        assert not call.done()
        gate.open()
        assert call.result().outputs["opened"].int_val[:] == [1]
        stopping.join()


def is_away(stub):
    """Whether a server takes no more calls; gRPC cancels those that come while it stops."""
    try:
        stub.Predict(ask([1]), timeout=PATIENCE)
    except grpc.RpcError as error:
        assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        return error.code() is grpc.StatusCode.UNAVAILABLE
    return False


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 70_000), ("no.such.host.invalid", 0), ("192.0.2.1", 0)]
)
def test_an_address_that_cannot_be(engine, host, port):
    with pytest.raises(ServingError, match=f"cannot listen on {host}, port {port}: ") as caught:
        RpcServer(engine, host, port)
    assert "\n" not in str(caught.value)


def test_a_port_in_use(engine, server):
    with pytest.raises(ServingError, match=f"cannot listen on 127.0.0.1, port {server.port}: "):
        RpcServer(engine, "127.0.0.1", server.port)


def test_an_address_of_version_6(engine):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    server = RpcServer(engine, "::1", 0)
    assert server.port > 0
    server.stop()


def test_importing_it_imports_no_tensorflow():
    script = "import sys, kerasapp.serving.rpc.server; print('tensorflow' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "False\n"
