"""The small runtime takes defaults and ranges from the metadata, and checks them as kerasapp does."""

import ast
from pathlib import Path

import pytest

import kerasapp_lite
from kerasapp import spec
from kerasapp_lite.knobs import Knob, filled, read

LENGTH = Knob("length", "int32", 200, "tokens", 0, 1_000_000)
LEAST = Knob("min_ratio", "float32", 0.0, "least", 0, 100, at_most="max_ratio")
MOST = Knob("max_ratio", "float32", 2.0, "most", 0, 100)
STOP = Knob("stop", "string", "")
KNOBS = [LENGTH, LEAST, MOST, STOP]
DEFAULTS = {"length": 200, "min_ratio": 0.0, "max_ratio": 2.0, "stop": ""}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"length": -1}, "length: -1 is not a whole number from 0 to 1000000"),
        ({"length": 1_000_001}, "length: 1000001 is not a whole number from 0 to 1000000"),
        ({"length": 1.5}, "length: 1.5 is not a whole number from 0 to 1000000"),
        ({"length": "5"}, "length: 5 is not a whole number from 0 to 1000000"),
        ({"length": None}, "length: None is not a whole number from 0 to 1000000"),
        ({"length": float("inf")}, "length: inf is not a whole number from 0 to 1000000"),
        ({"max_ratio": float("nan")}, "max_ratio: nan is not a number from 0 to 100"),
        ({"min_ratio": 3}, "min_ratio: 3.0 is above max_ratio, 2.0"),
        ({"stop": 3}, "stop: 3 is not a text"),
        ({"stops": "", "lenght": 3}, "unknown: lenght, stops; there are length, min_ratio, max_ratio, stop"),
    ],
)
def test_what_is_no_value_is_refused(given, message):
    with pytest.raises(ValueError) as caught:
        filled(KNOBS, given)
    assert str(caught.value) == message


def test_what_is_not_given_has_its_default():
    assert filled(KNOBS, {}) == DEFAULTS
    found = filled(KNOBS, {"length": 7.0, "min_ratio": 1, "max_ratio": 1, "stop": "\n"})
    assert found == {"length": 7, "min_ratio": 1.0, "max_ratio": 1.0, "stop": "\n"}
    assert [type(value) for value in found.values()] == [int, float, float, str]


@pytest.mark.parametrize("task", spec.names())
def test_ranges_are_those_of_the_description(task):
    """Every value that kerasapp takes or refuses is taken or refused here, too, with the same words."""
    described = spec.spec(task).knobs
    for own, knob in zip(read({"knobs": [k.described() for k in described]}), described, strict=True):
        assert (own.name, own.default, own.help) == (knob.name, knob.default, knob.help)
        if knob.type is str:
            continue
        assert own.range == knob.range
        for value in (knob.least, knob.most, knob.least - 1, knob.most + 1, 0.5, float("nan")):
            refused = []
            for check in (knob.check, own.checked):
                try:
                    check(value)
                    refused.append(False)
                except ValueError:
                    refused.append(True)
            assert refused[0] == refused[1], (knob.name, value)


def test_older_metadata_have_defaults_alone():
    known = read({"defaults": DEFAULTS})
    assert [(knob.name, knob.type) for knob in known] == [
        ("length", "int32"), ("min_ratio", "float32"), ("max_ratio", "float32"), ("stop", "string"),
    ]  # fmt: skip
    assert filled(known, {"length": -1}) == {**DEFAULTS, "length": -1}
    with pytest.raises(ValueError, match=r"length: 0\.5 is not a whole number$"):
        filled(known, {"length": 0.5})


def test_newer_metadata_may_say_more():
    assert read({"knobs": [{"name": "a", "type": "int32", "default": 1, "unit": "s"}]}) == [
        Knob("a", "int32", 1)
    ]


def defaults(source, names):
    """Functions that give a default to an argument named as a knob."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            given = node.args
            last = given.args[len(given.args) - len(given.defaults) :]
            last += [arg for arg, value in zip(given.kwonlyargs, given.kw_defaults) if value]
            yield from (f"{node.name}({arg.arg}=)" for arg in last if arg.arg in names)


def test_no_default_stands_in_the_code():
    names = {knob.name for task in spec.specs() for knob in task.knobs}
    assert list(defaults("def f(a, seed=0, *, length=3): pass", names)) == ["f(seed=)", "f(length=)"]
    for path in Path(kerasapp_lite.__file__).parent.glob("*.py"):
        assert list(defaults(path.read_text("utf-8"), names)) == [], path
