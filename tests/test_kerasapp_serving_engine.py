"""Limits, deadlines, the choice of outputs and batching, whichever way a request came."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from held_model import Holder
from waiting import PATIENCE, Gate, wait_until

from kerasapp import spec
from kerasapp.serving.batching.parameters import BatchingParameters
from kerasapp.serving.engine import Engine, Limits
from kerasapp.serving.models.deadlines import Deadline
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
    return {"prompt": np.array([value.encode() for value in values], object)}


TASK = spec.spec("generation")
LIMITS = [
    (texts("a", "äöü"), "Tensor name: prompt has a string of 6 bytes; this server allows at most 5"),
    (texts(*"abcd"), "Tensor name: prompt has 4 rows; this server allows at most 3"),
    ({"length": np.int32([1, 8])}, "Tensor name: length has the value 8; .* at most 7"),
    (texts("a", "b") | {"length": np.int32([1, 6])}, "rows x length is 12; this server allows at most 11"),
    ({"prompt": np.full([1] * 9, b"a", object)}, "Tensor name: prompt has 9 axes; .* at most 8"),
]


@pytest.mark.parametrize(("inputs", "message"), LIMITS)
def test_limits(registry, inputs, message):
    limits = Limits(text=5, batch=3, length=7, work=11)
    with pytest.raises(StatusError, match=f"INVALID_ARGUMENT: {message}"):
        Engine(registry, limits=limits).check_limits(inputs, task=TASK)


@pytest.mark.parametrize(
    ("task", "inputs", "work"),
    [
        (
            "translation",
            {"source": texts("ab", "abc")["prompt"], "beam_size": [4, 2], "max_ratio": [1, 2]},
            48,
        ),
        ("series", {"history": np.ones([3, 5, 1]), "samples": [10, 20, 30], "horizon": [2, 2, 7]}, 630),
        ("generation", texts("a" * 99) | {"length": [7]}, 7),
    ],
)
def test_what_counts_as_work(registry, task, inputs, work):
    inputs = {name: np.asarray(value) for name, value in inputs.items()}
    Engine(registry, limits=Limits(work=work)).check_limits(inputs, task=spec.spec(task))
    with pytest.raises(StatusError, match=f" is {work}; "):
        Engine(registry, limits=Limits(work=work - 1)).check_limits(inputs, task=spec.spec(task))


def test_inputs_of_a_foreign_model_mean_what_they_like(registry):
    engine = Engine(registry, limits=Limits(text=5, batch=3, length=7, work=1))
    assert run(engine, "", {"length": np.int32([70, 2, 1])})["counted"].tolist() == [70, 70, 70]
    assert run(engine, "upper", {"text": np.array([b"a longer one"], object)})["text"] == [b"A LONGER ONE"]
    assert run(engine, "total", {"x": np.ones(8, np.float32)})["total"] == 8  # a vector is no batch
    with pytest.raises(StatusError, match="4 rows; this server allows at most 3"):
        run(engine, "upper", {"text": np.array([b"a"] * 4, object)})


def test_a_run_is_stopped_at_its_deadline(registry):
    engine = Engine(registry, limits=Limits())
    with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"):
        run(engine, "", {"length": FOR_EVER}, deadline=Deadline.after(0.2))
    with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"):
        run(engine, "", {"length": np.int32([1])}, deadline=Deadline.after(0))  # too late to begin with
    assert run(engine, "", {"length": np.int32([3])}, deadline=Deadline.after(PATIENCE))["counted"] == 3


def test_runs_are_counted(registry):
    engine = Engine(registry)
    run(engine, "", {"length": np.int32([1])})
    assert ":tensorflow:core:graph_runs{} 1" in engine.metrics.text()


def test_without_batching_requests_run_side_by_side():
    """A long request would hold up all others."""
    meet = threading.Barrier(4)
    bundle = SimpleNamespace(
        signature_defs={}, inputs=lambda name: {}, predict=lambda *_: {"n": meet.wait(PATIENCE)}
    )
    version, engine = SimpleNamespace(model="m", bundle=bundle), Engine(Registry({}))
    with ThreadPoolExecutor(4) as executor:
        answers = list(executor.map(lambda _: engine.run(version, "", {})["n"], range(4)))
    assert sorted(answers) == [0, 1, 2, 3]


def test_as_many_requests_run_at_once_as_cores_make_good_use_of(registry, monkeypatch):
    """More would only slow each other down; TF Serving runs four per core."""
    monkeypatch.setattr("kerasapp.serving.engine.os.cpu_count", lambda: 2)
    engine = Engine(registry)
    with ThreadPoolExecutor(1) as executor, ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(engine._turns.take(Deadline()))
        asked = executor.submit(run, engine, "", {"length": np.int32([1])})
        wait_until(lambda: engine._turns.waiting or asked.done())
        assert not asked.done()
        assert ":kerasapp:serving:requests_waiting{} 1" in engine.metrics.text()
        stack.close()
        assert asked.result()["counted"] == 1
    assert ":kerasapp:serving:requests_waiting{} 0" in engine.metrics.text()


def test_rows_that_wait_for_a_batch_are_told():
    queued = SimpleNamespace(queue=SimpleNamespace(rows=3))
    versions = [SimpleNamespace(batcher=batcher) for batcher in (queued, None, queued)]
    engine = Engine(SimpleNamespace(all_versions=lambda: versions))
    assert ":kerasapp:serving:rows_waiting{} 6" in engine.metrics.text()


def test_requests_that_come_first_together_get_one_batcher(registry, monkeypatch):
    """Each has threads: a second one would never be closed."""
    made = []

    def batcher(*_, **__):
        made.append(SimpleNamespace(predict=lambda *_: {}))
        time.sleep(0.1)  # time for a second one
        return made[-1]

    monkeypatch.setattr("kerasapp.serving.engine.Batcher", batcher)
    engine = Engine(registry, batching=BatchingParameters())
    with ThreadPoolExecutor(2) as executor:
        answers = list(executor.map(lambda _: run(engine, "", {"length": np.int32([1])}), range(2)))
    with registry.acquire("several") as version:
        version.batcher = None
    assert (len(made), answers) == (1, [{}, {}])


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
            run(engine, "", {"length": np.int32([1])}, deadline=Deadline.after(5))
    for thread in threads:
        thread.join()
    assert found == [[1], [1]]
    close_batcher(registry)


def test_a_run_without_a_deadline_ends_with_the_timeout(registry):
    for batching in (None, BatchingParameters()):
        engine = Engine(registry, limits=Limits(timeout=0.5), batching=batching)
        with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"):
            run(engine, "", {"length": FOR_EVER})
    close_batcher(registry)


def close_batcher(registry):
    with registry.acquire("several") as version:
        version.batcher.close()
        version.batcher = None
