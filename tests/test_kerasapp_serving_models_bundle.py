"""A SavedModel's signatures, run; what TensorFlow itself gives for the same call is the truth."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2
from waiting import PATIENCE

from kerasapp.serving.models import bundle as bundle_module
from kerasapp.serving.models.bundle import Bundle
from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.protocol.errors import StatusError


class Shapes(tf.Module):
    """Signatures with inputs and outputs whose order is not that of their names."""

    def __init__(self):
        super().__init__()
        self.offset = tf.Variable([10.0, 20.0])
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([1, 2], tf.int64)), -1
        )

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="second"),
            tf.TensorSpec([None], tf.string, name="text"),
            tf.TensorSpec([None, 2], tf.float32, name="first"),
            tf.TensorSpec([], tf.int32, name="number"),
        ]
    )
    def mixed(self, second, text, first, number):
        return {
            "z": second - first + self.offset,
            "codes": self.table.lookup(text),
            "text": tf.strings.join([text, b"\0\xff"]),
            "number": number + 1,
        }

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32, name="turns")])
    def count(self, turns):
        return {"turns": tf.while_loop(lambda n: n < turns, lambda n: [n + 1], [0])[0]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float16, name="x")])
    def halves(self, x):
        return {"x": x / 2}


INPUTS = {
    "first": np.float32([[1, 2], [3, 4]]),
    "number": np.int32(7),
    "second": np.float32([[0.5, 0.25], [8, 9]]),
    "text": np.array([b"b", b"c\0"], object),
}


@pytest.fixture
def path(tmp_path):
    module = Shapes()
    signatures = {"serving_default": module.mixed, "halves": module.halves, "count": module.count}
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=signatures)
    return tmp_path / "1"


@pytest.mark.parametrize("deadline", [None, Deadline(1e18)])
def test_outputs_are_those_of_the_signature(path, deadline):
    outputs = Bundle(path).predict("", INPUTS, deadline)
    signature = tf.saved_model.load(str(path)).signatures["serving_default"]
    expected = signature(**{name: tf.constant(array) for name, array in INPUTS.items()})
    assert outputs.keys() == expected.keys() == {"z", "codes", "text", "number"}
    np.testing.assert_array_equal(outputs["z"], np.float32([[9.5, 18.25], [15, 25]]), strict=True)
    np.testing.assert_array_equal(outputs["codes"], np.int64([2, -1]), strict=True)
    assert outputs["text"].tolist() == [b"b\0\xff", b"c\0\0\xff"]
    assert outputs["number"].dtype == np.int32 and outputs["number"] == 8
    for name, tensor in expected.items():
        assert outputs[name].tolist() == tensor.numpy().tolist()


def test_inputs_are_those_of_the_signature(path):
    bundle = Bundle(path)
    assert {name: (spec.dtype, spec.shape) for name, spec in bundle.inputs("").items()} == {
        "first": ("float", (None, 2)),
        "number": ("int32", ()),
        "second": ("float", (None, 2)),
        "text": ("string", (None,)),
    }
    assert bundle.inputs("halves")["x"].dtype == "half"
    with pytest.raises(StatusError, match='Serving signature name: "other" not found in signature def'):
        bundle.inputs("other")


def test_errors_have_the_code_and_the_plain_message(path):
    wrong = {**INPUTS, "second": np.float32([[1, 2, 3]])}
    with pytest.raises(StatusError) as caught:
        Bundle(path).predict("", wrong)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert "Incompatible shapes" in caught.value.message
    assert not any(words in caught.value.message for words in ("Graph execution", "stack trace", "[Op:"))


def test_a_saved_model_of_tensorflow_1(tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None], "x")
        half = tf.compat.v1.get_variable("half", initializer=0.5)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.saved_model.simple_save(session, str(tmp_path / "1"), {"x": x}, {"y": x * half + 2.0})
    outputs = Bundle(tmp_path / "1").predict("serving_default", {"x": np.float32([1, 5])}, Deadline(1e18))
    np.testing.assert_array_equal(outputs["y"], np.float32([2.5, 4.5]))


def test_a_saved_model_as_text(path):
    model = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    (path / "saved_model.pbtxt").write_text(text_format.MessageToString(model))
    (path / "saved_model.pb").unlink()
    assert Bundle(path).predict("halves", {"x": np.float16([3])})["x"] == 1.5


def test_a_saved_model_for_training_alone_is_told(path):
    model = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    model.meta_graphs[0].meta_info_def.tags[:] = ["train"]
    (path / "saved_model.pb").write_bytes(model.SerializeToString())
    with pytest.raises(StatusError, match=r"NOT_FOUND: .* matching supplied tags: \{ serve \}"):
        Bundle(path)


def records(path, *logs):
    (path / "assets.extra").mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        for log in logs:
            writer.write(log.SerializeToString())


def replay(turns, signature="count"):
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    log.predict_log.request.inputs["turns"].CopyFrom(tf.make_tensor_proto(turns, tf.int32))
    return log


def test_a_warm_up_replays_the_requests_to_predict_alone(path, monkeypatch):
    other = prediction_log_pb2.PredictionLog()
    other.classify_log.request.model_spec.name = "m"
    records(path, replay(3), other, replay(4))
    bundle, asked = Bundle(path), []
    monkeypatch.setattr(bundle, "predict", lambda name, inputs: asked.append((name, int(inputs["turns"]))))
    assert bundle.warm_up(path) == 2 and asked == [("count", 3), ("count", 4)]


def test_a_warm_up_of_a_signature_that_is_not_there_is_told(path):
    records(path, replay(3, "none"))
    with pytest.raises(StatusError, match='"none" not found in signature def'):
        Bundle(path).warm_up(path)


def test_a_warm_up_has_as_many_requests_as_tf_serving_takes(path, monkeypatch):
    monkeypatch.setattr(bundle_module, "_MAX_WARMUP_RECORDS", 2)
    records(path, replay(1), replay(2))
    assert Bundle(path).warm_up(path) == 2
    records(path, replay(1), replay(2), replay(3))
    with pytest.raises(StatusError, match=r"INVALID_ARGUMENT: Number of warmup .* the maximum \(2\)"):
        Bundle(path).warm_up(path)


def test_a_warm_up_runs_side_by_side(path, monkeypatch):
    records(path, *map(replay, range(3)))
    bundle, meet = Bundle(path), threading.Barrier(3)
    monkeypatch.setattr(bundle, "predict", lambda *_: meet.wait(PATIENCE))
    assert bundle.warm_up(path, threads=3) == 3


def test_a_bundle_leaves_nothing_behind(path):
    bundle = Bundle(path)
    bundle.predict("", INPUTS)
    model, variable = weakref.ref(bundle._model), weakref.ref(bundle._model.offset)
    del bundle
    gc.collect()
    assert (model(), variable()) == (None, None)


class Meeting(Deadline):
    """A deadline whose run begins when that of another does."""

    meet = threading.Barrier(2)

    @contextmanager
    def calls(self, call):
        with super().calls(call):
            self.meet.wait(PATIENCE)
            yield


def test_a_deadline_ends_its_own_run_and_no_other(path):
    bundle, patient, hasty = Bundle(path), Meeting(), Meeting.after(1)
    with ThreadPoolExecutor(2) as executor:
        hours = {"turns": np.int32(2**31 - 1)}
        runs = [executor.submit(bundle.predict, "count", hours, deadline) for deadline in (hasty, patient)]
        try:
            with pytest.raises(StatusError, match="DEADLINE_EXCEEDED"):
                runs[0].result(PATIENCE)
            assert not runs[1].done()
        finally:
            patient.leave()
        with pytest.raises(StatusError, match="CANCELLED: The client has gone"):
            runs[1].result()
