"""Models that were stored before `RecurrentStack` load, and give what they gave (see old_models/make.py)."""

import io
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import kerasapp.layers.carried
import kerasapp.tasks.generation.model
import kerasapp.tasks.series.model
import kerasapp.tasks.synthesis.model
import kerasapp.tasks.translation.model  # noqa: F401 - they register the classes

FILES = zipfile.ZipFile(Path(__file__).parent / "old_models/models.zip")
NAMES = sorted(name.removesuffix(".keras") for name in FILES.namelist() if name.endswith(".keras"))


def arrays(name, kind):
    """The inputs ("in") or outputs ("out") stored of a model, by name."""
    stored = np.load(io.BytesIO(FILES.read(f"{name}.npz")))
    return {key.removeprefix(f"{kind}_"): stored[key] for key in stored if key.startswith(f"{kind}_")}


def assert_outputs(model, name):
    inputs, expected = arrays(name, "in"), arrays(name, "out")
    found = model(inputs.get("", inputs))
    found = dict(enumerate(found)) if isinstance(found, (list, tuple)) else found
    found = found if isinstance(found, dict) else {"": found}
    assert {str(key) for key in found} == set(expected)
    for key, values in found.items():
        np.testing.assert_allclose(values, expected[str(key)], rtol=1e-5, atol=1e-6, err_msg=str(key))


def test_there_are_models_of_every_task():
    assert {name.split("_")[0] for name in NAMES} == {
        "generation", "series", "translation", "synthesis", "layers", "nested",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_an_old_model_loads_and_is_stored_anew(name, tmp_path):
    (tmp_path / "old.keras").write_bytes(FILES.read(f"{name}.keras"))
    model = keras.models.load_model(tmp_path / "old.keras")
    assert_outputs(model, name)
    model.save(tmp_path / "new.keras")
    assert_outputs(keras.models.load_model(tmp_path / "new.keras"), name)
