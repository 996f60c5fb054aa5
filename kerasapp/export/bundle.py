"""The bundle of a version, `tflite/`: files for a phone, and the metadata that a runtime needs.

docs/mobile.md describes its format; `lite/` is a runtime for it.
"""

import hashlib
import importlib.metadata
import json

from sentencepiece import sentencepiece_model_pb2

from kerasapp.export import tflite
from kerasapp.export.tflite_parts import input_specs
from pipelines.text.special import IDS

FORMAT = 1
FOLDER = "tflite"
METADATA = "metadata.json"
CHECKSUM = "metadata.sha256"  # of metadata.json, as sha256sum writes it


def write(task, model, servable, precisions, folder, name):
    """Writes a bundle.

    Args:
        task: the task that built the model.
        model: the serving model (see `Task.serving_model`).
        servable: its servable, for the test vectors.
        precisions: some of `kerasapp.export.precisions.PRECISIONS`.
        folder: the bundle's folder; it must not exist.
        name: the model's name.

    Raises: ConfigError if a file cannot be made (see `tflite.convert`).
    """
    folder.mkdir()
    graphs = task.described().load("tflite")
    files, functions = tflite.convert(task, model, precisions, folder)
    about = described(task, model, folder)
    content = {"format": FORMAT, "task": task.name, "vectors": graphs.vectors(servable)}
    (folder / "vectors.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    metadata = {
        "format": FORMAT,
        "task": task.name,
        "name": name,
        "version": None,  # `stamp` knows it
        "checksum": CHECKSUM,
        "made_with": {p: importlib.metadata.version(p) for p in ("kerasapp", "tensorflow")},
        "precisions": {p: {**_entry(folder / entry.pop("file")), **entry} for p, entry in files.items()},
        "signatures": {key: _signature(function) for key, function in functions.items()},
        "vectors": _entry(folder / "vectors.json"),
        **about,
    }
    _write(folder, metadata)


def described(task, model, folder):
    """What the metadata have of a model beside its files' checksums. Writes the vocabularies to `folder`."""
    about, graphs = task.described(), task.described().load("tflite")
    knobs = [knob for knob in about.knobs if knob.on_phone]
    return {
        "states": getattr(model, "state_names", []),  # a plain Keras model has none
        "ids": IDS,
        "vocabularies": _write_vocabularies(graphs.tokenizers(task), folder),
        "command": about.command,
        "input": about.input,
        "knobs": [knob.described() for knob in knobs],
        "defaults": {knob.name: knob.default for knob in knobs},
        **graphs.description(task, model),  # its own keys, and knobs with other limits
    }


def stamp(folder, version):
    """Writes a version's number into the metadata of the bundle in its folder, if there is one."""
    folder = folder / FOLDER
    if (folder / METADATA).is_file():
        _write(folder, {**json.loads((folder / METADATA).read_text("utf-8")), "version": version})


def _write(folder, metadata):
    """Writes metadata.json and its checksum."""
    text = json.dumps(metadata, indent=1, ensure_ascii=False) + "\n"
    (folder / METADATA).write_text(text, encoding="utf-8")
    digest = _entry(folder / METADATA)["sha256"]
    (folder / CHECKSUM).write_text(f"{digest}  {METADATA}\n", encoding="utf-8")


def _entry(file):
    content = file.read_bytes()
    return {"file": file.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _signature(function):
    """Shapes and types of a concrete function's inputs and outputs."""
    sides = {"inputs": input_specs(function), "outputs": function.structured_outputs}
    return {
        side: {key: {"shape": spec.shape.as_list(), "dtype": spec.dtype.name} for key, spec in specs.items()}
        for side, specs in sides.items()
    }


def _write_vocabularies(tokenizers, folder):
    """Writes the files of each tokenizer once, name -> tokenizer; returns name -> its entry."""
    entries, written = {}, {}
    for name, tokenizer in tokenizers.items():
        key = tokenizer.fingerprint()
        if key not in written:
            written[key] = _write_vocabulary(tokenizer, name, folder)
        entries[name] = written[key]
    return entries


def _write_vocabulary(tokenizer, name, folder):
    file = folder / f"{name}.json"
    entry = {"kind": tokenizer.kind, "size": tokenizer.size, "normalisation": tokenizer.normalisation}
    if tokenizer.kind == "characters":
        content = {"characters": list(tokenizer.characters)}
    else:
        model = folder / f"{name}.model"
        model.write_bytes(tokenizer.model)
        content = _pieces(tokenizer.model)
        entry["sentencepiece"] = _entry(model)
    file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return {**_entry(file), **entry, "line_break": tokenizer.line_break_id}


def _pieces(model):
    """The pieces of a SentencePiece model: [piece, score, type] of each id."""
    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    kinds = sentencepiece_model_pb2.ModelProto.SentencePiece.Type
    algorithms = sentencepiece_model_pb2.TrainerSpec.ModelType
    return {
        "model_type": algorithms.Name(proto.trainer_spec.model_type).lower(),
        "pieces": [[piece.piece, piece.score, kinds.Name(piece.type).lower()] for piece in proto.pieces],
    }
