"""The lint of exports: what TF Serving could not serve is named, and nothing else is."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from kerasapp.errors import ConfigError
from kerasapp.export import lint, saved_model

VECTOR = tf.TensorSpec([None], tf.float32, name="x")


def save(function, folder, spec=VECTOR):
    module = tf.Module()
    module.serve = tf.function(function, input_signature=[spec], autograph=False)
    tf.saved_model.save(module, str(folder), signatures={"serve": module.serve})
    return lint.problems(folder)


def python_function(x):
    return {"y": tf.ensure_shape(tf.numpy_function(lambda value: value, [x], tf.float32), [None])}


def python_in_a_loop(x):
    """A Python function in a function of a function."""

    @tf.function
    def inner(value):
        return tf.ensure_shape(tf.py_function(lambda y: y + 1, [value], tf.float32), [None])

    return {"y": tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, inner(y)), [0, x])[1]}


BAD = {
    "Python": (python_function, VECTOR, r"operation PyFunc \(node .*\) calls back into Python"),
    "Python, nested": (python_in_a_loop, VECTOR, r"operation EagerPyFunc \(node .*\) calls back into Python"),
    "files": (
        lambda x: {"y": x + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)},
        VECTOR,
        r"operation ReadFile \(node .*\) reads or writes files of the machine that serves",
    ),
    "half": (
        lambda x: {"y": tf.cast(x, tf.float16)},
        VECTOR,
        "output y of signature serve is float16, which",
    ),
    "complex": (lambda x: {"y": tf.cast(x, tf.complex64)}, VECTOR, "output y .* is complex64, which REST"),
    "half as input": (
        lambda x: {"y": tf.cast(x, tf.float32)},
        tf.TensorSpec([None], tf.float16, name="x"),
        "input x of signature serve is float16",
    ),
    "a scalar": (
        lambda x: {"mean": tf.reduce_mean(x), "y": x},
        VECTOR,
        r"output mean of signature serve has the shape \[\]; a batch of free size has to come first",
    ),
    "a fixed batch": (
        lambda x: {"y": x},
        tf.TensorSpec([4, 3], tf.float32, name="x"),
        r"input x of signature serve has the shape \[4, 3\]",
    ),
    "any rank": (
        lambda x: {"y": tf.reshape(x, [-1])},
        tf.TensorSpec(None, tf.float32, name="x"),
        "input x of signature serve has a shape of unknown rank",
    ),
}


@pytest.mark.parametrize(("function", "spec", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_served_is_named(tmp_path, function, spec, message):
    pattern = pytest.raises(ConfigError, match=message)
    save(function, tmp_path, spec)
    with pattern as caught:
        lint.check(tmp_path)
    assert str(caught.value).startswith("TF Serving could not serve this model: ")
    assert "\n" not in str(caught.value)


def test_problems_of_a_folder_are_printed(tmp_path, capsys):
    save(BAD["files"][0], tmp_path, VECTOR)
    assert lint.main([str(tmp_path)]) == 1
    assert "operation ReadFile" in capsys.readouterr().out
    save(lambda x: {"y": x}, tmp_path / "good", VECTOR)
    assert lint.main([str(tmp_path / "good")]) == 0
    assert capsys.readouterr().out == ""


def test_all_problems_are_named(tmp_path):
    found = save(lambda x: {"a": tf.reduce_mean(x), "b": tf.cast(x, tf.bfloat16), "y": x}, tmp_path)
    assert [line.split(" of ")[0] for line in found] == ["output a", "output b"]


def test_a_good_model_has_no_problems(tmp_path):
    def serve(x):
        return {"y": tf.while_loop(lambda y: tf.reduce_any(y < 9), lambda y: [y * 2], [x])[0]}

    assert save(serve, tmp_path) == []


def edited(tmp_path, edit):
    """The problems of a good model whose file was edited."""
    save(lambda x: {"y": tf.identity(x) * 2}, tmp_path)
    file = tmp_path / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    edit(model.meta_graphs[0])
    file.write_bytes(model.SerializeToString())
    return lint.problems(tmp_path)


@pytest.mark.parametrize(
    ("op", "reason"),
    [
        ("CudnnRNNV3", "runs only on a GPU"),
        ("DecodeJxl", "is newer than TF Serving 2.20"),
        ("IO>AudioResample", "is neither TensorFlow's nor tensorflow-text's"),
        ("SomebodysOwn", "is neither TensorFlow's nor tensorflow-text's"),
    ],
)
def test_an_operation_that_is_not_linked(tmp_path, op, reason):
    def edit(graph):
        body = next(f for f in graph.graph_def.library.function if any(n.op == "Mul" for n in f.node_def))
        next(node for node in body.node_def if node.op == "Mul").op = op

    assert edited(tmp_path, edit) == [f"operation {op} (node mul) {reason}" + found_advice(op)]


def found_advice(op):
    return "; export with use_cudnn=False" if op.startswith("Cudnn") else ""


def test_a_graph_that_is_not_for_serving(tmp_path):
    assert edited(tmp_path, lambda graph: graph.meta_info_def.tags.append("gpu")) == [
        'no graph is tagged "serve"'
    ]


def test_a_variable_that_is_not_restored(tmp_path):
    """Keras's variables as they are: https://github.com/keras-team/keras/issues/19274."""
    import keras

    module = tf.Module()
    module.layer = keras.layers.Dense(2, use_bias=False, name="dense")
    module.layer.build([None, 3])
    spec = tf.TensorSpec([None, 3], tf.float32, name="x")
    module.serve = tf.function(lambda x: {"y": module.layer(x)}, input_signature=[spec], autograph=False)
    tf.saved_model.save(module, str(tmp_path), signatures={"serve": module.serve})
    assert lint.problems(tmp_path) == ["variable dense/kernel is not restored"]


def test_rows_that_get_lost_show_in_the_examples(tmp_path):
    extra = tmp_path / "assets.extra" / "kerasapp"
    extra.mkdir(parents=True)
    example = {"signature": "serve", "inputs": {"x": [-1, 2, 3]}, "outputs": {"y": [2, 3]}}
    (extra / "vectors.json").write_text(json.dumps([example]))
    found = save(lambda x: {"y": x[x > 0]}, tmp_path)
    assert found == ["output y of signature serve has 2 rows for a request of 3"]


def test_the_text_operations_are_those_of_the_libraries():
    """The libraries of the wheel are ops_lib of tensorflow_text/BUILD, one each."""
    import tensorflow_text
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session

    found = set()
    for library in (Path(tensorflow_text.__file__).parent / "python" / "ops").glob("*.so"):
        operations = pywrap_tf_session.TF_GetOpList(pywrap_tf_session.TF_LoadLibrary(str(library)))
        found |= {op.name for op in op_def_pb2.OpList.FromString(operations).op}
    assert found == lint.TEXT_OPS
    assert not any(hasattr(tf.raw_ops, op) for op in lint.TEXT_OPS)


class Config:
    """Stands for a configuration; a section is all that it needs to have."""

    task = "none"

    def __init__(self):
        self.training = SimpleNamespace()


class OneScalar(tf.Module):
    """Stands for a servable; its answer has no batch."""

    def __init__(self, model):
        super().__init__()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def serving_default(self, text):
        return {"count": tf.size(text)}

    def signatures(self):
        return {"serving_default": self.serving_default}

    def example_requests(self):
        return [("serving_default", {"text": np.array(["a"], object)})]


def test_an_export_is_checked_before_it_is_published(tmp_path):
    serving_model = SimpleNamespace(variables=[], save=lambda path: None)
    task = SimpleNamespace(
        config=Config(),
        serving_model=lambda model: serving_model,
        servable=OneScalar,
        save_tokenizer=lambda folder: None,
        data_report_file=None,
    )
    with pytest.raises(ConfigError, match=r"output count of signature serving_default has the shape \[\]"):
        saved_model.export(task, None, tmp_path / "bad")
    assert list((tmp_path / "bad").iterdir()) == []


@pytest.mark.parametrize("export", ["tiny_export", "reversal_export", "speech_export"])
@pytest.mark.slow
def test_our_exports_have_no_problems(export, request):
    assert lint.problems(request.getfixturevalue(export) / "1") == []
