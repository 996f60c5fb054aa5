"""What a version knows of its folder once it is loaded."""

import os

import pytest
import tensorflow as tf

from kerasapp.serving.models.versions import Version


class Same(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def serve(self, x):
        return {"y": x}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "same" / "1"
    module = Same()
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    (folder / "assets.extra" / "kerasapp").mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("audio:\n  f_min: 50\n", {"audio": {"f_min": 50}}),
        ("a: [", None),
        (b"\xff", None),
        (None, None),
        ("a pipe", None),
    ],
)
def test_the_settings_of_an_export_are_read_when_it_is_loaded(folder, text, settings):
    """Not at each look at the page, and never from a pipe, which may not end."""
    config = folder / "assets.extra" / "kerasapp" / "config.yaml"
    config.unlink(missing_ok=True)
    if text == "a pipe":
        os.mkfifo(config)
    elif text is not None:
        config.write_bytes(text if isinstance(text, bytes) else text.encode())
    version = Version("same", 1, folder)
    assert version.load() and version.settings == settings
