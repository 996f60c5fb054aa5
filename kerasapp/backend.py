"""The Keras backend: TensorFlow, or a clear error before anything strange happens."""

import json
import os
from pathlib import Path

from kerasapp.errors import ConfigError


def require_tensorflow():
    """Raises ConfigError where KERAS_BACKEND or keras.json names another backend than TensorFlow."""
    place = "KERAS_BACKEND"
    backend = os.environ.get(place)
    if not backend:
        home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")  # "~" for who has no home
        place = str(Path(home) / "keras.json")
        try:
            backend = json.loads(Path(place).read_text(encoding="utf-8")).get("backend")
        except (OSError, ValueError, AttributeError):
            return  # Keras ignores a file that it cannot read, too
    if backend and backend != "tensorflow":
        raise ConfigError(f"{place}: the Keras backend is {backend!r}, kerasapp needs 'tensorflow'")
