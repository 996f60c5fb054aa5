"""The largest and least values of every input of every signature, in TensorFlow's C++ loader: each request is
answered or refused, and none ends the process, as TF Serving would end with it."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers its operations

ASKS = """
import json, resource, sys
from kerasapp.export.cc_loader import LoaderError, Session

resource.setrlimit(resource.RLIMIT_AS, (2 * [12 * 2**30]))
session = Session(sys.argv[1])
for line in sys.stdin:
    name, inputs = json.loads(line)
    print(line[:300].rstrip(), end=" ", flush=True)
    try:
        session.run(name, inputs)
        print("answered", flush=True)
    except LoaderError as error:
        assert str(error)
        print("refused", flush=True)
"""
LONG = "ab " * 3000
EXTREMES = {
    tf.string: ["", "\0", LONG, "\n\n", "\N{PARROT}"],
    tf.int32: [-(2**31), -1, 0, 2**31 - 1, 2**30],
    tf.float32: [float("nan"), float("inf"), float("-inf"), 3e38, -3e38, 1e-38],
    tf.float64: [float("nan"), float("inf"), 1e308, -1e308, 1e-308],
    tf.bool: [True],
}
EXPORTS = ("tiny_export", "reversal_export", "echo_export", "speech_export", "wave_export")


def requests(version):
    """(signature, inputs) for one extreme value after the other; the other inputs are small."""
    known = {one["signature"]: one["inputs"] for one in json.loads(vectors(version))}
    for name, function in tf.saved_model.load(str(version)).signatures.items():
        specs = function.structured_input_signature[1]
        plain = known.get(name) or {key: small(spec) for key, spec in specs.items()}
        rows = len(next(iter(plain.values())))
        for key, spec in specs.items():
            for value in EXTREMES[spec.dtype]:
                shape = [rows, *np.shape(plain[key])[1:]]
                yield name, {**plain, key: np.full(shape, value, object).tolist()}


def vectors(version):
    return (version / "assets.extra" / "kerasapp" / "vectors.json").read_text("utf-8")


def small(spec):
    value = {tf.string: "a", tf.bool: True}.get(spec.dtype, 1)
    return np.full([size or 1 for size in spec.shape], value, object).tolist()


@pytest.mark.parametrize("export", EXPORTS)
def test_no_value_of_an_input_ends_the_loader(export, request):
    version = request.getfixturevalue(export) / "1"
    lines = [json.dumps(one) for one in requests(version)]
    done = subprocess.run(
        [sys.executable, "-c", ASKS, str(version)],
        input="\n".join(lines), capture_output=True, encoding="utf-8", timeout=600, check=False,
    )  # fmt: skip
    told = done.stdout.splitlines()
    assert done.returncode == 0, (done.returncode, told[-1:], done.stderr[-300:])
    assert len(told) == len(lines) > 20
    ends = [line.rsplit(" ", 1)[1] for line in told]
    assert 0 < ends.count("refused") < len(ends) and set(ends) == {"refused", "answered"}
