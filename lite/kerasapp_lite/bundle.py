"""A bundle: a folder with `metadata.json`, the .tflite files, vocabularies and test vectors."""

import hashlib
import json
from pathlib import Path

import numpy as np

from kerasapp_lite import knobs, vocabulary
from kerasapp_lite.engines import ENGINES, open_file

FORMAT = 1
PREFERRED = ("float32", "float16", "dynamic", "int8")  # where none is asked for, the first that is there


class BundleError(ValueError):
    """The folder is no bundle, or damaged; the message is one line."""


def read_metadata(folder, task=None):
    """The content of a bundle's metadata.json.

    Args:
        folder, task: see `Bundle`.

    Raises: BundleError.
    """
    path = Path(folder) / "metadata.json"
    try:
        content = path.read_bytes()
        metadata = json.loads(content)
        found = metadata["format"]
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise BundleError(f"{path}: is not the metadata of a bundle") from None
    if found != FORMAT:
        raise BundleError(f"{path}: has format {found}; this version of kerasapp-lite reads {FORMAT}")
    if "checksum" in metadata:  # a bundle made before metadata.json had one names none
        _compare(path, content, metadata["checksum"])
    if task not in (None, metadata["task"]):
        command = f"; its command is {metadata['command']}" if "command" in metadata else ""
        raise BundleError(f"{folder}: is a bundle of {metadata['task']}, not of {task}{command}")
    return metadata


def _compare(path, content, file):
    """Raises BundleError where `content`, of `path`, has another checksum than `file`, of sha256sum, says."""
    checksum = path.with_name(file)
    try:
        told = checksum.read_text("utf-8").split()[:1]
    except OSError as error:
        raise BundleError(f"{checksum}: cannot be read: {error.strerror}") from None
    except ValueError:
        told = []
    if told != [hashlib.sha256(content).hexdigest()]:
        raise BundleError(f"{path}: is damaged: its SHA-256 is not that of {file}")


class Bundle:
    """An opened bundle. Every file that is read is compared with its checksum first.

    Args:
        folder: the `tflite` folder of a version.
        precision: "float32", "float16", "dynamic" or "int8"; None for the first of these that is there.
        task: the name of the task that is expected, such as "generation"; None for any.
        threads: that a signature may use.
        engine: of LiteRT, "interpreter" or "compiled" (see `kerasapp_lite.engines`).

    Attributes:
        metadata: the content of metadata.json. knobs: list of `Knob`. states: the states' names, in order.

    Raises: BundleError.
    """

    def __init__(self, folder, precision=None, task=None, threads=1, engine="interpreter"):
        self.folder = Path(folder)
        self.metadata = read_metadata(folder, task)
        self.knobs = knobs.read(self.metadata)
        precisions = self.metadata["precisions"]
        self.precision = precision or next((name for name in PREFERRED if name in precisions), None)
        if self.precision not in precisions:
            raise BundleError(f"{folder}: has no {self.precision}; there is {', '.join(precisions)}")
        self.states = self.metadata["states"]
        self._signature = self._open(precisions[self.precision], engine, threads)

    def signature(self, name):
        """A function of the model: arrays by name -> arrays by name, states in and out. Each call gives new
        arrays."""
        return self._signature(name)

    def shape(self, signature, name):
        """The shape of a signature's input."""
        return self.metadata["signatures"][signature]["inputs"][name]["shape"]

    def zeros(self, signature, names):
        """Zeros for inputs of a signature, name -> float32 array."""
        return {name: np.zeros(self.shape(signature, name), np.float32) for name in names}

    def vocabulary(self, name):
        """The `Vocabulary` of a name: "vocabulary", or "source" and "target" of a translation."""
        entry = self.metadata["vocabularies"][name]
        return vocabulary.load(self._checked(entry), entry["normalisation"])

    def _open(self, entry, engine, threads):
        if engine not in entry.get("engines", ENGINES):  # a bundle made before engines were told names none
            raise BundleError(f"{self.folder}: {self.precision} does not run in the engine {engine!r}")
        path = self._checked(entry)
        try:
            return open_file(path, engine, threads)
        except (ValueError, RuntimeError) as error:
            raise BundleError(f"{path}: LiteRT cannot load it: {str(error).splitlines()[0]}") from None

    def _checked(self, entry):
        """The path of a file that has the checksum in `entry`."""
        path = self.folder / entry["file"]
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BundleError(f"{path}: cannot be read: {error.strerror}") from None
        if found != entry["sha256"]:
            raise BundleError(f"{path}: is damaged: its SHA-256 is not that of metadata.json")
        return path
