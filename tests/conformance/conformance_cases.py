"""Reads the cases in cases/*.yaml; README.md says what their keys mean."""

import re
from pathlib import Path

import pytest
import yaml

_FOLDER = Path(__file__).parent / "cases"
_COMMON = {"name", "source", "only_here", "has"}
_CITED = re.compile(
    r"(9d981c5c|f54b0e47) [\w./]+:\d+|72fbba3d [\w./]+"
)  # README.md says which commits these are
_KEYS = {
    "rest": _COMMON
    | {"method", "path", "headers", "body", "body_hex", "body_bytes", "body_parts", "gzip", "chunked"}
    | {"status", "type", "empty", "answer", "part", "has_not", "error", "error_here"},
    "rpc": _COMMON | {"call", "request", "request_repeat", "code", "message", "response"},
}


def load(kind: str) -> list:
    """The cases of all files `KIND_*.yaml`, as parameters of a test that are named after file and case."""
    parameters = []
    for path in sorted(_FOLDER.glob(f"{kind}_*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for entry in content["cases"]:
            case = content["defaults"] | entry
            assert case.keys() <= _KEYS[kind], f"{path.name}, {case['name']}: {case.keys() - _KEYS[kind]}"
            assert _CITED.search(case["source"]), f"{path.name}, {case['name']}: commit, file and line"
            parameters.append(pytest.param(case, id=f"{path.stem}: {case['name']}"))
    return parameters
