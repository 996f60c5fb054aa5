"""The presets of the tasks, and the contents of each task's configuration module."""

from types import ModuleType

from kerasapp import spec
from kerasapp.errors import ConfigError, nearest


def config_module(task: str) -> ModuleType:
    """The configuration module of a task. Raises: ConfigError for an unknown task.

    It has CONFIG (its dataclass, whose section `data` is a `kerasapp.config.data.DataSection`), PRESETS (name
    -> function, the first is the default; of its docstring the first line is for `--help`, and one line is a
    command that begins with "kerasapp "), and tuples of keys: PATHS (they name files), CUT (the PATHS that
    data.split cuts), VOCABULARY (they define a token or a frame) and optionally REMOVED (keys of earlier
    versions).
    """
    return spec.spec(task).load("config")


def default_preset(task: str) -> str:
    """The name of the preset that `kerasapp train TASK` uses by default."""
    return next(iter(config_module(task).PRESETS))


def preset(task: str, name: str | None = None):
    """The configuration of a preset, by default of the task's default preset.

    Raises:
        ConfigError: no such preset; names the nearest one and lists all.
    """
    presets = config_module(task).PRESETS
    name = default_preset(task) if name is None else name
    if name not in presets:
        for other in spec.names():
            if name in config_module(other).PRESETS:
                raise ConfigError(f"preset {name!r}: is of {other}: kerasapp train {other} --preset {name}")
        raise ConfigError(
            f"unknown preset {name!r} of {task}; did you mean {nearest(name, presets)}? "
            f"(known: {', '.join(presets)})"
        )
    return presets[name]()


def recipe(task: str, name: str) -> str:
    """The command that a preset's docstring gives."""
    lines = map(str.strip, (config_module(task).PRESETS[name].__doc__ or "").splitlines())
    plain = f"kerasapp train {task} --preset {name}"
    return next((line for line in lines if line.startswith("kerasapp ")), plain)
