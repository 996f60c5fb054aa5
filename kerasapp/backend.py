"""TensorFlow, in one version and as the backend of Keras, or a clear error before anything happens."""

import importlib.metadata
import json
import os
from pathlib import Path

from kerasapp.errors import ConfigError

SERVING = (
    "2.20"  # an export is made for this TensorFlow Serving and later ones, whichever TensorFlow makes it
)
TOGETHER = ("tensorflow", "tensorflow-text", "tensorflow-serving-api")  # always on one minor version


def require_tensorflow():
    """Raises ConfigError where TensorFlow's packages are of several minor versions, or where KERAS_BACKEND or
    keras.json names another backend."""
    _require_one_version()
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


def _require_one_version():
    """Operations of tensorflow-text work in the TensorFlow that they were built for, and in no other."""
    found = {}
    for package in TOGETHER:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # a variant of another name, such as tensorflow-cpu, or an import that will say more
    minors = {package: ".".join(version.split(".")[:2]) for package, version in found.items()}
    if len(set(minors.values())) > 1:
        installed = ", ".join(f"{package} {version}" for package, version in found.items())
        minor = next(iter(minors.values()))
        wanted = " ".join(f"'{package}=={minor}.*'" for package in found)
        raise ConfigError(
            f"{installed}: kerasapp needs all of one minor version; install them by: pip install {wanted}"
        )
