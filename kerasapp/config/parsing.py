"""Configuration files: strict reading, writing, and what makes two runs different."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# yaml is imported where it is used, as it takes long.
from kerasapp import spec
from kerasapp.config.building import build, checked, flatten
from kerasapp.config.checks import show
from kerasapp.config.presets import config_module, preset, recipe
from kerasapp.errors import ConfigError
from pipelines.atomic import write_text

# Keys that change neither the weights nor their meaning: a run may be resumed with other values of them.
NOT_COMPARED = {
    "data.cache",
    "training.save_seconds",
    "training.overwrite",
    "training.callbacks",
    "audio.griffin_lim_iterations",
    "audio.griffin_lim_momentum",
}


def require_data(config: Any, name: str | None = None) -> None:
    """Raises ConfigError where the data to read is not given, with the recipe of preset `name` if any."""
    module = config_module(config.task)
    key = config.data.missing
    if key is not None:
        advice = f"; preset {name} ships none: {recipe(config.task, name)}" if name in module.PRESETS else ""
        raise ConfigError(f"{key}: required, the data to learn from{advice}")


def override(config: Any, keys: Mapping[str, Any], section: str | None = "data") -> Any:
    """`config` with some keys replaced, as `kerasapp evaluate RUN --data.files X` does.

    Args:
        config: The configuration of a run.
        keys: The keys and their values, as `build` takes them.
        section: The only section whose keys may be given; None allows all.

    Raises:
        ConfigError: a key is unknown, or its value is not usable.
    """
    return build(config, checked(keys, type(config), section))


def save(config: Any, path: str | os.PathLike) -> None:
    """Writes the complete configuration as YAML, which `load` and `--config` read; atomic."""
    import yaml

    nested = {"task": config.task} | {
        section: {
            name: list(value) if isinstance(value, tuple) else value for name, value in vars(values).items()
        }
        for section, values in vars(config).items()
    }
    # A wish of the command that started the run: a copy of the file must not delete a run.
    nested["training"]["overwrite"] = False
    write_text(path, yaml.safe_dump(nested, sort_keys=False, allow_unicode=True, width=110))


def load(path: str | os.PathLike) -> Any:
    """The configuration in a file that `save` wrote; keys left out are those of the task's default preset.

    Raises:
        ConfigError: the file cannot be read, or a key or a value in it is not usable; names file and key.
    """
    task, keys = read_yaml(path)
    with _naming(path):
        return build(preset(task), keys)


def differing_keys(old: Any, new: Any) -> list[str]:
    """What makes two configurations two different runs, as lines `key: old -> new`.

    Keys that do not change what is learned (NOT_COMPARED) are left out.
    """
    before, after = flatten(old), flatten(new)
    return [
        f"{key}: {show(before.get(key))} -> {show(after.get(key))}"
        for key in {**before, **after}
        if key not in NOT_COMPARED and before.get(key) != after.get(key)
    ]


def read_yaml(path: str | os.PathLike, task: str | None = None) -> tuple[str, dict[str, Any]]:
    """The task and the checked dotted keys of a file; without an expected `task`, the file must name one."""
    with _naming(path):
        source = _parse_yaml(path)
        named = source.pop("task", task)
        if named is None:
            raise ConfigError(f"task: required, one of {', '.join(spec.names())}")
        if task not in (None, named):
            raise ConfigError(f"task: {show(named)} is not {show(task)}, the task asked for")
        module = config_module(named)
        for section, name in (key.split(".") for key in getattr(module, "REMOVED", ())):
            if isinstance(source.get(section), dict):
                source[section].pop(name, None)
        return named, checked(source, module.CONFIG)


def _parse_yaml(path: str | os.PathLike) -> dict[str, Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node, deep=False):
            seen = set()
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in seen:  # PyYAML would silently take the last
                    raise ConfigError(f"line {key.start_mark.line + 1}: {show(key.value)} is given twice")
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    try:
        source = yaml.load(Path(path).read_text(encoding="utf-8"), Loader)
    except OSError as error:
        raise ConfigError(error.strerror) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"byte {error.start}: not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"line {error.problem_mark.line + 1}: not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(source, dict | None):
        raise ConfigError(f"{show(source)} is not a mapping of keys to values")
    return {str(key): value for key, value in (source or {}).items()}


@contextlib.contextmanager
def _naming(path: str | os.PathLike) -> Iterator[None]:
    """Puts the file's name in front of the message of any ConfigError."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{os.fspath(path)}: {error}") from None
