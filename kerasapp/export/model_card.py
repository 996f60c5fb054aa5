"""The page that describes an exported model."""

import datetime
import importlib.metadata
import json
import os
import platform
import shlex
from importlib import resources

from kerasapp import spec
from kerasapp.artefact import EXTRA
from kerasapp.backend import SERVING
from kerasapp.config.building import flatten
from pipelines.files import SAMPLE

PACKAGES = ("kerasapp", "tensorflow", "keras", "tensorflow-text")
AUDIO = ("tensorflow-io", "soundfile", "soxr", "num2words")  # they read recordings and transcripts
UNKNOWN = "not stated: write it here before you pass the model on"


def text(name, config, model, signatures, folder, metrics, verified=None):
    """The card as Markdown: use, data, metrics, signatures, sizes, versions and the whole configuration of
    the version in `folder`. `verified` is the result of verifying it, as Markdown."""
    task = spec.spec(config.task)
    values = flatten(config)
    data = {key: value for key, value in values.items() if key.startswith("data.") and value}
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    facts = [
        ("parameters", f"{model.count_params():,}"),
        ("size of the SavedModel", f"{size / 1e6:.1f} MB"),
        ("served by", f"TensorFlow Serving {SERVING} or later, `kerasapp serve`"),
        ("signatures", ", ".join(f"`{signature}`" for signature in sorted(signatures))),
    ]
    parts = [
        f"# {name}",
        f"A `{config.task}` model made by kerasapp: to {task.summary}.",
        "## Use",
        _table(("what", "value"), _use(task, values)),
        "## Example",
        f"```\n{_example(name, task)}\n```",
        "## Data",
        _table(("key", "value"), [(f"`{key}`", _named(value)) for key, value in data.items()]),
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
        f"```yaml\n{_configuration(values, folder)}```",
    ]
    return "\n\n".join(parts) + "\n"


def _use(task, values):
    """Rows about what the model is for, and whose words it repeats."""
    samples = sorted({path.removeprefix(SAMPLE) for path in _paths(values) if path.startswith(SAMPLE)})
    licences = [f"of the data {sample}: {_licence(sample)}" for sample in samples]
    yield (
        "intended use",
        f"to {task.summary}, of the kind of the data below; what is unlike them was not tried",
    )
    yield "licence", "; ".join(licences) or UNKNOWN
    yield "language", values.get("data.language") or UNKNOWN
    yield "date", f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"


def _licence(sample):
    """The licence of a text that is shipped, from the list of their sources."""
    blocks = resources.files("pipelines").joinpath("samples/SOURCE.txt").read_text("utf-8").split("\n\n")
    block = next((block for block in blocks if block.startswith(sample)), "")
    lines = [line.strip() for line in block.splitlines()]
    return next((line.removeprefix("licence: ") for line in lines if line.startswith("licence: ")), UNKNOWN)


def _example(name, task):
    """A command, and a request to a server."""
    export = shlex.quote(f"saved_models/{name}")
    lines = [f"kerasapp {task.command} {export} --help"]
    if task.quickstart:
        body = json.dumps(task.quickstart.request, ensure_ascii=False)
        server = f"http://localhost:8501/v1/models/{name}:predict"
        lines += ["kerasapp serve saved_models", f"curl {server} -d {shlex.quote(body)}"]
    return "\n".join(lines)


def _paths(values):
    """The strings among a configuration's data, each alone."""
    for key, value in values.items():
        if key.startswith("data."):
            yield from (
                one for one in (value if isinstance(value, tuple | list) else [value]) if isinstance(one, str)
            )


def _named(value):
    """A value of the configuration, its files by their names alone."""
    if isinstance(value, tuple | list):
        return ", ".join(str(_named(one)) for one in value)
    return os.path.basename(value.rstrip("/")) if isinstance(value, str) and os.path.isabs(value) else value


def _configuration(values, folder):
    """The configuration file, without the folders of the machine that trained."""
    content = (folder / EXTRA / "config.yaml").read_text(encoding="utf-8")
    for path in sorted(filter(os.path.isabs, _paths(values)), key=len, reverse=True):
        content = content.replace(path, _named(path))
    return content


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
