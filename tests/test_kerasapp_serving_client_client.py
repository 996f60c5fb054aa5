"""The client against the embedded server, over both interfaces: arrays, status, metadata, errors."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from embedded import serving

from kerasapp.serving.client import Client
from kerasapp.serving.client.transport import Target
from kerasapp.serving.protocol.errors import StatusError
from kerasapp.serving.protocol.signatures import Signature

TYPES = {
    "i": tf.int32,
    "n": tf.int64,
    "u": tf.uint8,
    "f": tf.float32,
    "d": tf.float64,
    "b": tf.bool,
    "s": tf.string,
}
SPECS = {name: tf.TensorSpec([None, None], dtype, name) for name, dtype in TYPES.items()}


class Mirror(tf.Module):
    """Gives back what it gets, under other names; the strings as text and as bytes."""

    @tf.function
    def types(self, i, n, u, f, d, b, s):
        same = {"i": i, "n": n, "u": u, "f": f, "d": d, "b": b, "s_bytes": s, "s": s}
        return {f"out_{name}": tf.identity(value) for name, value in same.items()}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def one(self, text):
        return {"text": tf.strings.join([text, "!"])}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Addresses of the embedded server, REST and gRPC, with the model `mirror`, version 3."""
    folder = tmp_path_factory.mktemp("saved_models")
    module = Mirror()
    signatures = {"serving_default": module.one, "types": module.types.get_concrete_function(**SPECS)}
    tf.saved_model.save(module, str(folder / "mirror" / "3"), signatures=signatures)
    with serving(folder) as addresses:
        yield addresses


@pytest.fixture(params=["rest", "grpc"])
def client(served, request):
    with Client(served[request.param], retries=0) as client:
        yield client


@pytest.mark.parametrize("kind", ["rest", "grpc"])
def test_a_proxy_in_the_environment_is_not_asked_for_loopback(served, kind, monkeypatch):
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy"):
        for key in (name, name.upper()):
            monkeypatch.setenv(key, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with Client(served[kind], retries=0, timeout=20) as client:
        assert client.status("mirror")[0].version == 3


VALUES = {
    "i": [[-(2**31), 0, 2**31 - 1]],
    "n": [[-(2**63), 7, 2**63 - 1]],
    "u": [[0, 1, 255]],
    "f": [[0.1, 1e-40, 3.4e38], ],
    "d": [[0.1, -1e-300, 1e300]],
    "b": [[True, False, True]],
    "s": [["人生", "", 'a"b\\\n\0']],
}  # fmt: skip


def test_every_type_goes_there_and_back(client):
    answer = client.predict("mirror", VALUES, signature_name="types")
    for name, dtype in TYPES.items():
        expected = np.array(VALUES[name], dtype.as_numpy_dtype)
        if name == "s":
            expected = np.array([[text.encode() for text in VALUES["s"][0]]], object)
            assert answer["out_s_bytes"].tolist() == expected.tolist()
        assert answer[f"out_{name}"].dtype == expected.dtype
        np.testing.assert_array_equal(answer[f"out_{name}"], expected)


def test_floats_that_are_no_numbers_and_bytes_that_are_no_text(client):
    odd = {
        **VALUES,
        "f": np.float32([[np.nan, np.inf, -np.inf]]),
        "s": [[b"\xff\0", b"x", "é".encode("latin1")]],
    }
    answer = client.predict("mirror", odd, signature_name="types")
    np.testing.assert_array_equal(answer["out_f"], odd["f"])
    assert answer["out_s_bytes"].tolist() == odd["s"]


def test_what_a_shell_passes_on_stays_as_it_was(client):
    """Python reads bytes of a command line that are no UTF-8 as halves of surrogate pairs."""
    answer = client.predict("mirror", {**VALUES, "s": [["a\udcff", "人", ""]]}, signature_name="types")
    assert answer["out_s_bytes"].tolist() == [[b"a\xff", "人".encode(), b""]]


def test_empty_and_one_dimensional_arrays(client):
    assert client.predict("mirror", {"text": ["a", b"b"]})["text"].tolist() == [b"a!", b"b!"]
    assert client.predict("mirror", {"text": np.array(["a"])}, version=3)["text"].tolist() == [b"a!"]
    empty = client.predict("mirror", {"text": []})["text"]
    assert empty.shape == (0,) and empty.dtype == object


def test_a_large_answer_comes_through_grpc(served):
    """gRPC's own limit is 4 MiB."""
    rest = {name: np.zeros([1, 0]) for name in "inudb"} | {"s": np.zeros([1, 0], object)}
    large = np.ones([1, 2**20 + 1], np.float32)
    with Client(served["grpc"], retries=0) as client:
        answer = client.predict("mirror", {**rest, "f": large}, signature_name="types")
    np.testing.assert_array_equal(answer["out_f"], large)


def test_status_and_metadata(client):
    (status,) = client.status("mirror")
    assert (status.version, status.state, status.code, status.message) == (3, "AVAILABLE", "OK", "")
    assert client.status("mirror", version=3) == [status]
    found = client.metadata("mirror")
    assert found["serving_default"].inputs["text"].dtype == "string"
    assert found["serving_default"].inputs["text"].shape == (None,)
    assert {name: spec.dtype for name, spec in found["types"].inputs.items()} == {
        "i": "int32", "n": "int64", "u": "uint8", "f": "float", "d": "double", "b": "bool", "s": "string"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "inputs", "code", "said"),
    [
        ({"model": "nope"}, {"text": ["a"]}, "NOT_FOUND", "nope"),
        ({"version": 2}, {"text": ["a"]}, "NOT_FOUND", "mirror"),
        ({"label": "stable"}, {"text": ["a"]}, "INVALID_ARGUMENT", "stable"),
        ({"version": 3, "label": "stable"}, {"text": ["a"]}, "INVALID_ARGUMENT", "not both"),
        ({"signature_name": "no"}, {"text": ["a"]}, "INVALID_ARGUMENT", '"no"'),
        ({}, {"txt": ["a"]}, "INVALID_ARGUMENT", "t"),
        ({}, {"text": [1]}, "INVALID_ARGUMENT", "text: expected string"),
        ({"signature_name": "types"}, {**VALUES, "i": [["x"]]}, "INVALID_ARGUMENT", "i: expected int32"),
        (
            {"signature_name": "types"},
            {**VALUES, "i": [[1], [1, 2]]},
            "INVALID_ARGUMENT",
            "i: expected int32",
        ),
    ],
)
def test_errors_have_code_and_message(client, words, inputs, code, said):
    with pytest.raises(StatusError) as caught:
        client.predict(**{"model": "mirror", **words}, inputs=inputs)
    assert caught.value.code == code and said in caught.value.message


def test_a_new_version_with_other_outputs_is_noticed(served):
    with Client(served["rest"]) as client:
        client._signatures[Target("mirror")] = {  # as of a version that is gone
            "serving_default": Signature({}, {"old": None, "older": None})
        }
        with pytest.raises(StatusError):
            client.predict("mirror", {"text": ["a"]})
        assert client.predict("mirror", {"text": ["a"]})["text"].tolist() == [b"a!"]


def test_threads_share_a_client(client):
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda i: client.predict("mirror", {"text": [str(i)]})["text"][0], range(40))
    assert list(found) == [f"{i}!".encode() for i in range(40)]


def test_rest_needs_no_tensorflow(served):
    script = (
        "import sys; from kerasapp.serving.client import Client; "
        f"print(Client({served['rest']!r}).predict('mirror', {{'text': ['a']}})['text'].tolist()); "
        "assert not {'tensorflow', 'keras', 'grpc'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[b'a!']\n", "")


def test_grpc_has_no_streams_and_no_list(served):
    with Client(served["grpc"]) as client:
        for call in (lambda: client.stream("mirror", "x"), client.models):
            with pytest.raises(StatusError, match="REST alone"):
                call()
