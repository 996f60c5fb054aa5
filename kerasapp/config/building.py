"""Building a configuration from another one and mappings of keys."""

import dataclasses
import functools
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from kerasapp.config.checks import check, hints, show
from kerasapp.config.presets import config_module
from kerasapp.errors import ConfigError, nearest


def build(config: Any, *sources: Mapping[str, Any]) -> Any:
    """`config` with the keys of each source in turn replaced, types and ranges checked.

    Args:
        config: The configuration to start from, such as `preset("generation", "tinyshakespeare")`.
        *sources: Mappings of dotted keys, `{"training.steps": 100}`, or of sections,
            `{"training": {"steps": 100}}`. If two keys exclude each other, a source that gives one switches
            the other off (`Section.replaces`); a source that gives both is refused.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or is out of range.
    """
    values = flatten(config)
    for source in sources:
        values.update(_with_replaced(checked(source, type(config)), type(config)))
    return type(config)(
        **{
            section: kind(**{name: values[f"{section}.{name}"] for name in hints(kind)})
            for section, kind in sections(type(config)).items()
        }
    )


def checked(source: Mapping[str, Any], config_class: type, section: str | None = None) -> dict[str, Any]:
    """The values of `source` (see `build`) by dotted key, each checked by itself.

    Raises:
        ConfigError: a key is unknown or outside of `section`, or its value is not usable.
    """
    known = {key: hint for key, hint in keys(config_class).items() if section in (None, key.split(".")[0])}
    return {key: check(key, known[key], value) for key, value in _flat_keys(source, known)}


def shape(config: Any) -> dict[str, Any]:
    """The values that a run takes over from the run it starts from: those of the model and the vocabulary."""
    vocabulary = config_module(config.task).VOCABULARY
    return {
        key: value for key, value in flatten(config).items() if key.startswith("model.") or key in vocabulary
    }


def check_same_shape(initial: Any, config: Any) -> None:
    """Raises ConfigError, naming the key, if weights and tokens of the initial run do not fit `config`."""
    if initial.task != config.task:
        raise ConfigError(f"--from: a run of {initial.task}; one of {config.task} is needed")
    before = shape(initial)
    for key, value in shape(config).items():
        if not key.endswith("dropout") and value != before[key]:
            raise ConfigError(
                f"{key}: {show(value)} is not {show(before[key])}, that of the run to start from"
            )


def sections(config_class: type) -> dict[str, type]:
    """The dataclass of each section of a task's configuration, by name."""
    kinds = typing.get_type_hints(config_class)
    return {field.name: kinds[field.name] for field in dataclasses.fields(config_class)}


@functools.cache
def keys(config_class: type) -> dict[str, Any]:
    """The annotation of each dotted key of a task's configuration, such as `training.steps`."""
    return {
        f"{section}.{name}": hint
        for section, kind in sections(config_class).items()
        for name, hint in hints(kind).items()
    }


def flatten(config: Any) -> dict[str, Any]:
    """All values of a configuration by dotted key."""
    return {
        f"{section}.{name}": value
        for section, values in vars(config).items()
        for name, value in vars(values).items()
    }


def _with_replaced(values: dict[str, Any], config_class: type) -> dict[str, Any]:
    """`values` by dotted key, and the values of the keys that they replace (`Section.replaces`)."""
    replaced = {}
    for name, kind in sections(config_class).items():
        for key, others in kind.replaces.items():
            if values.get(f"{name}.{key}") is not None:
                replaced |= {f"{name}.{other}": value for other, value in others.items()}
    return {**replaced, **values}


def _flat_keys(source: Mapping[str, Any], known: Mapping[str, Any], prefix: str = "") -> Iterator:
    section_names = {key.split(".")[0] for key in known}
    for name, value in source.items():
        key = f"{prefix}{name}"
        if key in known:
            yield key, value
        elif key in section_names and isinstance(value, Mapping):
            yield from _flat_keys(value, known, f"{key}.")
        elif key in section_names and value is not None:
            raise ConfigError(
                f"{key}: {show(value)} is not a section with keys such as {nearest(key, known)}"
            )
        elif key not in section_names:
            raise ConfigError(f"{key}: unknown key; the nearest known one is {nearest(key, known)}")
