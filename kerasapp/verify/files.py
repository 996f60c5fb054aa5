"""What stands beside an export's graphs and no answer shows: a bundle's metadata, the warm-up requests, and
the figure of the checkpoint that was exported."""

import json
import tempfile
from pathlib import Path

import numpy as np

from kerasapp.artefact import EXTRA
from kerasapp.errors import ConfigError
from kerasapp.export import bundle, saved_model, warmup
from kerasapp.export.tflite_file import constants
from kerasapp.verify import weights
from kerasapp.verify.measuring import one_line
from pipelines.errors import DataError, shortened

NEAR = 5e-3  # of a figure, that of the same weights on another machine
LEAST = 1e-4  # by which a figure may be another, however small it is


def faults(predictor, version):
    """What is wrong with the files of a version, in lines.

    Args:
        predictor: of the version's `model.keras`.
    """
    version = Path(version)
    found = [*_warm_up(version), *weights.of_saved_model(predictor.model, version)]
    folder = version / bundle.FOLDER
    if (folder / bundle.METADATA).is_file():
        found += [*_metadata(predictor, folder), *_shapes(folder)]
        held, unread = {}, []
        for path in sorted(folder.glob("*.tflite")):
            try:
                held[path.name] = list(constants(path.read_bytes()))
                found += weights.of_file(predictor.model, path.name, held[path.name])
            except Exception as error:  # whatever a parser makes of damaged bytes
                unread.append(f"tflite/{path.name}: its weights cannot be read: {one_line(error)}")
        found += unread or weights.of_rounded(predictor.model, held)
    return found


def figure(predictor, version):
    """What is wrong with the figures that this checkpoint had when the run chose it, or None. Measures them
    again, where the export has them and the data are still there."""
    path = Path(version) / EXTRA / saved_model.FIGURE
    if not path.is_file():
        return None
    task = predictor.task
    try:
        stored = json.loads(path.read_text("utf-8"))
        if task.fingerprint() != stored["data"]:
            return None
        # Older exports have one.
        wanted = stored["figures"] if "figures" in stored else {stored["name"]: stored["value"]}
        found = task.validate(predictor.model)
        for name, value in wanted.items():
            if name in found and abs(found[name] - value) > max(NEAR * abs(value), LEAST):
                told = f"model.keras: {name} of the validation data is {found[name]:.6g}, and was {value:.6g}"
                return f"{told} when the run kept its best model: this is another checkpoint"
    except (ConfigError, DataError, OSError):
        return None
    except (AttributeError, ValueError, KeyError, TypeError) as error:
        return f"{path.name}: has no figure: {error}"
    return None


def _metadata(predictor, folder):
    """Where a bundle's metadata are not those of the export, key by key."""
    told = json.loads((folder / bundle.METADATA).read_text("utf-8"))
    task = predictor.task
    with tempfile.TemporaryDirectory(prefix="kerasapp-verify-") as scratch:
        wanted = bundle.described(task, predictor.model, Path(scratch))
    for place, value, expected in _differences(told, json.loads(json.dumps(wanted)), ""):
        yield f"tflite/{bundle.METADATA}: {place} is {_short(value)}; the model's is {_short(expected)}"


def _shapes(folder):
    """Where the signatures in a bundle's metadata are not those of a file, names or shapes."""
    from kerasapp_lite.engines import open_file

    told = json.loads((folder / bundle.METADATA).read_text("utf-8"))
    for file in (entry["file"] for entry in told["precisions"].values()):
        try:
            opened = open_file(folder / file, "interpreter", 1)
            runners = {name: opened(name) for name in told["signatures"]}
        except (ValueError, RuntimeError, OSError):  # the row of the file tells it
            continue
        for name, runner in runners.items():
            sides = {"inputs": runner.get_input_details(), "outputs": runner.get_output_details()}
            for side, details in sides.items():
                place, one = f"signatures.{name}.{side}", told["signatures"][name][side]
                found = {key: [*map(int, detail["shape"])] for key, detail in details.items()}
                wrong = sorted(one.keys() ^ found.keys())  # names that one of them lacks
                wrong += [key for key in one.keys() & found.keys() if one[key]["shape"] != found[key]]
                for key in wrong:
                    shapes = one.get(key, {}).get("shape"), found.get(key)
                    told_and_found = f"{place}.{key} has the shape {shapes[0]}; {file} has {shapes[1]}"
                    yield f"tflite/{bundle.METADATA}: {told_and_found}"


def _differences(told, wanted, place):
    """(place, value, what is expected) of what two JSON values have both, and differs."""
    if isinstance(told, dict) and isinstance(wanted, dict):
        for key in told.keys() & wanted.keys() - {"help"}:  # older bundles have fewer keys, and other words
            yield from _differences(told[key], wanted[key], f"{place}.{key}".lstrip("."))
    elif isinstance(told, list) and isinstance(wanted, list) and len(told) == len(wanted):
        for i, pair in enumerate(zip(told, wanted, strict=True)):
            yield from _differences(*pair, f"{place}[{i}]")
    elif told != wanted:
        yield place, told, wanted


def _short(value):
    return shortened(json.dumps(value, ensure_ascii=False), 60)


def _warm_up(version):
    """Where the warm-up requests are not those of vectors.json, after one of the default signature."""
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    try:
        found = warmup.read(path)
    except (OSError, ValueError) as error:
        yield f"{path.name}: cannot be read: {error}"
        return
    stored = json.loads((version / EXTRA / "vectors.json").read_text("utf-8"))
    wanted = [(one["signature"], one["inputs"]) for one in stored]
    if not found or found[0][0] != "serving_default":
        yield f"{path.name}: the first request is not of serving_default"
    elif [name for name, _ in found[1:]] != [name for name, _ in wanted]:
        yield f"{path.name}: the requests are not those of vectors.json"
    else:
        first = {name: wanted[0][1][name][-1:] for name in found[0][1] if name in wanted[0][1]}
        wanted = [("serving_default", first), *wanted]
        for number, ((name, one), (_, other)) in enumerate(zip(found, wanted, strict=True)):
            if one.keys() != other.keys() or not all(_same(one[key], other[key]) for key in one):
                yield f"{path.name}: request {number + 1}, of {name}, is not that of vectors.json"


def _same(array, values):
    if array.dtype == object:
        return [text.decode(errors="replace") for text in array.ravel()] == np.ravel(
            np.array(values, object)
        ).tolist()
    return array.shape == np.shape(values) and np.allclose(array, np.asarray(values, array.dtype))
