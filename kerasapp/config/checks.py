"""Checks a value against its field's annotation, before any data is read."""

import dataclasses
import functools
import json
import math
import operator
import os
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Union

from kerasapp.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Range:
    """The limits of a number, for `typing.Annotated`: `Annotated[float, Range(above=0, most=1)]`."""

    above: float | None = None
    least: float | None = None
    most: float | None = None
    below: float | None = None

    def __contains__(self, number: float) -> bool:
        return all(holds(number, limit) for _, holds, limit in self._limits())

    def __str__(self) -> str:
        return " and ".join(f"{words} {limit}" for words, _, limit in self._limits())

    def _limits(self) -> list[tuple]:
        """(words, comparison, limit) of each limit that is set."""
        limits = [
            ("above", operator.gt, self.above),
            ("at least", operator.ge, self.least),
            ("at most", operator.le, self.most),
            ("below", operator.lt, self.below),
        ]
        return [limit for limit in limits if limit[2] is not None]


@dataclasses.dataclass(frozen=True)
class Note:
    """A remark after the message about a wrong value: `Annotated[Literal["a"], Note("b comes later")]`."""

    text: str

    def __str__(self) -> str:
        return f"({self.text})"


Fraction = Annotated[float, Range(least=0, most=1)]
Rate = Annotated[float, Range(least=0, below=1)]


class Section:
    """Base of the dataclasses that hold one section of a configuration, such as `training`.

    `replaces` maps a key to the values of the keys that it excludes, such as `{"steps": {"minutes": None}}`:
    they are set if a source gives that key and not them.

    Every field is checked against its annotation when an instance is made.

    Raises:
        ConfigError: a field's value has the wrong type or is out of range; names `section.field`.
    """

    name: ClassVar[str]
    replaces: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def __post_init__(self):
        for field, hint in hints(type(self)).items():
            # The instances are frozen; here a list from a file becomes the annotation's tuple.
            object.__setattr__(self, field, check(f"{self.name}.{field}", hint, getattr(self, field)))


@functools.cache
def hints(section: type) -> dict[str, Any]:
    """The annotation of each field of a dataclass, with `Annotated`, in the order of the fields."""
    annotations = typing.get_type_hints(section, include_extras=True)
    return {field.name: annotations[field.name] for field in dataclasses.fields(section)}


def check(key: str, hint: Any, value: Any) -> Any:
    """`value` as the type of `hint`: a list becomes a tuple, and a whole number a float.

    Args:
        key: The name to use in messages, such as `training.learning_rate`.
        hint: bool, int, float, str, Literal, tuple, `X | None`, or one Annotated with a `Range` or `Note`.
        value: What was given.

    Raises:
        ConfigError: the value has another type or is out of range.
    """
    try:
        return _convert(hint, value)
    except (ValueError, OverflowError):
        raise ConfigError(f"{key}: {show(value)} is not {describe(hint)}") from None


def _convert(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        value = _convert(arguments[0], value)
        limits = [extra for extra in arguments[1:] if isinstance(extra, Range)]
        return _accept(value is None or all(value in limit for limit in limits), value)
    if origin in (Union, types.UnionType):
        return None if value is None else _convert(_not_none(arguments), value)
    if origin is Literal:
        return _accept(value in arguments, value)
    if origin is tuple:
        _accept(isinstance(value, list | tuple), value)
        items = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_convert(*pair) for pair in zip(items, value, strict=True))
    if hint is float:
        # A text, too: PyYAML follows YAML 1.1, where 5e-3 without a decimal point is text.
        number = float(_accept(isinstance(value, int | float | str) and not isinstance(value, bool), value))
        return _accept(math.isfinite(number), number)
    if hint is str:
        return os.fspath(_accept(isinstance(value, str | os.PathLike), value))
    return _accept(type(value) is hint, value)  # exactly: True is an int to isinstance


def _accept(condition: bool, value: Any) -> Any:
    if not condition:
        raise ValueError
    return value


def _not_none(arguments: tuple) -> Any:
    return next(hint for hint in arguments if hint is not type(None))


def describe(hint: Any) -> str:
    """What an annotation expects, in words: "a number above 0, or null"."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        words = " ".join([describe(arguments[0]), *map(str, arguments[1:])])
        return words.replace(" at least", " of at least", 1)
    if origin in (Union, types.UnionType):
        return f"{describe(_not_none(arguments))}, or null"
    if origin is Literal:
        return f"one of {', '.join(arguments)}"
    if origin is tuple:
        count = "" if arguments[-1] is Ellipsis else f" of {len(arguments)}"
        return f"a list{count}, each item {describe(arguments[0])}"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[hint]


def plain(hint: Any) -> Any:
    """The type in an annotation, without its limits and without null."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Annotated, Union, types.UnionType):
        return plain(_not_none(arguments))
    return hint


def limits_of(hint: Any) -> str:
    """The limits in an annotation, in words; empty if there are none."""
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is Annotated:
        return " ".join(str(extra) for extra in inner[1:] if isinstance(extra, Range))
    return next(filter(None, map(limits_of, inner)), "")


def show(value: Any) -> str:
    """A value as it would stand in YAML, on one line."""
    return json.dumps(value, ensure_ascii=False, default=str)
