"""Both engines of LiteRT give the same answers: CompiledModel from Python, and by its interface in C."""

import importlib.metadata
import os
import shutil
import subprocess
from pathlib import Path

import ai_edge_litert
import flatbuffers
import numpy as np
import pytest
from lite_bundles import requests
from tensorflow.lite.python import schema_py_generated as schema

from kerasapp.export.tflite_file import engines
from kerasapp_lite.bundle import Bundle, BundleError
from kerasapp_lite.engines import ENGINES, frozen, open_file

BUNDLES = ["tiny_bundle", "reversal_bundle", "speech_bundle", "wave_bundle"]
LIBRARY = Path(ai_edge_litert.__file__).parent / "libLiteRt.so"
COMPILER = shutil.which("gcc") or shutil.which("cc")


@pytest.fixture(params=BUNDLES)
def folder(request):
    return request.getfixturevalue(request.param)


def same(found, expected, what):
    """Whether all outputs are equal but for rounding."""
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key].dtype == value.dtype
        np.testing.assert_allclose(found[key], value, rtol=1e-5, atol=1e-5, err_msg=f"{what} {key}")


def test_every_signature_answers_the_same_in_both_engines(folder):
    precisions = Bundle(folder).metadata["precisions"]
    assert len(precisions) >= 2
    for precision in precisions:
        one, other = (Bundle(folder, precision, engine=name) for name in ("interpreter", "compiled"))
        for name, inputs in requests(one).items():
            expected, call = one.signature(name)(**inputs), other.signature(name)
            for _ in range(2):  # nothing stays from the first call
                same(call(**inputs), expected, f"{precision} {name}")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program compiled_model.c."""
    if not COMPILER:
        pytest.skip("needs a C compiler")
    if not importlib.metadata.version("ai-edge-litert").startswith("2.3."):
        pytest.skip("the program's declarations are those of LiteRT 2.3")
    path = tmp_path_factory.mktemp("c") / "compiled_model"
    source = Path(__file__).with_name("compiled_model.c")
    words = [
        COMPILER,
        "-Wall",
        "-Wextra",
        "-Werror",
        source,
        LIBRARY,
        f"-Wl,-rpath,{LIBRARY.parent}",
        "-o",
        path,
    ]
    subprocess.run(words, check=True)
    return path


def test_the_interface_in_c_gives_the_same_answers(folder, program, tmp_path):
    bundle = Bundle(folder, "dynamic")
    asked = requests(bundle)
    for name, inputs in asked.items():
        for key, value in inputs.items():
            (tmp_path / f"{name}.{key}.in").write_bytes(value.tobytes())
    done = subprocess.run([program, folder / "dynamic.tflite", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name, inputs in asked.items():
        expected = bundle.signature(name)(**inputs)
        found = {
            key: np.fromfile(tmp_path / f"{name}.{key}.out", value.dtype).reshape(value.shape)
            for key, value in expected.items()
        }
        same(found, expected, name)
    assert len(os.listdir(tmp_path)) == sum(
        len(one["inputs"]) + len(one["outputs"]) for one in bundle.metadata["signatures"].values()
    )


def test_an_array_that_changes_is_read_again(tiny_bundle):
    one, other = (Bundle(tiny_bundle, "float32", engine=name).signature("step") for name in ENGINES)
    inputs = requests(Bundle(tiny_bundle, "float32"))["step"]
    for change in ("none", "in place", "new arrays"):
        if change == "in place":
            for array in inputs.values():
                array += 1
        if change == "new arrays":
            inputs = frozen({name: array + 1 for name, array in inputs.items()})
        for _ in range(2):
            same(other(**inputs), one(**inputs), change)


def test_a_call_with_other_inputs_is_refused(tiny_bundle):
    call = Bundle(tiny_bundle, "float32", engine="compiled").signature("step")
    inputs = requests(Bundle(tiny_bundle, "float32"))["step"]
    with pytest.raises(ValueError, match=r"step: takes .*ids.*, not ids"):
        call(ids=inputs["ids"])
    with pytest.raises(ValueError, match=r"step: ids must be int32 \[1\]"):
        call(**{**inputs, "ids": np.array([5, 6], "int32")})
    with pytest.raises(ValueError, match=r"step: ids must be int32 \[1\]"):
        call(**{**inputs, "ids": np.array([5], "int64")})
    with pytest.raises(ValueError, match="no signature 'leap'"):
        Bundle(tiny_bundle, "float32", engine="compiled").signature("leap")


def test_a_file_that_keeps_values_between_calls_has_one_engine(tiny_bundle, tmp_path):
    content = (tiny_bundle / "dynamic.tflite").read_bytes()
    assert engines(content) == ["interpreter", "compiled"]
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content), 0))
    model.subgraphs[0].tensors[-1].isVariable = True
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    (tmp_path / "kept.tflite").write_bytes(builder.Output())
    assert engines(builder.Output()) == ["interpreter"]
    assert open_file(tmp_path / "kept.tflite", "interpreter")("step")
    with pytest.raises(RuntimeError, match="Failed to load model"):
        open_file(tmp_path / "kept.tflite", "compiled")


def test_an_engine_that_the_metadata_leave_out_is_refused(tiny_bundle, monkeypatch):
    metadata = Bundle(tiny_bundle).metadata
    metadata["precisions"]["float32"]["engines"] = ["interpreter"]
    monkeypatch.setattr("kerasapp_lite.bundle.read_metadata", lambda *given: metadata)
    with pytest.raises(BundleError, match="float32 does not run in the engine 'compiled'"):
        Bundle(tiny_bundle, "float32", engine="compiled")
    assert Bundle(tiny_bundle, "dynamic", engine="compiled")
