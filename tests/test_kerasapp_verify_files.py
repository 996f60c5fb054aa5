"""What stands beside an export's graphs: weights, a bundle's metadata, warm-up requests, the figure."""

import json
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

import kerasapp
from kerasapp.artefact import EXTRA
from kerasapp.export import warmup
from kerasapp.export.tflite_file import constants
from kerasapp.verify import files, weights


@pytest.fixture(scope="module")
def predictor(tiny_bundle):
    return kerasapp.load(tiny_bundle.parent)


@pytest.fixture
def copy(tiny_bundle, tmp_path):
    """A version of its own, to damage."""
    return shutil.copytree(tiny_bundle.parent, tmp_path / "1")


def test_nothing_is_wrong_with_an_export(predictor, tiny_bundle):
    assert files.faults(predictor, tiny_bundle.parent) == []


@pytest.mark.parametrize("precision", ["float32", "float16", "dynamic", "int8"])
def test_one_weight_of_a_file_shows(predictor, copy, precision):
    path = copy / "tflite" / f"{precision}.tflite"
    content = bytearray(path.read_bytes())
    largest = max(constants(bytes(content)), key=lambda one: one[1].size)[1]
    # Its bytes in the file: of 8 bits by the integers, whose pattern no other constant has.
    place = _place_of(bytes(content), largest.size, {"float32": 4, "float16": 2}.get(precision, 1))
    content[place] ^= 0x40
    path.write_bytes(content)
    (line,) = weights.of_file(predictor.model, path.name, list(constants(path.read_bytes())))
    assert re.match(rf"tflite/{precision}.tflite: 1 numbers of .* are not those of ", line)


def _place_of(content, size, width):
    """The last byte of a number in the middle of the largest constant of a file."""
    from kerasapp.export import tflite_file

    buffers = [b.data.tobytes() for b in tflite_file._read(content).buffers if b.data is not None]
    data = next(data for data in buffers if len(data) == size * width)
    return content.index(data) + size // 2 * width + width - 1


def test_a_variable_of_a_saved_model_that_is_not_the_models_shows(predictor, copy):
    prefix = str(copy / "variables" / "variables")
    reader = tf.train.load_checkpoint(prefix)
    names = sorted(reader.get_variable_to_dtype_map())
    tensors = [reader.get_tensor(name) for name in names]
    place = next(i for i, name in enumerate(names) if name.startswith("weights/0/"))
    tensors[place] = np.nextafter(tensors[place], np.float32(9))
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), tensors=tensors)
    (line,) = files.faults(predictor, copy)
    assert line == f"variables/: {predictor.model.variables[0].path} is not that of model.keras"


METADATA = {
    "defaults": (["defaults", "temperature"], 0.7, "defaults.temperature is 0.7; the model's is 0.8"),
    "limits": (["limits", "chunk"], 32, "limits.chunk is 32; the model's is 64"),
    "knobs": (["knobs", 0, "most"], 9, "knobs[0].most is 9; the model's is 1000000"),
    "form": (
        ["vocabularies", "vocabulary", "normalisation"],
        "NFKC",
        'normalisation is "NFKC"; the model\'s',
    ),
    "break": (["vocabularies", "vocabulary", "line_break"], 9, "line_break is 9; the model's is"),
    "another vocabulary": (["vocabularies", "vocabulary", "sha256"], "00", 'sha256 is "00"; the model\'s is'),
}


@pytest.mark.parametrize(("keys", "value", "told"), METADATA.values(), ids=METADATA)
def test_metadata_of_a_bundle_are_those_of_the_model(keys, value, told, predictor, copy):
    path = copy / "tflite" / "metadata.json"
    metadata = json.loads(path.read_text("utf-8"))
    entry = metadata
    for key in keys[:-1]:
        entry = entry[key]
    entry[keys[-1]] = value
    path.write_text(json.dumps(metadata), encoding="utf-8")
    (line,) = files.faults(predictor, copy)
    assert line.startswith("tflite/metadata.json: ") and told in line


def test_the_warm_up_requests_are_those_of_the_vectors(predictor, copy):
    path = copy / "assets.extra" / "tf_serving_warmup_requests"
    requests = warmup.read(path)
    assert [name for name, _ in requests] == ["serving_default", "generate", "score"]
    requests[2][1]["text"][1] = b"another text"
    warmup.write(path, "tiny", requests)
    assert files.faults(predictor, copy) == [
        "tf_serving_warmup_requests: request 3, of score, is not that of vectors.json"
    ]
    warmup.write(path, "tiny", requests[1:])
    assert files.faults(predictor, copy)[0].endswith("the first request is not of serving_default")
    path.write_bytes(b"no records at all, and longer than the head of one")
    assert files.faults(predictor, copy)[0].startswith("tf_serving_warmup_requests: ")
    path.unlink()
    assert "no such file" in files.faults(predictor, copy)[0]


def test_the_figure_of_another_checkpoint_shows(predictor, copy):
    path = copy / EXTRA / "figure.json"
    stored = json.loads(path.read_text("utf-8"))
    (value,) = stored["figures"].values()
    assert list(stored["figures"]) == ["nats_per_character"] and files.figure(predictor, copy) is None

    def told(**content):
        path.write_text(json.dumps(content), encoding="utf-8")
        return files.figure(predictor, copy)

    data = stored["data"]
    assert "this is another checkpoint" in told(data=data, figures={"nats_per_character": value * 1.01})
    assert "nats_per_character" in told(data=data, figures={"another": 1.0, "nats_per_character": 0.0})
    assert told(data="others", figures={"nats_per_character": 0.0}) is None  # the data have changed
    assert told(data=data, name="nats_per_character", value=value) is None  # of an older export
    assert "this is another" in told(data=data, name="nats_per_character", value=value * 1.01)
    assert "has no figure" in told(data=data, figures=3)


def test_likelihoods_are_kept_beside_the_figure_that_chose_the_model(reversal_export):
    stored = json.loads((reversal_export / "1" / EXTRA / "figure.json").read_text("utf-8"))
    assert set(stored["figures"]) == {"bleu", "nats_per_token"}
