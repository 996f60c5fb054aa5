"""Checks of a value against its field's annotation: a wrong one is refused before any data is read."""

import dataclasses
import functools
import json
import math
import os
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Union

from kerasapp.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Range:
    """The limits of a number, to stand in `typing.Annotated`: `Annotated[float, Range(above=0, most=1)]`."""

    above: float | None = None
    least: float | None = None
    most: float | None = None
    below: float | None = None

    def __contains__(self, number: float) -> bool:
        return (
            (self.above is None or number > self.above)
            and (self.least is None or number >= self.least)
            and (self.most is None or number <= self.most)
            and (self.below is None or number < self.below)
        )

    def __str__(self) -> str:
        limits = {
            "above": self.above,
            "at least": self.least,
            "at most": self.most,
            "below": self.below,
        }
        return " and ".join(f"{words} {limit}" for words, limit in limits.items() if limit is not None)


@dataclasses.dataclass(frozen=True)
class Note:
    """A remark to end the message about a wrong value: `Annotated[Literal["a"], Note("b comes later")]`."""

    text: str

    def __str__(self) -> str:
        return f"({self.text})"


Fraction = Annotated[float, Range(least=0, most=1)]
Rate = Annotated[float, Range(least=0, below=1)]


class Section:
    """Base of the dataclasses that hold one section of a configuration, such as `training`.

    `replaces` has, for a key that excludes others, the values that those take where a file or a command line
    gives that key and not them, such as `{"steps": {"minutes": None}}`.

    Every field is checked against its annotation when an instance is made, whatever it is made from.

    Raises:
        ConfigError: a field's value has the wrong type or is out of range; names `section.field`.
    """

    name: ClassVar[str]
    replaces: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def __post_init__(self):
        for field, hint in hints(type(self)).items():
            # The instances are frozen; this is where a list from a file becomes the annotation's tuple.
            object.__setattr__(self, field, check(f"{self.name}.{field}", hint, getattr(self, field)))


@functools.cache
def hints(section: type) -> dict[str, Any]:
    """The annotation of each field of a dataclass, `Annotated` kept, in the order of the fields."""
    annotations = typing.get_type_hints(section, include_extras=True)
    return {field.name: annotations[field.name] for field in dataclasses.fields(section)}


class _MisfitError(Exception):
    pass


def check(key: str, hint: Any, value: Any) -> Any:
    """`value` as the type that `hint` names: a list becomes a tuple, and 1 a float where one is asked for.

    Args:
        key: The name to use in messages, such as `training.learning_rate`.
        hint: bool, int, float, str, Literal, tuple, `X | None`, or one Annotated with a `Range` or `Note`.
        value: What was given.

    Raises:
        ConfigError: the value has another type or is out of range.
    """
    try:
        return _convert(hint, value)
    except _MisfitError:
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
        return _convert_tuple(arguments, value)
    if hint is float:
        return _convert_float(value)
    if hint is str:
        return os.fspath(_accept(isinstance(value, str | os.PathLike), value))
    return _accept(type(value) is hint, value)  # exactly: True is an int to isinstance


def _convert_tuple(arguments: tuple, value: Any) -> tuple:
    _accept(isinstance(value, list | tuple), value)
    if arguments[-1] is Ellipsis:
        arguments = arguments[:1] * len(value)
    _accept(len(value) == len(arguments), value)
    return tuple(_convert(hint, item) for hint, item in zip(arguments, value, strict=True))


def _convert_float(value: Any) -> float:
    if isinstance(value, str):
        # PyYAML follows YAML 1.1, where 5e-3 without a decimal point is text.
        try:
            value = float(value)
        except ValueError:
            raise _MisfitError from None
    _accept(isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value), value)
    return float(value)


def _accept(condition: bool, value: Any) -> Any:
    if not condition:
        raise _MisfitError
    return value


def _not_none(arguments: tuple) -> Any:
    return next(hint for hint in arguments if hint is not type(None))


def describe(hint: Any) -> str:
    """What an annotation expects, in words: "a number above 0, or null"."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return " ".join([describe(arguments[0]), *map(str, arguments[1:])]).replace(
            " at least", " of at least", 1
        )
    if origin in (Union, types.UnionType):
        return f"{describe(_not_none(arguments))}, or null"
    if origin is Literal:
        return f"one of {', '.join(arguments)}"
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return f"a list, each item {describe(arguments[0])}"
        return f"a list of {len(arguments)}, each item {describe(arguments[0])}"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[hint]


def plain(hint: Any) -> Any:
    """The annotation without what `Annotated` adds, for the parser of flags."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return plain(arguments[0])
    if origin in (Union, types.UnionType):
        return plain(_not_none(arguments)) | None
    return hint


def limits_of(hint: Any) -> str:
    """The limits in an annotation, in words, for help texts; empty where there are none."""
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is Annotated:
        return " ".join(str(extra) for extra in inner[1:] if isinstance(extra, Range))
    return next(filter(None, map(limits_of, inner)), "")


def show(value: Any) -> str:
    """A value as it would stand in YAML, on one line."""
    return json.dumps(value, ensure_ascii=False, default=str)
