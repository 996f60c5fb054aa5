"""Limits, deadlines, the choice of outputs and batching, whichever way a request came."""

import threading
import time

import numpy as np
import pytest
import tensorflow as tf
from held_model import Holder
from waiting import PATIENCE, Gate, wait_until

from kerasapp.serving.batching.parameters import BatchingParameters
from kerasapp.serving.engine import Engine, Limits
from kerasapp.serving.models.model_config import find_models
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.protocol.errors import QueueFullError, StatusError

FOR_EVER = np.int32([2**31 - 1])  # a loop of hours


class Several(Holder):
    """A signature that counts for as long as it is told, one of texts, one of a vector."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="length")])
    def count(self, length):
        counted = tf.while_loop(lambda n: tf.reduce_any(n < length), lambda n: [n + 1], [length * 0])[0]
        return {"counted": counted, "rows": tf.fill([tf.shape(length)[0]], tf.shape(length)[0])}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def upper(self, text):
        return {"text": tf.strings.upper(text)}

    @tf.function(input_signature=[tf.TensorSpec([8], tf.float32, name="x")])
    def total(self, x):
        return {"total": tf.reduce_sum(x)}


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models")
    module = Several()
    names = {"serving_default": "count", "upper": "upper", "total": "total", "hold": "hold"}
    signatures = {name: getattr(module, function) for name, function in names.items()}
    tf.saved_model.save(module, str(folder / "several" / "1"), signatures=signatures)
    registry = Registry(find_models(folder))
    registry.update()
    return registry


def run(engine, signature, inputs, **options):
    with engine.registry.acquire("several") as version:
        return engine.run(version, signature, inputs, **options)


def texts(*values):
    return {"text": np.array([value.encode() for value in values], object)}


def test_limits(registry):
    engine = Engine(registry, limits=Limits(text=5, batch=3, length=7))
    assert run(engine, "upper", texts("a", "bcdef"))["text"].tolist() == [b"A", b"BCDEF"]
    assert run(engine, "", {"length": np.int32([7, 2, 1])})["counted"].tolist() == [7, 7, 7]
    assert run(engine, "total", {"x": np.ones(8, np.float32)})["total"] == 8  # a vector is no batch
    for signature, inputs, message in [
        (
            "upper",
            texts("a", "äöü"),
            "Tensor name: text has a string of 6 bytes; this server allows at most 5",
        ),
        (
            "upper",
            {"text": np.full([1] * 9, b"a", object)},
            "Tensor name: text has 9 axes; this server allows at most 8",
        ),
        ("upper", texts(*"abcd"), "Tensor name: text has 4 rows; this server allows at most 3"),
        ("", {"length": np.int32([1, 8])}, "Tensor name: length has the value 8; .* at most 7"),
    ]:
        with pytest.raises(StatusError, match=f"INVALID_ARGUMENT: {message}"):
            run(engine, signature, inputs)


def test_a_run_is_stopped_at_its_deadline(registry):
    engine = Engine(registry, limits=Limits(length=2**31))
    with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"):
        run(engine, "", {"length": FOR_EVER}, deadline=time.monotonic() + 0.2)
    with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"):
        run(engine, "", {"length": np.int32([1])}, deadline=time.monotonic())  # too late to begin with
    assert run(engine, "", {"length": np.int32([3])}, deadline=time.monotonic() + PATIENCE)["counted"] == 3


def test_runs_are_counted(registry):
    engine = Engine(registry)
    run(engine, "", {"length": np.int32([1])})
    assert ":tensorflow:core:graph_runs{} 1" in engine.metrics.text()


def test_concurrent_requests_share_a_batch(registry):
    engine = Engine(registry, batching=BatchingParameters(batch_timeout_micros=10**9, max_batch_size=3))
    found = {}

    def ask(length):
        found[length] = run(engine, "", {"length": np.int32([length])})

    threads = [threading.Thread(target=ask, args=(length,)) for length in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(answer["rows"].tolist() == [3] for answer in found.values())
    close_batcher(registry)


def test_a_full_queue_refuses(registry, tmp_path):
    parameters = BatchingParameters(max_batch_size=1, max_enqueued_batches=1, num_batch_threads=1)
    engine = Engine(registry, limits=Limits(timeout=PATIENCE), batching=parameters)
    inputs, found = {"gate": np.array([str(tmp_path / "gate").encode()], object)}, []

    def ask():
        found.append(run(engine, "hold", inputs)["opened"].tolist())

    threads = [threading.Thread(target=ask) for _ in range(2)]  # one runs, one waits
    with Gate(tmp_path) as gate:
        threads[0].start()
        gate.wait_for_request()
        threads[1].start()
        with registry.acquire("several") as version:
            wait_until(lambda: version.batcher.queue.rows == 1)
        with pytest.raises(QueueFullError):
            run(engine, "", {"length": np.int32([1])}, deadline=time.monotonic() + 5)
    for thread in threads:
        thread.join()
    assert found == [[1], [1]]
    close_batcher(registry)


def test_a_batch_ends_with_the_timeout(registry):
    engine = Engine(registry, limits=Limits(length=2**31, timeout=0.5), batching=BatchingParameters())
    start = time.monotonic()
    with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"):
        run(engine, "", {"length": FOR_EVER}, deadline=start + 2 * PATIENCE)
    assert time.monotonic() - start < PATIENCE
    close_batcher(registry)


def close_batcher(registry):
    with registry.acquire("several") as version:
        version.batcher.close()
        version.batcher = None
