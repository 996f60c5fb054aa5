"""The page that describes an exported model."""

import importlib.metadata
import platform

from kerasapp import spec
from kerasapp.artefact import EXTRA
from kerasapp.config.building import flatten

PACKAGES = ("kerasapp", "tensorflow", "keras", "tensorflow-text")
AUDIO = ("tensorflow-io", "soundfile", "soxr", "num2words")  # they read recordings and transcripts


def text(name, config, model, signatures, folder, metrics, verified=None):
    """The card as Markdown: data, metrics, signatures, sizes, versions and the whole configuration of the
    version in `folder`. `verified` is the result of verifying it, as Markdown."""
    task = spec.spec(config.task)
    data = {key: value for key, value in flatten(config).items() if key.startswith("data.") and value}
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    facts = [
        ("parameters", f"{model.count_params():,}"),
        ("size of the SavedModel", f"{size / 1e6:.1f} MB"),
        ("signatures", ", ".join(f"`{signature}`" for signature in sorted(signatures))),
    ]
    parts = [
        f"# {name}",
        f"A `{config.task}` model made by kerasapp.",
        "## Data",
        _table(("key", "value"), [(f"`{key}`", value) for key, value in data.items()]),
        "## Metrics",
        _table(("metric", "value"), metrics.items()) if metrics else "None were recorded with this export.",
        "## Model",
        _table(("what", "value"), facts),
        f"## What `{task.signature}` takes",
        _table(("input", "default", "range", "what it does"), _inputs(task)),
        *(["## Verified", verified] if verified else []),
        "## Made with",
        _table(("package", "version"), [("Python", platform.python_version()), *_versions(config)]),
        "## Configuration",
        f"```yaml\n{(folder / EXTRA / 'config.yaml').read_text(encoding='utf-8')}```",
    ]
    return "\n\n".join(parts) + "\n"


def _inputs(task):
    yield f"`{task.input}`", "", "", f"{task.takes}, one per row"
    for knob in task.knobs:
        limits = knob.range if knob.least is not None else "any text"
        yield f"`{knob.name}`", f"`{knob.default!r}`", limits, knob.help


def _versions(config):
    packages = PACKAGES + (AUDIO if hasattr(config, "audio") else ())
    return [(package, importlib.metadata.version(package)) for package in packages]


def _table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)
