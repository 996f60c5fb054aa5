"""What a task is: one description per task, without TensorFlow, and the registry of all tasks.

A stage that needs something of a task, such as its command or its model, asks for the description here and
imports, late, the module that it names. So the tasks of kerasapp stand where a task of yours stands.
"""

import importlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kerasapp.errors import ConfigError, nearest
from kerasapp.knobs import Knob

GROUP = "kerasapp.tasks"  # entry points; each names a `TaskSpec`
BUILT_IN = (
    "kerasapp.tasks.generation.spec:SPEC",
    "kerasapp.tasks.translation.spec:SPEC",
    "kerasapp.tasks.synthesis.spec:SPEC",
    "kerasapp.tasks.series.spec:SPEC",
)


class Quickstart(NamedTuple):
    """What `kerasapp quickstart TASK` shows.

    preset: its data are shipped. answers: commands after the training, as words; {run} stands for the run.
    request: what the server is asked, the JSON of `:predict`. minutes: of training; None: the preset's own.
    """

    preset: str
    answers: tuple[tuple[str, ...], ...]
    request: dict
    minutes: float | None = None


class Stream(NamedTuple):
    """How a server gives a text piece by piece (`kerasapp.serving.rest.streaming`).

    signatures: those that an export needs for it. loop: "module:function" of (run, inputs, specs, most),
    which yields lists of what `kerasapp.serving.rest.streamed_text` has; it imports no TensorFlow. many: the
    signature that makes up to `most` tokens in a call; with an export that lacks it, `most` is 1. knobs:
    names of those that a stream takes; None for all.
    """

    signatures: tuple[str, ...]
    loop: str
    many: str
    knobs: tuple[str, ...] | None = None


@dataclass(frozen=True)
class TaskSpec:
    """The description of a task.

    name: as in `kerasapp train NAME`. command: the one that answers. summary: what it does, for `--help`.
    signature: the signature of an export that takes every knob. input: its input that holds what the user
    gives. takes: what that is: "text", or "numbers": arrays [time, columns], with their "lengths" as another
    input. unit: what an answer is counted in, such as "token": `kerasapp verify` shows the time of one.
    knobs: the signature's other inputs. work: the inputs whose product says how much one row asks for: the
    largest value of a number, the bytes of the longest text. A server limits it.
    files: what a run stores in addition to its configuration, such as a tokenizer.
    more_commands: other commands of the task, name -> (summary, module with `main(argv)`).
    evaluation: options of `kerasapp evaluate` for this task; one of the type Path names a file to write.
    modules: stage -> "module" or "module:name", imported when it is needed. Required:
        "config" (see `kerasapp.config.presets`), "task" (a `kerasapp.task.Task`), "answers" (a
        `kerasapp.answers.Answers`), "predictor" (a `kerasapp.task.Predictor`), "command" (`main(argv)`),
        "verify" (see `kerasapp.verify.inputs`). Optional: "tflite" (see
        `kerasapp.export.tflite`), "phone" (a bundle run by `kerasapp_lite`, see `kerasapp.verify.worker`),
        "inspection" (see `kerasapp.inspection.request`).
    """

    name: str
    command: str
    summary: str
    signature: str
    input: str
    unit: str
    knobs: tuple[Knob, ...]
    files: tuple[str, ...]
    modules: Mapping[str, str] = field(hash=False)
    takes: str = "text"
    work: tuple[str, ...] = ()
    evaluation: tuple[Knob, ...] = ()
    quickstart: Quickstart | None = None
    stream: Stream | None = None
    more_commands: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)

    @property
    def defaults(self) -> dict[str, Any]:
        """Name -> value of every knob where a request gives none."""
        return {knob.name: knob.default for knob in self.knobs}

    def knob(self, name: str) -> Knob:
        """The knob of a name."""
        return next(knob for knob in self.knobs if knob.name == name)

    def has(self, stage: str) -> bool:
        """Whether the task has a module for a stage."""
        return stage in self.modules

    def load(self, stage: str) -> Any:
        """The module of a stage, or what the description names in it.

        Raises: ConfigError where the task has none, naming the tasks that have one.
        """
        if not self.has(stage):
            able = ", ".join(other.name for other in specs() if other.has(stage)) or "none"
            raise ConfigError(f"{self.name} has no {stage}; tasks that have one: {able}")
        return resolve(self.modules[stage])


def modules(package: str, *places: str) -> dict[str, str]:
    """Stage -> place, for a package whose modules have the names of their stages: of "config task:Mine" they
    are `package.config`, and `Mine` in `package.task`."""
    return {place.partition(":")[0]: f"{package}.{place}" for place in " ".join(places).split()}


def resolve(place: str) -> Any:
    """The object that "module" or "module:name" names; its module is imported."""
    module, _, name = place.partition(":")
    loaded = importlib.import_module(module)
    return getattr(loaded, name) if name else loaded


_SPECS: dict[str, TaskSpec] = {}


def register(task: TaskSpec) -> None:
    """Makes a task known under its name, in this process; for good: an entry point (see `GROUP`)."""
    _complete()
    _add(task, "register")


def specs() -> list[TaskSpec]:
    """All tasks: those of kerasapp, then those of entry points and those that were registered."""
    _complete()
    return list(_SPECS.values())


def names() -> list[str]:
    """The names of all tasks."""
    return [task.name for task in specs()]


def spec(name: str) -> TaskSpec:
    """The description of a task. Raises: ConfigError for an unknown one, naming the nearest."""
    _complete()
    if not isinstance(name, str) or name not in _SPECS:
        raise ConfigError(
            f"unknown task {name!r}; did you mean {nearest(str(name), _SPECS)}? (known: {', '.join(_SPECS)})"
        )
    return _SPECS[name]


def commands() -> dict[str, tuple[str, str]]:
    """The commands of all tasks: name -> (what it does, "module" with `main(argv)`)."""
    found = {}
    for task in specs():
        found[task.command] = task.summary, task.modules["command"]
        found.update(task.more_commands)
    return found


def of_signatures(signatures) -> TaskSpec | None:
    """The task whose main signature is among those of an export; None for a foreign model."""
    return next((task for task in specs() if task.signature in signatures), None)


def _complete() -> None:
    if _SPECS:
        return
    for place in BUILT_IN:
        _add(resolve(place), place)
    for point in importlib.metadata.entry_points(group=GROUP):
        try:
            _add(point.load(), f"the entry point {point.name}")
        except (ImportError, AttributeError) as error:
            raise ConfigError(f"the task {point.name} ({point.value}) cannot be imported: {error}") from error


def _add(task: TaskSpec, place: str) -> None:
    if not isinstance(task, TaskSpec):
        raise ConfigError(f"{place}: expected a kerasapp.spec.TaskSpec, not {type(task).__name__}")
    for other in _SPECS.values():
        for key in ("name", "command", "signature"):
            if getattr(task, key) == getattr(other, key):
                raise ConfigError(
                    f"{place}: the task {other.name} has the {key} {getattr(other, key)!r} already"
                )
    _SPECS[task.name] = task
