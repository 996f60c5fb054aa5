"""Models that cannot be loaded are told in one line."""

import keras
import pytest

import kerasapp
from kerasapp.config import parsing
from kerasapp.config.presets import preset
from kerasapp.errors import ConfigError
from pipelines.text.tokenizers import CharacterTokenizer


@pytest.fixture
def folder(tmp_path):
    """A run whose model is whole, though not one of the task."""
    parsing.save(preset("generation", "tinyshakespeare"), tmp_path / "config.yaml")
    CharacterTokenizer("ab\n").save(tmp_path / "tokenizer.json")
    keras.Sequential([keras.layers.Input([2]), keras.layers.Dense(1)]).save(tmp_path / "best.keras")
    return tmp_path


@pytest.mark.parametrize("place", [0.02, 0.5, None], ids=["at its beginning", "in the middle", "cut off"])
def test_a_damaged_model_is_one_line(folder, place):
    path = folder / "best.keras"
    content = bytearray(path.read_bytes())
    if place is None:
        del content[len(content) // 2 :]
    else:
        content[int(place * len(content))] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        kerasapp.load(folder)
    assert str(caught.value).startswith(f"{path}: cannot load the model: ")
    assert "\n" not in str(caught.value)
