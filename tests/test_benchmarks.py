"""Benchmarks are run by hand: what they import of ours has to be there."""

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

OURS = ("kerasapp", "kerasapp_lite", "pipelines")


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parents[1].glob("benchmarks/*.py")), ids=lambda p: p.stem
)
def test_what_a_benchmark_imports_is_there(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in OURS:
            module = importlib.import_module(node.module)
            for name in (alias.name for alias in node.names):
                found = hasattr(module, name) or importlib.util.find_spec(f"{node.module}.{name}")
                assert found, f"{node.module} has no {name}"
