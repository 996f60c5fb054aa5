"""Which versions are loaded, how one takes over from another, what labels mean, and what is reported."""

import os
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from waiting import PATIENCE, wait_until

from kerasapp.serving.batching.batcher import Batcher
from kerasapp.serving.batching.parameters import BatchingParameters
from kerasapp.serving.models.bundle import Bundle
from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.models.model_config import ModelConfig, VersionPolicy, find_models
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.models.versions import Version
from kerasapp.serving.protocol.errors import StatusError


class Adder(tf.Module):
    """Adds an offset, so that versions differ."""

    def __init__(self, offset):
        super().__init__()
        self.offset = tf.Variable(float(offset))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def __call__(self, x):
        tf.debugging.assert_less(x, 100.0)
        return {"y": x + self.offset}


def save(folder, number):
    """Writes a version as `kerasapp export` does: beside its place, then renamed."""
    module = Adder(number)
    tf.saved_model.save(module, str(folder / ".tmp"), signatures=module.__call__)
    (folder / ".tmp").rename(folder / str(number))


@pytest.fixture
def folder(tmp_path):
    """Two versions of a model, both numbered so that text order would be wrong."""
    for number in (9, 10):
        save(tmp_path / "adder", number)
    return tmp_path


class Server:
    """A registry with what it reported."""

    def __init__(self, models, **options):
        self.registry, self.lines = Registry(models, **options), []
        self.update()

    def update(self):
        self.registry.update(self.lines.append)

    def states(self, model="adder"):
        return {version.number: version.state for version in self.registry.versions(model)}

    def ask(self, *target):
        with self.registry.acquire("adder", *target) as version:
            return version.number, version.bundle.predict("", {"x": np.float32([1])})["y"].tolist()


def adder(folder, policy=None, **labels):
    return {"adder": ModelConfig("adder", folder / "adder", policy or VersionPolicy("all"), labels)}


def write_warmup(path, *values):
    (path / "assets.extra").mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        for value in values:
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = "adder"
            request.inputs["x"].CopyFrom(tf.make_tensor_proto([value], tf.float32))
            writer.write(log.SerializeToString())


def test_the_newest_version_answers_by_default(folder):
    server = Server(find_models(folder))
    assert server.ask() == (10, [11.0])
    assert server.states() == {10: "AVAILABLE"}  # TF Serving's default policy: one version
    with pytest.raises(StatusError, match=r"Servable not found for request: Specific\(adder, 9\)"):
        server.ask(9)


def test_a_new_version_takes_over_and_the_old_one_is_drained(folder):
    server = Server(find_models(folder))
    with server.registry.acquire("adder") as held:
        save(folder / "adder", 11)
        server.update()
        assert server.states() == {11: "AVAILABLE", 10: "UNLOADING"}
        assert server.ask() == (11, [12.0])
        with pytest.raises(StatusError, match="NOT_FOUND"):
            server.ask(10)
        server.update()
        assert held.bundle.predict("", {"x": np.float32([1])})["y"] == 11  # as long as it is held
    server.update()
    assert server.states() == {11: "AVAILABLE", 10: "END"}
    assert (held.bundle, held.code) == (None, "OK")
    assert "adder version 10: unloaded" in server.lines


def test_no_request_fails_while_versions_change(folder):
    server = Server(find_models(folder))
    answers, failures, stop = set(), [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                answers.add(server.ask()[0])
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in (11, 12):
        save(folder / "adder", number)
        server.update()
    wait_until(lambda: 12 in answers or failures)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_broken_new_version_is_reported_and_the_old_one_serves(folder):
    server = Server(find_models(folder))
    (folder / "adder" / "11").mkdir()
    (folder / "adder" / "11" / "saved_model.pb").write_bytes(b"not a protocol buffer")
    server.update()
    server.update()
    assert server.states() == {11: "END", 10: "AVAILABLE"}
    (broken,) = server.registry.versions("adder", 11)
    assert broken.code != "OK" and broken.message
    assert len([line for line in server.lines if line.startswith("adder version 11: END")]) == 1  # tried once
    assert not any("\n" in line for line in server.lines)
    (folder / "adder" / "11" / "saved_model.pb").unlink()  # such as a copy that was not complete
    (folder / "adder" / "11").rmdir()
    save(folder / "adder", 11)
    server.update()
    assert server.ask() == (11, [12.0])


def test_a_broken_newest_version_at_the_start_leaves_the_one_before(folder):
    (folder / "adder" / "11").mkdir()
    (folder / "adder" / "10" / "variables" / "variables.index").unlink()
    server = Server(find_models(folder))
    assert server.states() == {11: "END", 10: "END", 9: "AVAILABLE"}
    assert server.registry.versions("adder", 11)[0].code == "NOT_FOUND"
    assert server.registry.available() == {"adder": [9]}


def test_a_model_without_a_version_that_loads(tmp_path):
    (tmp_path / "garbage" / "1").mkdir(parents=True)
    server = Server(find_models(tmp_path))
    assert server.states("garbage") == {1: "END"}
    with pytest.raises(StatusError, match=r"Servable not found for request: Latest\(garbage\)"):
        server.registry.acquire("garbage").__enter__()
    with pytest.raises(StatusError, match="Could not find any versions of model other"):
        server.registry.versions("other")


def test_a_version_whose_folder_goes_is_unloaded(folder):
    server = Server(adder(folder))
    assert server.registry.available() == {"adder": [9, 10]}
    (folder / "adder" / "10").rename(folder / "adder" / "old")
    server.update()
    assert server.states() == {10: "END", 9: "AVAILABLE"}
    assert server.ask() == (9, [10.0])


def test_what_is_loaded_serves_on_while_the_models_folder_is_away(folder):
    server = Server(adder(folder))
    (folder / "adder").rename(folder / "away")
    server.update()
    server.update()
    assert server.ask() == (10, [11.0])
    assert len([line for line in server.lines if "cannot look into" in line]) == 1


def test_a_problem_that_comes_back_is_told_again(folder):
    server = Server(adder(folder))
    for place, other in (("adder", "away"), ("away", "adder"), ("adder", "away")):
        (folder / place).rename(folder / other)
        server.update()
        server.update()
    assert len([line for line in server.lines if "cannot look into" in line]) == 2


def test_the_newest_version_is_loaded_first(folder):
    """So that a server that starts with many answers soon, and answers with the newest."""
    loaded = []
    server = Server(adder(folder), loaded=lambda version: loaded.append((version.number, version.state)))
    assert loaded == [(10, "AVAILABLE"), (9, "AVAILABLE")]
    assert [line.partition(" after ")[0] for line in server.lines] == [
        "adder version 10: AVAILABLE", "adder version 9: AVAILABLE"
    ]  # fmt: skip


def test_a_version_that_comes_back_is_loaded_again(folder):
    server = Server(adder(folder))
    (folder / "adder" / "10").rename(folder / "adder" / "old")
    server.update()
    (folder / "adder" / "old").rename(folder / "adder" / "10")
    server.update()
    assert server.states() == {10: "AVAILABLE", 9: "AVAILABLE"} and server.ask() == (10, [11.0])


def test_the_last_version_serves_until_another_one_can(folder):
    """As in TF Serving: a wanted version that is not there takes none away."""
    server = Server(adder(folder, VersionPolicy("specific", numbers=frozenset({9}))))
    (folder / "adder" / "11").mkdir()
    server.registry.configure(adder(folder, VersionPolicy("specific", numbers=frozenset({11}))))
    server.update()
    assert server.states() == {11: "END", 9: "AVAILABLE"} and server.ask() == (9, [10.0])


def test_why_a_version_was_not_loaded_is_told_in_a_line(folder):
    (folder / "adder" / "11").mkdir()
    server, loaded = Server(find_models(folder)), []
    (line,) = [line for line in server.lines if "version 11" in line]
    assert line.startswith("adder version 11: END after ") and ": NOT_FOUND: Could not find SavedMo" in line
    Registry(find_models(folder), loaded=lambda version: loaded.append(version.code)).update()
    assert loaded == ["NOT_FOUND", "OK"]


def test_a_label_goes_away_with_the_configuration(folder):
    server = Server(adder(folder, stable=9))
    server.registry.configure(adder(folder))
    server.update()
    assert server.registry.versions("adder", 9)[0].labels == ()
    with pytest.raises(StatusError, match="Unrecognized servable version label: stable"):
        server.ask(None, "stable")


def test_a_request_that_fails_lets_its_version_go(folder):
    server = Server(find_models(folder))
    with pytest.raises(StatusError), server.registry.acquire("adder") as version:
        raise StatusError("INTERNAL", "odd")
    assert version.in_flight == 0


def test_another_configuration(folder):
    server = Server(adder(folder, VersionPolicy("specific", numbers=frozenset({9, 77}))))
    assert server.registry.available() == {"adder": [9]}
    server.registry.configure(adder(folder, VersionPolicy("latest", 2)))
    server.update()
    assert server.registry.available() == {"adder": [9, 10]}
    server.registry.configure({})
    server.update()
    assert server.registry.available() == {}
    assert server.states() == {10: "END", 9: "END"}


def test_labels_go_to_available_versions_alone(folder):
    server = Server(adder(folder, stable=9, canary=11))
    assert server.ask(None, "stable") == (9, [10.0])
    assert server.registry.versions("adder", 9)[0].labels == ("stable",)
    with pytest.raises(StatusError, match="INVALID_ARGUMENT: Unrecognized servable version label: canary"):
        server.ask(None, "canary")
    assert [line for line in server.lines if "label" in line] == [
        "adder: cannot assign label canary to version 11, which is not available for inference"
    ]
    server.registry.configure(adder(folder, stable=11, canary=10))
    server.update()
    assert server.ask(None, "stable")[0] == 9  # its meaning stays until version 11 is there
    assert server.ask(None, "canary")[0] == 10
    save(folder / "adder", 11)
    server.update()
    assert server.ask(None, "stable")[0] == 11


def test_early_labels(folder):
    """TF Serving's allow_version_labels_for_unavailable_models: for labels without a meaning."""
    server = Server(adder(folder, stable=9, canary=11), early_labels=True)
    with pytest.raises(StatusError, match=r"Servable not found for request: Specific\(adder, 11\)"):
        server.ask(None, "canary")
    server.update()  # the next look around
    assert not any("label" in line for line in server.lines)
    server.registry.configure(adder(folder, stable=11))
    server.update()
    assert server.ask(None, "stable")[0] == 9


def test_warm_up_replays_the_records(folder):
    write_warmup(folder / "adder" / "9", 1.0, 2.0)
    server = Server(adder(folder))
    for number, records in {9: 2, 10: 0}.items():
        with server.registry.acquire("adder", number) as version:
            assert version.bundle.warm_up(version.path) == records


def test_a_warm_up_takes_as_many_threads_as_the_loading(folder, monkeypatch):
    taken = []
    monkeypatch.setattr(Bundle, "warm_up", lambda self, path, threads=1: taken.append(threads))
    assert Version("adder", 9, folder / "adder" / "9").load(threads=3)
    assert taken == [3]


def test_a_version_that_goes_ends_the_threads_of_its_batches(folder):
    version, closed = Version("adder", 9, folder / "adder" / "9"), []
    version.batcher = SimpleNamespace(close=lambda patience: closed.append(patience) or True)
    assert version.unload() and len(closed) == 1 and version.batcher is None


def test_all_cores_load_until_something_answers(folder, monkeypatch):
    taken, load = [], Version.load
    monkeypatch.setattr(Version, "load", lambda self, threads: taken.append(threads) or load(self, threads))
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    server = Server(adder(folder))
    assert taken == [5, 1] and len(server.states()) == 2


def test_a_failing_warm_up_keeps_the_version_out(folder):
    write_warmup(folder / "adder" / "10", 1.0, 1000.0)
    server = Server(adder(folder))
    assert server.registry.available() == {"adder": [9]}
    broken = server.registry.versions("adder", 10)[0]
    assert (broken.state, broken.code) == ("END", "INVALID_ARGUMENT")


def test_a_batch_that_still_runs_keeps_no_update_waiting(folder):
    server, go = Server(find_models(folder)), threading.Event()
    with server.registry.acquire("adder") as version:
        held = version.batcher = Batcher(lambda *_: go.wait(PATIENCE) and {}, BatchingParameters())
        with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"):
            held.predict("", {"x": np.float32([1])}, Deadline.after(0.3))
    save(folder / "adder", 11)
    server.update()  # it would wait for ever
    assert server.states() == {10: "UNLOADING", 11: "AVAILABLE"}
    go.set()
    wait_until(lambda: server.update() or server.states()[10] == "END")
    assert server.lines[-1] == "adder version 10: unloaded"
