"""Exports in TensorFlow's own C++ loader give the answers of the servable in Python."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import kerasapp
from kerasapp.export import saved_model
from kerasapp.export.cc_loader import LoaderError

ROOT = Path(__file__).parents[1]


def run(folder, requests, python=sys.executable):
    """The outputs that a process without Python's TensorFlow gives. Raises: LoaderError with its message."""
    wanted = [{"signature": request["signature"], "inputs": request["inputs"]} for request in requests]
    done = subprocess.run(
        [python, "-m", "kerasapp.export.cc_loader", str(folder)],
        input=json.dumps(wanted),
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'lite'}"},
    )
    assert done.stdout, done.stderr
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise LoaderError(answer["error"])
    assert not answer["tensorflow_imported"]
    return answer["outputs"]


def same(found, expected, where="", within=1e-5):
    """Text and whole numbers are identical, floats within 1e-5; logits are as large as 14."""
    assert type(found) is type(expected), where
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            same(found[key], value, f"{where} {key}", within)
    elif np.asarray(expected).dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=within, atol=0.5 * within, err_msg=where)
    else:
        assert found == expected, where


def vectors(version):
    return json.loads((version / "assets.extra" / "kerasapp" / "vectors.json").read_text("utf-8"))


def compare(version, servable, requests):
    """Runs requests, (signature, inputs), in both; returns the C++ loader's answers."""
    expected = saved_model.vectors(servable, requests)
    examples = vectors(version)
    found = run(version, [*expected, *examples])
    for answer, vector in zip(found, [*expected, *examples], strict=True):
        same(answer, vector["outputs"], vector["signature"])
    return found


def arrays(answer):
    return {
        name: np.float32(value) if np.asarray(value).dtype.kind == "f" else np.array(value, np.int32)
        for name, value in answer.items()
    }


def test_generation(tiny_export, tiny_run):
    generator = kerasapp.load(tiny_run)
    prompts = ["ROMEO:", "", "人生", "🦜"]
    knobs = {
        "length": [60, 40, 20, 0],
        "temperature": [0.8, 0.0, 1.2, 1.0],
        "top_k": [0, 0, 5, 0],
        "top_p": [0.9, 1.0, 1.0, 1.0],
        "seed": [1, 2, 3, -4],
        "stop": ["", "", "\n", ""],
    }
    texts = np.array(prompts, object)
    generate = {"prompt": texts} | {
        name: np.array(
            value, {"stop": object, "temperature": np.float32, "top_p": np.float32}.get(name, np.int32)
        )
        for name, value in knobs.items()
    }
    requests = [("generate", generate), ("tokenize", {"text": texts}), ("score", {"text": texts})]
    generated, tokens, *_ = compare(tiny_export / "1", generator.servable, requests)
    assert generated["text"] == generator.generate(prompts, **knobs)
    inputs = {"ids": tokens["ids"], "lengths": tokens["lengths"]}
    detokenize = {"signature": "detokenize", "inputs": inputs}
    assert run(tiny_export / "1", [detokenize]) == [{"text": ["ROMEO:", "", "人生", "�"]}]


def test_translation(reversal_export, reversal_run):
    translator = kerasapp.load(reversal_run)
    sources = ["a b c", "", "h g f e d", "a 人"]
    texts = np.array(sources, object)
    servable, version = translator.servable, reversal_export / "1"
    requests = [
        ("serving_default", {"source": texts}),
        ("score", {"source": texts, "target": texts[::-1]}),
        ("tokenize", {"text": texts}),
    ]
    answer, _, tokens, *_ = compare(version, servable, requests)
    assert answer["translation"] == [found.text for found in translator.translate(sources)]
    assert answer["translation"][0] == "c b a"
    inputs = arrays(tokens)
    encode = {"ids": inputs["ids"], "lengths": inputs["lengths"]}
    (states, *_) = compare(version, servable, [("encode", encode)])  # floats go in again for a step
    compare(version, servable, [("step", {"ids": inputs["start"], **arrays(states)})])


def test_synthesis(speech_export, speech_run):
    synthesizer = kerasapp.load(speech_run)
    requests = [("serving_default", {"text": np.array(["abc", "h"], object)})]
    answer, *_ = compare(speech_export / "1", synthesizer.servable, requests)
    assert answer["audio_bytes"][0].keys() == {"b64"}


class Echo(tf.Module):
    """Gives back what it gets, whatever the type."""

    @tf.function(
        input_signature=[
            tf.TensorSpec(None, dtype, name=dtype.name)
            for dtype in (
                *(tf.float32, tf.float64, tf.bool, tf.string, tf.int8, tf.uint8, tf.int16, tf.uint16),
                *(tf.int32, tf.uint32, tf.int64, tf.uint64),
            )
        ]
    )
    def everything(self, *inputs):
        return {f"{value.dtype.name}_out": tf.identity(value) for value in inputs}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def binary(self, text):
        return {"copy_bytes": tf.identity(text)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def positive(self, x):
        with tf.control_dependencies([tf.debugging.assert_positive(x, "only\npositive values")]):
            return {"y": tf.identity(x)}


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    module, folder = Echo(), tmp_path_factory.mktemp("echo")
    names = ("everything", "binary", "positive")
    tf.saved_model.save(module, str(folder), signatures={name: getattr(module, name) for name in names})
    return folder


def test_every_type_and_shape_goes_in_and_out(echo):
    values = {
        "float32": [[0.1, -3.4e38], [1e-40, 0.0]],
        "float64": 0.1,
        "bool": [True, False],
        "string": [["", "a\x00b"], ["人" * 30, "🦜"]],
        "int8": [-128, 127],
        "uint8": [0, 255],
        "int16": [],
        "uint16": [[[65535]]],
        "int32": 2**31 - 1,
        "uint32": [2**32 - 1],
        "int64": [-(2**63)],
        "uint64": [2**64 - 1],
    }
    raw = base64_of(bytes(range(256)))
    requests = [
        {"signature": "everything", "inputs": values},
        {"signature": "binary", "inputs": {"text": [raw, "plain"]}},
    ]
    found, binary = run(echo, requests)
    for name, value in values.items():
        expected = np.float32(value).tolist() if name == "float32" else value
        assert found[f"{name}_out"] == expected, name
    assert binary == {"copy_bytes": [raw, base64_of(b"plain")]}


def base64_of(data):
    import base64

    return {"b64": base64.b64encode(data).decode()}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"signature": "negative", "inputs": {}},
            "no signature negative; there are binary, everything, positive",
        ),
        ({"signature": "positive", "inputs": {"z": [1]}}, "positive takes x"),
        (
            {"signature": "positive", "inputs": {"x": [1.0, -1.0]}},
            r"assertion failed: \[only.*positive values",
        ),
    ],
)
def test_a_request_that_fails(echo, request_, message):
    with pytest.raises(LoaderError, match=message) as caught:
        run(echo, [request_])
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(LoaderError, match="Could not find SavedModel"):
        run(tmp_path, [])


FALSE_FRIEND = """
import sys, types
from kerasapp.export import cc_loader
sys.modules["tensorflow.python"] = types.ModuleType("tensorflow.python")
cc_loader.main(sys.argv[1])
"""


def test_tensorflow_is_not_imported_and_would_be_seen(echo):
    """By hand, as the module; and a process that has imported it says so."""
    for command, imported in ((["-m", "kerasapp.export.cc_loader"], False), (["-c", FALSE_FRIEND], True)):
        done = subprocess.run(
            [sys.executable, *command, str(echo)], input="[]", capture_output=True, text=True, check=True
        )
        assert json.loads(done.stdout) == {"outputs": [], "tensorflow_imported": imported}


@pytest.fixture(scope="module")
def other():
    """The Python of an environment with the other TensorFlow, 2.20 or 2.21."""
    minor = "2.21" if tf.__version__.startswith("2.20.") else "2.20"
    for python in ROOT.glob(".venv*/bin/python"):
        if any(python.parents[1].glob(f"lib/python3*/site-packages/tensorflow-{minor}.*")):
            return str(python)
    pytest.skip(f"no environment with TensorFlow {minor}; CONTRIBUTING.md says how to make one")


EXPORTS = {
    "tiny_export": "tiny_run",
    "reversal_export": "reversal_run",
    "speech_export": "speech_run",
    "wave_export": "wave_run",
}


def alike(answers, version):
    """Answers are those of the version's vectors, but for what other kernels round; no files of sound."""
    for found, vector in zip(answers, vectors(version), strict=True):
        heard = {name for name in found if name.endswith("_bytes")}
        expected = vector["outputs"]
        assert found.keys() == expected.keys()
        for name in found.keys() - heard:
            same(found[name], expected[name], f"{vector['signature']} {name}", within=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("export", EXPORTS)
def test_the_other_tensorflow_loads_an_export_of_this_one(export, other, request):
    version = request.getfixturevalue(export) / "1"
    alike(run(version, vectors(version), other), version)


@pytest.mark.slow
@pytest.mark.parametrize("trained", EXPORTS.values())
def test_this_tensorflow_loads_an_export_of_the_other_one(trained, other, request, tmp_path):
    words = ["export", str(request.getfixturevalue(trained)), "--to", str(tmp_path), "--no-verify"]
    paths = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'lite'}"}
    done = subprocess.run([other, "-m", "kerasapp", *words], capture_output=True, encoding="utf-8", env=paths)
    assert done.returncode == 0, done.stderr
    version = Path(done.stdout.strip())
    alike(run(version, vectors(version)), version)
