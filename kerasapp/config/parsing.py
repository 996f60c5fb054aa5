"""Strict parsing: a configuration from a preset, a YAML file and flags, the later replacing the earlier."""

import contextlib
import dataclasses
import itertools
import os
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# jsonargparse, docstring_parser and yaml are imported where they are used, as they take the longest.
from kerasapp import spec
from kerasapp.config.building import build, check_same_shape, checked, flatten, keys, sections, shape
from kerasapp.config.checks import check, hints, limits_of, plain, show
from kerasapp.config.presets import config_module, default_preset, preset, recipe
from kerasapp.errors import ConfigError, nearest
from pipelines.atomic import write_text

# Keys that change neither the weights nor their meaning, so a run goes on with other values of them.
NOT_COMPARED = {"data.cache", "training.save_seconds", "training.overwrite", "training.callbacks"}
NOT_COMPARED |= {"audio.griffin_lim_iterations", "audio.griffin_lim_momentum"}


# === Flags ===


def parser(task: str, name: str | None = None):
    """The parser of `kerasapp train TASK`: every key with its help and the default of preset `name`.

    Returns:
        A `jsonargparse.ArgumentParser`.
    """
    module, values = config_module(task), flatten(preset(task, name))
    description = "Train a model. Defaults come from a preset; a file replaces some, flags replace both."
    result = _bare_parser(f"kerasapp train {task}", description)
    told = "; ".join(f"{known}: {_summary(function)}" for known, function in module.PRESETS.items())
    result.add_argument(
        "--preset", default=name or default_preset(task), help=f"the defaults to start from. {told}"
    )
    result.add_argument("--config", metavar="FILE", help="a YAML file of keys, such as a run's config.yaml")
    run_help = "the run's folder, by default runs/PRESET; an unfinished run there is resumed"
    result.add_argument("--run", metavar="DIR", help=run_help)
    result.add_argument("--from", metavar="RUN", help="start from another run's weights and tokenizer")
    for section in sections(module.CONFIG):
        _add_section(result, module.CONFIG, section, values)
    return result


@dataclasses.dataclass(frozen=True)
class Request:
    """What the flags of `kerasapp train` ask for: configuration, the run's folder, the run to start from."""

    config: Any
    folder: Path
    initial: str | None


def parse(
    task: str,
    argv: Sequence[str],
    stored: Callable[[Path], Any] = lambda folder: None,
    trained: Callable[[str], Any] = lambda path: None,
) -> Request:
    """Reads the flags of `kerasapp train TASK`.

    Args:
        task: a task's name.
        argv: The words after the task.
        stored: Gives the configuration of the run in a folder, or None where there is none. Where the flags
            name neither a preset nor a file, but `--run`, they change that one: `--run DIR` alone resumes.
        trained: Gives the configuration of the run that `--from` names, whose model the new run takes over.

    Raises:
        ConfigError: the flags or the file are not usable, or the preset's data is not given.
        SystemExit: `--help` was asked for and printed.
    """
    # The help shows the defaults of the preset that stands beside it.
    flags = parser(task, _value_after("--preset", argv))
    given = _read_flags(flags, argv, config_module(task).CONFIG)
    options = {name: given.pop(name) for name in ("preset", "config", "run", "from") if name in given}
    name = options.get("preset", default_preset(task))
    folder = Path(options.get("run") or Path("runs") / name)
    base = None
    if options.keys() <= {"run", "from"} and "run" in options and not given.get("training.overwrite"):
        base = stored(folder)
    source = _read_yaml(options["config"], task)[1] if "config" in options else {}
    initial = trained(options["from"]) if "from" in options else None
    base = base or preset(task, name)
    taken = shape(initial) if initial and initial.task == task else {}
    config = build(base, taken, source, given)
    if initial:
        check_same_shape(initial, config)
    require_data(config, name)
    config.data.check_trainable(config.training.patience)
    return Request(config, folder, options.get("from"))


def require_data(config: Any, name: str | None = None) -> None:
    """Raises ConfigError where the data to read is not given, with the recipe of preset `name` if any."""
    module = config_module(config.task)
    key = config.data.missing
    if key is not None:
        advice = f"; preset {name} ships none: {recipe(config.task, name)}" if name in module.PRESETS else ""
        raise ConfigError(f"{key}: required, the data to learn from{advice}")


def override(config: Any, given: Sequence[str] | Mapping[str, Any], section: str | None = "data") -> Any:
    """`config` with some keys replaced, as `kerasapp evaluate RUN --data.files X` does.

    Args:
        config: The configuration of a run.
        given: Flags such as `["--data.files", "a.txt", "b.txt"]`, or a mapping as `build` takes it.
        section: The only section whose keys may be given; None allows all.

    Raises:
        ConfigError: a flag or a key is unknown, or its value is not usable.
    """
    if not isinstance(given, Mapping):
        flags = _bare_parser("kerasapp", "")
        for name in sections(type(config)) if section is None else [section]:
            _add_section(flags, type(config), name, flatten(config))
        given = _read_flags(flags, given, type(config))
    return build(config, checked(given, type(config), section))


def _bare_parser(prog: str, description: str):
    from jsonargparse import ArgumentParser

    return ArgumentParser(prog=prog, description=description, exit_on_error=False, allow_abbrev=False)


def _add_section(target, config_class: type, section: str, values: Mapping[str, Any]) -> None:
    from docstring_parser import parse_from_object

    kind = sections(config_class)[section]
    # The base's first: a field that a class declares anew has the text that stands there.
    documents = [parse_from_object(base) for base in reversed(kind.mro()) if dataclasses.is_dataclass(base)]
    helps = {
        item.arg_name: " ".join(item.description.split())
        for document in documents
        for item in document.params
    }
    group = target.add_argument_group(section, documents[-1].short_description)
    for name, hint in hints(kind).items():
        key = f"{section}.{name}"
        value_type, several, limit = plain(hint), {}, limits_of(hint)
        if typing.get_origin(value_type) is tuple:
            items = typing.get_args(value_type)
            several = {"nargs": "+" if items[-1] is Ellipsis else len(items)}
            value_type = plain(items[0])
        group.add_argument(
            f"--{key}",
            type=value_type,
            default=list(values[key]) if several else values[key],
            help=f"{helps[name]}; {limit}" if limit else helps[name],
            **several,
            **_metavar(name, value_type),
        )


def _metavar(name: str, value_type: Any) -> dict[str, str]:
    for kind, metavar in ((int, "N"), (float, "X"), (str, name.rstrip("s").upper())):
        if value_type in (kind, kind | None):
            return {"metavar": metavar}
    return {}  # jsonargparse lists the choices


def _read_flags(flags, argv: Sequence[str], config_class: type) -> dict[str, Any]:
    """The dotted keys that `argv` gives, without defaults."""
    from argparse import ArgumentError

    known = [
        option[2:] for action in flags._actions for option in action.option_strings if option[:2] == "--"
    ]
    for word in argv:
        option = word.partition("=")[0].removeprefix("--")
        if word.startswith("--") and option not in known:
            raise ConfigError(
                f"unknown option --{option}; the nearest known one is --{nearest(option, known)}"
            )
    try:
        return dict(flags.parse_args(list(argv), defaults=False).items())
    except ArgumentError as error:
        raise ConfigError(_one_line(str(error), keys(config_class))) from None


def _one_line(message: str, known: Mapping[str, Any]) -> str:
    """jsonargparse's message about one key as "key: value is not what is expected"."""
    key = re.match(r'Parser key "([^"]+)"', message)
    values = re.findall(r"(?:Got|Given) value: (.*)", message)
    if key and values:
        check(key[1], known[key[1]], values[-1])
    return " ".join(message.removeprefix("argument --").split())


def _value_after(option: str, argv: Sequence[str]) -> str | None:
    for word, following in itertools.zip_longest(argv, argv[1:]):
        if word == option:
            return following
        if word.startswith(f"{option}="):
            return word.removeprefix(f"{option}=")
    return None


def _summary(function) -> str:
    return function.__doc__.splitlines()[0].rstrip(".")


# === Files ===


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
    task, given = _read_yaml(path)
    with _naming(path):
        return build(preset(task), given)


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


def _read_yaml(path: str | os.PathLike, task: str | None = None) -> tuple[str, dict[str, Any]]:
    """The task and the checked dotted keys of a file; where no `task` is expected, the file must name one."""
    with _naming(path):
        source = _parse_yaml(path)
        named = source.pop("task", task)
        if named is None:
            raise ConfigError(f"task: required, one of {', '.join(spec.names())}")
        if task not in (None, named):
            raise ConfigError(f"task: {show(named)} is not {show(task)}, the task asked for")
        return named, checked(_without_removed(source, config_module(named)), config_module(named).CONFIG)


def _without_removed(source, module):
    """A file's sections without the keys that only earlier versions had."""
    for key in getattr(module, "REMOVED", ()):
        section, _, name = key.partition(".")
        if isinstance(source.get(section), dict):
            source[section].pop(name, None)
    return source


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
