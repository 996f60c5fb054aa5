"""Forms of a model in files for phones: other layers than an LSTM's, sentences, and numbers of 8 bits."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.python import schema_py_generated as schema
from tflite_signatures import padded, zeros

from kerasapp.export import tflite
from kerasapp.export.tflite_file import compact, require_builtin
from kerasapp.export.tflite_parts import CHUNK, Reader, Weights
from kerasapp.layers.bidirectional import Bidirectional
from kerasapp.tasks.generation import tflite as graphs
from kerasapp.tasks.generation.model import GenerationModel

VARIANTS = {
    "gru": {"cell": "gru"},
    "simple_rnn": {"cell": "simple_rnn"},
    "normed": {"layer_normalisation": True, "residual": True},
    "tied": {"tie_embeddings": True},
}


def test_other_language_models_convert(tmp_path):
    class Task:
        name = "generation"

    models, functions = {}, {}
    for name, options in VARIANTS.items():
        keras.utils.set_random_seed(1)
        models[name] = GenerationModel(20, units=12, layers=2, **options)
        own = graphs.signatures(Task, models[name], "float32")
        functions |= {f"{name}_{signature}": function for signature, function in own.items()}
    content = tflite.run_converter({"float32": (functions, ())}, "variants")["float32"]
    require_builtin(content, "variants")
    interpreter = Interpreter(model_content=content)
    for name, model in models.items():
        signatures = {s: interpreter.get_signature_runner(f"{name}_{s}") for s in ("prefill", "step")}
        ids = [5, 19, 4, 11]
        answer = signatures["prefill"](
            ids=padded(ids, 64), length=np.array([4], "int32"), **zeros(signatures["step"])
        )
        expected = model(np.array([[*ids, 7]])).numpy()[0]
        np.testing.assert_allclose(answer.pop("logits")[0], expected[3], atol=1e-5, err_msg=name)
        answer = signatures["step"](ids=np.array([7], "int32"), **answer)
        np.testing.assert_allclose(answer["logits"][0], expected[4], atol=1e-5, err_msg=name)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("time", [5, 2 * CHUNK, 2 * CHUNK + 3])
def test_a_reader_is_the_layer_up_to_the_length_and_zero_after_it(cell, time):
    keras.utils.set_random_seed(3)
    layer = Bidirectional(6, cell)
    x = np.random.default_rng(0).normal(size=[1, time, 4]).astype("float32")
    layer.build(x.shape)
    for variable in layer.trainable_variables:  # biases, too
        variable.assign(keras.random.normal(variable.shape, stddev=0.5))
    read = tf.function(Reader(layer, Weights(layer)), autograph=False)
    for length in {1, 4, 5, CHUNK - 1, CHUNK, CHUNK + 1, time - 1, time}:
        if length <= time:
            lengths = np.array([length], "int32")
            found, expected = read(x, tf.constant(lengths)).numpy(), layer(x, lengths).numpy()
            np.testing.assert_allclose(found[:, :length], expected[:, :length], atol=1e-6)
            assert found.shape == (1, time, 12) and not found[:, length:].any()


def test_files_of_8_bits_are_small_and_have_tied_weights_once():
    class Task:
        name = "generation"

    draw, jobs, rows, units = np.random.default_rng(1), {}, 500, 256
    model = GenerationModel(rows, units=units, layers=1, tie_embeddings=True)
    largest = draw.uniform(0.05, 0.4, [rows, 1])
    halves = (draw.integers(-127, 127, [rows, units]) + 0.5) * largest / 127  # the last bit rounds them
    model.embedding.embeddings.assign(np.concatenate([largest, halves[:, 1:]], axis=1))
    for precision in ("float32", "dynamic", "int8"):
        functions = graphs.signatures(Task, model, precision)
        states = {name: np.zeros([1, units], "float32") for name in model.state_names}
        step = {"ids": np.array([5], "int32"), **states}
        prefill = {"ids": padded([5, 6], 64), "length": np.array([2], "int32"), **states}
        jobs[precision] = functions, [("step", step), ("prefill", prefill)] if precision == "int8" else ()
    files = {name: compact(content) for name, content in tflite.run_converter(jobs, "tied").items()}
    for precision, share in (("dynamic", 0.30), ("int8", 0.28)):
        assert len(files[precision]) <= share * len(files["float32"])
        file = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(files[precision]), 0))
        weights = sum(len(buffer.data) for buffer in file.buffers if buffer.data is not None)
        assert weights < rows * units + 8 * units * units + 16_384  # and biases, and the scales of rows
