"""Keras loads what kerasapp has stored, once kerasapp is imported."""

import importlib
import os
import pkgutil
import subprocess
import sys

import keras
import numpy as np
import pytest

import kerasapp
from kerasapp.keras_classes import CLASSES, StandIn

LOAD = """
{imports}
import sys, numpy as np
assert "kerasapp.layers.recurrent" not in sys.modules
for path in sys.argv[1:-1]:
    model = keras.models.load_model(path)
    np.savez(f"{{sys.argv[-1]}}/{{type(model).__name__}}", *model.get_weights())
"""


@pytest.mark.parametrize("imports", ["import keras, kerasapp", "import kerasapp; import keras"])
def test_the_best_model_of_every_task_loads(imports, tmp_path, tiny_run, reversal_run, speech_run, wave_run):
    runs = [tiny_run, reversal_run, speech_run, wave_run]
    words = [*(str(run / "best.keras") for run in runs), str(tmp_path)]
    code = LOAD.format(imports=imports)
    subprocess.run([sys.executable, "-c", code, *words], check=True, env=dict(os.environ))
    for run in runs:
        model = kerasapp.load(run).model
        with np.load(tmp_path / f"{type(model).__name__}.npz") as found:
            for weight, name in zip(model.get_weights(), found.files, strict=True):
                np.testing.assert_array_equal(found[name], weight)


def test_a_layer_in_a_model_of_ones_own_loads(tmp_path):
    from kerasapp.layers.recurrent import GRU

    inputs = keras.Input([None, 3])
    model = keras.Model(inputs, GRU(4, return_sequences=True, return_state=True)(inputs)[0])
    model.save(tmp_path / "mine.keras")
    x = np.random.default_rng(0).normal(size=[2, 5, 3]).astype("float32")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import numpy as np, keras, kerasapp, sys\n"
        "model = keras.models.load_model(sys.argv[1] + '/mine.keras')\n"
        "np.save(sys.argv[1] + '/y.npy', model(np.load(sys.argv[1] + '/x.npy')))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=dict(os.environ))
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model(x), rtol=1e-6)


def test_importing_kerasapp_imports_neither_keras_nor_tensorflow():
    code = "import sys, kerasapp; assert not {'keras', 'tensorflow', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))


def test_every_registered_class_has_its_stand_in():
    for module in pkgutil.walk_packages(kerasapp.__path__, "kerasapp."):
        if module.name.startswith(("kerasapp.layers.", "kerasapp.tasks.")):
            importlib.import_module(module.name)
    known = keras.saving.get_custom_objects().items()
    found = {
        (kind.__module__, name.partition(">")[2]) for name, kind in known if name.startswith("kerasapp>")
    }
    assert found == {(module, name) for module, names in CLASSES.items() for name in names.split()}
    assert not any(isinstance(kind, StandIn) for _, kind in known)
