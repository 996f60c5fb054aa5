"""The presets of the tasks, and what each task's configuration module holds."""

from types import ModuleType

from kerasapp import spec
from kerasapp.errors import ConfigError, nearest


def config_module(task: str) -> ModuleType:
    """The configuration module of a task.

    It has CONFIG (its dataclass, whose section `data` is a `kerasapp.config.data.DataSection`), PRESETS (name
    -> function, the first is the default), the keys that name files (PATHS), those of them that data.split
    cuts (CUT), those that say what a token or a frame is (VOCABULARY); and, if earlier versions had more
    keys, those (REMOVED).

    Raises: ConfigError for an unknown task.
    """
    return spec.spec(task).load("config")


def default_preset(task: str) -> str:
    """The name of the preset that `kerasapp train TASK` takes where none is named."""
    return next(iter(config_module(task).PRESETS))


def preset(task: str, name: str | None = None):
    """The configuration of a preset, the task's default where no name is given.

    Raises:
        ConfigError: no such preset; names the nearest one and lists all.
    """
    presets = config_module(task).PRESETS
    name = default_preset(task) if name is None else name
    if name not in presets:
        raise ConfigError(
            f"unknown preset {name!r} of {task}; did you mean {nearest(name, presets)}? "
            f"(known: {', '.join(presets)})"
        )
    return presets[name]()


def recipe(task: str, name: str) -> str:
    """The command that a preset's docstring gives."""
    lines = map(str.strip, config_module(task).PRESETS[name].__doc__.splitlines())
    return next(line for line in lines if line.startswith("kerasapp "))
