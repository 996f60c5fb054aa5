"""One flag per key of a configuration, such as --training.steps."""

import argparse
import contextlib
import dataclasses
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from kerasapp.config.building import keys, sections
from kerasapp.config.checks import check, hints, limits_of, plain, show
from kerasapp.config.data import SPLITS
from kerasapp.errors import ConfigError


def add_flags(parser: argparse.ArgumentParser, config: Any, names: Iterable[str]) -> None:
    """Adds the flags of some sections to a parser; `values` reads what they were given.

    Args:
        parser: The command's parser.
        config: A configuration whose values the help shows as defaults.
        names: The sections.
    """
    from docstring_parser import parse_from_object  # here, as importing it takes long

    for section in names:
        kind = sections(type(config))[section]
        # The base's first: the text of a field that a class declares anew replaces the base's.
        documents = [
            parse_from_object(base) for base in reversed(kind.mro()) if dataclasses.is_dataclass(base)
        ]
        helps = {item.arg_name: item.description for document in documents for item in document.params}
        group = parser.add_argument_group(section, documents[-1].short_description)
        for name, hint in hints(kind).items():
            words = "; ".join(filter(None, [" ".join(helps[name].split()), limits_of(hint)]))
            default = _as_typed(getattr(getattr(config, section), name))
            group.add_argument(
                f"--{section}.{name}",
                default=argparse.SUPPRESS,
                **_words(plain(hint)),
                metavar=_metavar(name, plain(hint)),
                help=f"{words} (default: {default})".replace("%", "%%"),
            )


def values(flags: Mapping[str, Any], config_class: type) -> dict[str, Any]:
    """Dotted key -> value of the flags that were given; `build` refuses what has the wrong type."""
    known = keys(config_class)
    return {key: _value(key, known[key], words) for key, words in flags.items()}


def _value(key: str, hint: Any, words: str | list[str]) -> Any:
    kind = plain(hint)
    if isinstance(words, list):
        return [_value(key, typing.get_args(kind)[0], word) for word in words]
    with contextlib.suppress(ConfigError):
        return check(key, hint, {"null": None, "true": True, "false": False}.get(words, words))
    with contextlib.suppress(ValueError):
        return {int: int, float: float}.get(kind, str)(words)
    return words


def _as_typed(value: Any) -> str:
    """A default as it would stand on the command line."""
    if isinstance(value, tuple):
        return " ".join(map(_as_typed, value)) or "none"
    return value if isinstance(value, str) else show(value)


def _words(kind: Any) -> dict[str, Any]:
    """How many words a flag takes, for argparse: of a switch none, or true or false."""
    if kind is bool:
        return {"nargs": "?", "const": "true"}
    items = typing.get_args(kind) if typing.get_origin(kind) is tuple else ()
    return {"nargs": "+" if items[-1] is Ellipsis else len(items)} if items else {}


def _metavar(name: str, kind: Any) -> str | tuple[str, ...]:
    if name == "split":
        return tuple(split.upper() for split in SPLITS)
    if typing.get_origin(kind) is tuple:
        return _metavar(name, plain(typing.get_args(kind)[0]))
    if typing.get_origin(kind) is Literal:
        return "{" + ",".join(typing.get_args(kind)) + "}"
    return {int: "N", float: "X", bool: "{true,false}"}.get(kind, name.rstrip("s").upper())
