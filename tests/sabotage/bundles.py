"""Breaks bundles for phones: their files, their metadata, and the runtime that reads them."""

import json
import shutil
from pathlib import Path

import numpy as np


def metadata(change):
    """A way to break metadata.json: `change` is a function that changes the dict."""

    def how(copy):
        edit(copy.bundle / "metadata.json", change)

    return how


def edit(path, change):
    """Changes a JSON file in place."""
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def put(*keys, value):
    """A way to break metadata.json: another value for a key, given from the outside in. A function makes the
    value of the one there."""

    def change(content):
        for key in keys[:-1]:
            content = content[key]
        assert keys[-1] in content if isinstance(content, dict) else keys[-1] < len(content)
        new = value(content[keys[-1]]) if callable(value) else value
        assert new != content[keys[-1]], f"{keys}: {new} is what stands there"
        content[keys[-1]] = new

    return metadata(change)


def knob(name, key, value):
    """A way to break metadata.json: another value for a key of a knob, in `defaults` too."""

    def change(content):
        (found,) = (one for one in content["knobs"] if one["name"] == name)
        assert found[key] != value
        found[key] = value
        if key == "default":
            content["defaults"][name] = value

    return metadata(change)


def vocabulary(change, name="vocabulary"):
    """A way to break a vocabulary: `change` is a function that changes the list of characters."""

    def how(copy):
        file = json.loads((copy.bundle / "metadata.json").read_text("utf-8"))["vocabularies"][name]["file"]
        edit(copy.bundle / file, lambda content: change(content["characters"]))

    return how


def swapped(a, b):
    """A function that swaps two entries of a list: by place, or by value."""

    def change(entries):
        i, j = (one if isinstance(one, int) else entries.index(one) for one in (a, b))
        entries[i], entries[j] = entries[j], entries[i]

    return change


def weights(precision, change, least=64):
    """A way to break the weights of a .tflite file.

    Args:
        change: function (array, place) of each constant of at least `least` numbers, the largest first: its
            new values.
    """

    def how(copy):
        rewrite(copy.bundle / f"{precision}.tflite", change, least)

    return how


TYPES = {0: np.float32, 1: np.float16, 9: np.int8}  # of `tflite.TensorType`


def rewrite(path, change, least):
    """Changes the constants of a .tflite file in place; see `weights`."""
    from tensorflow.lite.tools import flatbuffer_utils

    content, model = bytearray(path.read_bytes()), flatbuffer_utils.read_model(str(path))
    found = {}  # the place in the file -> array
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if data is None or tensor.type not in TYPES:
                continue
            array = np.frombuffer(np.asarray(data, np.uint8).tobytes(), TYPES[tensor.type])
            if array.size >= least and len(np.unique(array)) > 2:  # not a mask
                found[content.find(array.tobytes())] = array
    assert found and -1 not in found
    for place, start in enumerate(sorted(found, key=lambda start: -found[start].nbytes)):
        new = change(found[start].copy(), place).astype(found[start].dtype).tobytes()
        content[start : start + len(new)] = new
    path.write_bytes(content)


def at_random(array, place):
    """Numbers at random, as large as the weights."""
    draw = np.random.default_rng(place)
    if array.dtype == np.int8:
        return draw.integers(-127, 128, array.shape).astype(np.int8)
    return draw.normal(0.0, array.astype(np.float64).std() or 1.0, array.shape)


def one_weight(array, place):
    """One weight of the largest constant is another: off by the widest of them."""
    if not place:
        flat = array.reshape(-1)
        middle = flat.size // 2
        flat[middle] = -np.sign(flat[middle] or 1) * np.abs(flat).max()
    return array


def turned(array, place):
    """The largest array has the other sign."""
    return -array if not place else array


def faded(array, place):
    """All weights are a tenth of what they were."""
    return array / 10


def files(*names, source="other"):
    """A way to break a version: these files and folders are those of the other checkpoint; for a pair, the
    first is the version's own file named second."""

    def how(copy):
        for name in names:
            new, old = name if isinstance(name, tuple) else (name, name)
            origin = (copy.version if source == "own" else copy.other) / old
            if origin.is_dir():
                shutil.rmtree(copy.version / new)
                shutil.copytree(origin, copy.version / new)
            else:
                shutil.copyfile(origin, copy.version / new)

    return how


CHECKPOINTS = (
    ("SavedModel: of another checkpoint", files("variables", "saved_model.pb"), ("saved_model",)),
    ("model.keras: of another checkpoint", files("assets.extra/kerasapp/model.keras"), ("keras",)),
    (
        "model.keras, SavedModel, vectors and bundle: all of another checkpoint",
        files(
            "assets.extra/kerasapp/model.keras", "assets.extra/kerasapp/vectors.json", "variables",
            "saved_model.pb", "tflite",
        ),
        ("keras",),
        "",
    ),
)  # fmt: skip
"""Rows of `saboteurs` for every task: files of another checkpoint among those of this one."""


def package(name, file, old, new):
    """A way to break a runtime: a copy of a package in which `old`, once in a file, is `new`."""

    def how(copy):
        import importlib

        source = Path(importlib.import_module(name).__file__).parent
        folder = copy.version.parent.parent / "packages"
        if not (folder / name).exists():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            copy.paths.append(folder)
        path = folder / name / file
        text = path.read_text("utf-8")
        assert text.count(old) == 1, f"{file}: {old!r} is there {text.count(old)} times"
        path.write_text(text.replace(old, new), encoding="utf-8")

    return how


def lite(file, old, new):
    """A way to break kerasapp_lite; see `package`."""
    return package("kerasapp_lite", file, old, new)


def both(*ways):
    """One way after the other."""

    def how(copy):
        for way in ways:
            way(copy)

    return how
