"""Writes the files that run an export in production: TensorFlow Serving in Docker, Kubernetes and KServe.

The texts are in `templates/`; "@{name}" stands for a value of `template_values`. There is no Docker and no
cluster to try them: tests/test_kerasapp_serving_production_manifests.py checks each against the format of its
reader.
"""

import math
import os
import re
import string
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from kerasapp.artefact import versions
from kerasapp.backend import SERVING
from kerasapp.serving.models.model_config import read_model_config
from kerasapp.serving.protocol.errors import ServingError
from pipelines.atomic import write_text

REWRITTEN = ("models.config", "batching_parameters.txt")

_TEMPLATES = resources.files(__package__).joinpath("templates")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_LONGEST_SLUG = 40  # characters; with the suffixes, names in Kubernetes stay below 63
_PINNED = {"serving_version": f"{SERVING}.0", "prometheus_version": "v3.13.5", "python_version": "3.12.12"}


class _Template(string.Template):
    delimiter = "@"  # compose files and shells have their own $
    idpattern = "(?!)"  # only with braces
    braceidpattern = "[a-z_]+"


def check_name(model: str) -> None:
    """Raises ServingError for a model's name that cannot stand in URLs and configuration files."""
    if not _NAME.fullmatch(model):
        raise ServingError(
            f"{model!r}: production files need a model's name of ASCII letters, digits, '-', '_' and '.'"
        )


def check_folder(folder: Path) -> None:
    """Makes the folder if it is not there; ServingError if files cannot be written to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServingError(f"{folder}: cannot write there: {error.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ServingError(f"{folder}: cannot write there: Permission denied")


def write(
    version: Path, folder: Path, batching: str, report: Callable[[str], None] = lambda line: None
) -> list[Path]:
    """Writes all production files of an exported version, each file atomically.

    The version gets the label `canary`. `stable` stays as it is in the folder's models.config; the first time
    it is the version before, or the only one. The files `REWRITTEN` are replaced. Any other file that differs
    may hold somebody's changes, so it stays, and the new one is put beside it as FILE.new.

    Args:
        version: `.../NAME/NUMBER`.
        folder: where to write; it is made if it is not there.
        batching: the text of batching_parameters.txt (see `kerasapp.serving.production.tuning`).
        report: gets a line per file that was kept.

    Returns:
        The paths written.

    Raises:
        ServingError: the model's name cannot be used, the folder cannot be written to, or its models.config
            is of another model or none.
    """
    values = template_values(version, folder)
    check_folder(folder)
    texts = {
        file.name: _Template(file.read_text("utf-8")).substitute(values) for file in _TEMPLATES.iterdir()
    }
    texts["batching_parameters.txt"] = batching
    written = []
    for name, text in sorted(texts.items()):
        path = folder / name
        if name not in REWRITTEN and path.is_file() and path.read_bytes() != text.encode():
            report(f"{path}: differs and stays as it is; see {name}.new")
            path = folder / f"{name}.new"
        write_text(path, text)
        written.append(path)
    return written


def template_values(version: Path, folder: Path) -> dict[str, object]:
    """What the templates say about a version, by name, with the models.config in `folder`.

    Raises:
        ServingError: as of `write`.
    """
    version = version.resolve()
    model = version.parent.name
    check_name(model)
    canary, known = int(version.name), versions(version.parent)
    before = [number for number in known if number < canary]
    stable = _stable_in(folder / "models.config", model)
    if stable not in known:
        stable = before[-1] if before else canary
    mebibytes = sum(path.stat().st_size for path in version.rglob("*") if path.is_file()) / 2**20
    return {
        "model": model,
        "slug": _slug(model),  # the model's name in Kubernetes
        "stable": stable,
        "canary": canary,
        "versions": "\n".join(f"        versions: {number}" for number in sorted({stable, canary})),
        "models": os.path.relpath(version.parents[1], folder.resolve()),  # the folder above the model's
        "memory": 64 * math.ceil((1024 + 2 * 4 * mebibytes) / 64),  # MiB that a server may use
        "storage": max(1, math.ceil(10 * mebibytes / 1024)),  # GiB of a volume for the versions
        **_PINNED,
    }


def _slug(model: str) -> str:
    """A name by RFC 1035, as Kubernetes requires for a Service: small letters, digits, -, a letter first."""
    slug = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")[:_LONGEST_SLUG].strip("-")
    return slug if slug[:1].isalpha() else f"model-{slug}".strip("-")


def _stable_in(path: Path, model: str) -> int | None:
    """The version that `stable` means in a models.config; None if there is no such file."""
    if not path.is_file():
        return None
    models = read_model_config(path)
    if list(models) != [model]:
        found = ", ".join(models) or "no model"
        raise ServingError(f"{path}: is of {found}, not of {model} alone; give each model its own folder")
    return models[model].labels.get("stable")
