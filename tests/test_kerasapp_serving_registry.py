"""Which folders count as models and versions, how a broken one is reported, and the warm-up."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from kerasapp.serving.errors import ServingError, StatusError
from kerasapp.serving.registry import Registry, find_models, find_versions


class Adder(tf.Module):
    """Adds an offset, so that versions differ."""

    def __init__(self, offset):
        super().__init__()
        self.offset = tf.Variable(float(offset))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def __call__(self, x):
        tf.debugging.assert_less(x, 100.0)
        return {"y": x + self.offset}


@pytest.fixture
def folder(tmp_path):
    """Two versions of a model, both numbered so that text order would be wrong, and what is no model."""
    for number in (9, 10):
        module = Adder(number)
        tf.saved_model.save(module, str(tmp_path / "adder" / str(number)), signatures=module.__call__)
    (tmp_path / "adder" / ".tmp-11-abc").mkdir()
    (tmp_path / "adder" / "12.partial").mkdir()
    (tmp_path / "adder" / "13").write_text("a file")
    (tmp_path / "no-versions" / "one").mkdir(parents=True)
    (tmp_path / "README.md").write_text("not a model")
    return tmp_path


def load(folder):
    registry = Registry(find_models(folder))
    lines = []
    registry.load(report=lines.append)
    return registry, lines


def write_warmup(path, *values):
    (path / "assets.extra").mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        for value in values:
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = "adder"
            request.inputs["x"].CopyFrom(tf.make_tensor_proto([value], tf.float32))
            writer.write(log.SerializeToString())


def test_versions_are_positive_whole_numbers(folder):
    assert sorted(find_versions(folder / "adder")) == [9, 10]
    assert find_models(folder) == {"adder": folder / "adder"}
    assert find_models(folder / "adder") == {"adder": folder / "adder"}


@pytest.mark.parametrize(
    ("path", "message"),
    [("missing", "no such folder"), ("no-versions", "no model found"), ("adder/10", "give the folder above")],
)
def test_folders_that_hold_no_model(folder, path, message):
    with pytest.raises(ServingError, match=message) as caught:
        find_models(folder / path)
    assert "\n" not in str(caught.value)


def test_newest_version_by_default(folder):
    registry, _ = load(folder)
    ask = {"x": np.float32([1])}
    assert registry.get("adder").number == 10
    assert registry.get("adder").bundle.predict("", ask)["y"] == 11
    assert registry.get("adder", 9).bundle.predict("serving_default", ask)["y"] == 10


def test_broken_versions_are_reported_and_the_others_serve(folder):
    (folder / "adder" / "11").mkdir()
    (folder / "garbage" / "1").mkdir(parents=True)
    (folder / "garbage" / "1" / "saved_model.pb").write_bytes(b"not a protocol buffer")
    (folder / "adder" / "10" / "variables" / "variables.index").unlink()
    registry, lines = load(folder)
    assert registry.get("adder").number == 9
    assert registry.available() == {"adder": [9]}
    states = {version.number: (version.state, version.code) for version in registry.versions("adder")}
    assert list(states) == [11, 10, 9]
    assert states[9] == ("AVAILABLE", "OK")
    assert states[11] == ("END", "NOT_FOUND")
    assert states[10][0] == "END" and states[10][1] != "OK"
    (garbage,) = registry.versions("garbage")
    assert garbage.state == "END" and garbage.code != "OK" and garbage.message
    with pytest.raises(StatusError, match=r"Servable not found for request: Latest\(garbage\)"):
        registry.get("garbage")
    assert any("adder version 11: END" in line and "NOT_FOUND" in line for line in lines)
    assert not any("\n" in line for line in lines)


def test_warm_up_replays_the_records(folder):
    write_warmup(folder / "adder" / "9", 1.0, 2.0)
    registry, _ = load(folder)
    assert registry.available() == {"adder": [9, 10]}
    assert registry.get("adder", 9).bundle.warm_up(folder / "adder" / "9") == 2
    assert registry.get("adder", 10).bundle.warm_up(folder / "adder" / "10") == 0


def test_a_failing_warm_up_keeps_the_version_out(folder):
    write_warmup(folder / "adder" / "10", 1.0, 1000.0)
    registry, _ = load(folder)
    assert registry.available() == {"adder": [9]}
    broken = registry.versions("adder", 10)[0]
    assert (broken.state, broken.code) == ("END", "INVALID_ARGUMENT")
