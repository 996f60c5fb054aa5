"""Bundles that are refused."""

import hashlib
import json

import pytest

from kerasapp_lite.bundle import Bundle, BundleError


@pytest.fixture
def folder(tmp_path):
    """A bundle whose model is no model, but has the right checksum."""
    (tmp_path / "float32.tflite").write_bytes(b"no model")
    digest = hashlib.sha256(b"no model").hexdigest()
    write(tmp_path, precisions={"float32": {"file": "float32.tflite", "sha256": digest}})
    return tmp_path


def write(folder, **changed):
    metadata = {
        "format": 1,
        "task": "generation",
        "states": [],
        "signatures": {},
        "precisions": {},
        **changed,
    }
    (folder / "metadata.json").write_text(json.dumps(metadata))


def reason(folder, **arguments):
    with pytest.raises(BundleError) as caught:
        Bundle(folder, **arguments)
    return str(caught.value)


def test_bundle_names_what_is_wrong(folder):
    assert "LiteRT cannot load it" in reason(folder)
    assert "has no int8; there is float32" in reason(folder, precision="int8")
    assert reason(folder, task="synthesis").endswith(": is a bundle of generation, not of synthesis")
    (folder / "float32.tflite").write_bytes(b"no  model")
    assert "float32.tflite: is damaged" in reason(folder)
    (folder / "float32.tflite").unlink()
    assert "float32.tflite: cannot be read: No such file" in reason(folder)
    write(folder, format=2)
    assert "has format 2" in reason(folder)
    (folder / "metadata.json").write_text("[]")
    assert "is not the metadata of a bundle" in reason(folder)
    assert "metadata.json: cannot be read" in reason(folder / "none")
