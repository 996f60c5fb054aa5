"""The tasks and their presets: one line for each task."""

import difflib
from collections.abc import Iterable
from types import ModuleType

from kerasapp.errors import ConfigError
from kerasapp.tasks.generation import config as generation
from kerasapp.tasks.series import config as series
from kerasapp.tasks.synthesis import config as synthesis
from kerasapp.tasks.translation import config as translation

# Each module has CONFIG (its dataclass), PRESETS (name -> function, the first is the default), the keys that
# name files (PATHS), those of them that data.split cuts (CUT), those that say what a token or a frame is
# (VOCABULARY); and the functions missing(), check_trainable() and default_split().
TASKS: dict[str, ModuleType] = {
    "generation": generation,
    "translation": translation,
    "synthesis": synthesis,
    "series": series,
}


def task_module(task: str) -> ModuleType:
    """The configuration module of a task; an unknown task is a ConfigError."""
    if not isinstance(task, str) or task not in TASKS:
        raise ConfigError(f"unknown task {task!r}; {nearest(str(task), TASKS)} is known ({', '.join(TASKS)})")
    return TASKS[task]


def default_preset(task: str) -> str:
    """The name of the preset that `kerasapp train TASK` takes where none is named."""
    return next(iter(task_module(task).PRESETS))


def preset(task: str, name: str | None = None):
    """The configuration of a preset, the task's default where no name is given.

    Raises:
        ConfigError: no such preset; names the nearest one and lists all.
    """
    presets = task_module(task).PRESETS
    name = default_preset(task) if name is None else name
    if name not in presets:
        raise ConfigError(
            f"unknown preset {name!r} of {task}; did you mean {nearest(name, presets)}? "
            f"(known: {', '.join(presets)})"
        )
    return presets[name]()


def recipe(task: str, name: str) -> str:
    """The command that a preset's docstring gives."""
    lines = map(str.strip, task_module(task).PRESETS[name].__doc__.splitlines())
    return next(line for line in lines if line.startswith("kerasapp "))


def nearest(word: str, known: Iterable[str]) -> str:
    """The known name that looks most like `word`; of dotted names the last part counts most."""

    def likeness(name: str) -> float:
        tail, name_tail = word.rpartition(".")[2], name.rpartition(".")[2]
        initials = "".join(part[:1] for part in name_tail.split("_"))  # lr is learning_rate
        pairs = ((word, name), (tail, name_tail), (tail, initials))
        return sum(difflib.SequenceMatcher(None, *pair).ratio() for pair in pairs)

    return max(known, key=likeness)
