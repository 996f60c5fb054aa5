"""The direction of imports, read from the source of every module, lazy imports included."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("kerasapp", "pipelines")

# A module imports only from its own row or from rows above it. "kerasapp" is the package's __init__ alone.
# The tasks come last: no stage imports one; `kerasapp.spec` imports the modules that a task names, late.
ORDER = (
    ("kerasapp.errors", "pipelines.errors", "pipelines.atomic"),
    (
        "kerasapp.backend",
        "kerasapp.artefact",
        "kerasapp.keras_classes",
        "kerasapp.threads",
        "kerasapp.knobs",
        "kerasapp.answers",
        "pipelines",
    ),
    ("kerasapp.spec",),
    ("kerasapp.layers", "kerasapp.plots", "kerasapp.config"),
    ("kerasapp.decoding", "kerasapp.inspection"),
    ("kerasapp.task", "kerasapp.training", "kerasapp.export"),
    ("kerasapp.api",),
    ("kerasapp.serving",),
    ("kerasapp.verify",),
    ("kerasapp.commands",),
    ("kerasapp.cli", "kerasapp.__main__", "kerasapp"),
    ("kerasapp.tasks",),
)

# What must not be imported, not even by something that is imported.
TENSORFLOW = ("tensorflow", "tensorflow_text", "keras")
FORBIDDEN = {
    "pipelines": ("kerasapp",),
    "kerasapp.spec": TENSORFLOW,
    "kerasapp.config": TENSORFLOW,
    **{
        f"kerasapp.tasks.{task}.{module}": TENSORFLOW
        for task in ("generation", "translation", "synthesis", "series")
        for module in ("spec", "config", "answers")
    },
    **{f"kerasapp.tasks.{task}.stream": TENSORFLOW for task in ("generation", "translation")},
    "kerasapp.serving": (
        "keras",
        "tensorflow.keras",
        "kerasapp.api",
        "kerasapp.task",
        "kerasapp.training",
        "kerasapp.layers",
    ),
}


def inside(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def read_imports(root: Path) -> dict[str, set[str]]:
    """What each module imports, anywhere in it: modules of ours by full name, others as they are written."""
    sources = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
    }
    return {
        module: {
            target
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            for target in targets(node, module, path.name == "__init__.py", set(sources))
        }
        for module, path in sources.items()
    }


def targets(node: ast.AST, module: str, is_package: bool, ours: set[str]) -> Iterator[str]:
    """The modules that one statement or call imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parents = module.split(".")
        parents = parents[: len(parents) - node.level + is_package] if node.level else []
        base = ".".join([*parents, *filter(None, [node.module])])
        for alias in node.names:
            name = f"{base}.{alias.name}"
            # Of ours, `from package import name` is the module package.name, or else package's __init__.
            yield name if name in ours or not inside_any(base) else base
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
        yield from (word.value for word in node.args[:1] if isinstance(word, ast.Constant))


def inside_any(module: str) -> bool:
    return any(inside(module, package) for package in PACKAGES)


def row(module: str) -> int | None:
    places = [
        index
        for index, names in enumerate(ORDER)
        for name in names
        if module == name or (name != "kerasapp" and inside(module, name))
    ]
    return min(places, default=None)


def task_of(module: str) -> str | None:
    """The task that a module belongs to, or None."""
    parts = module.split(".")
    return parts[2] if parts[:2] == ["kerasapp", "tasks"] and len(parts) > 2 else None


def problems(imports: dict[str, set[str]]) -> list[str]:
    """One line for each import that breaks a rule; empty where all hold."""
    ours = {module: names & imports.keys() for module, names in imports.items()}
    return [
        *(f"{module} has no row in ORDER" for module in imports if row(module) is None),
        *(
            f"{module} imports {name}, which comes later"
            for module, names in ours.items()
            for name in sorted(names)
            if row(name) is not None and row(module) is not None and row(name) > row(module)
        ),
        *(
            f"{module} imports {name}, of another task"
            for module, names in ours.items()
            for name in sorted(names)
            if task_of(module) and task_of(name) and task_of(module) != task_of(name)
        ),
        *(
            f"{module} imports its own package's __init__, {name}"
            for module, names in ours.items()
            for name in sorted(names)
            if inside(module, name) and module != name
        ),
        *(
            f"{module} reaches {name}"
            for package, names in FORBIDDEN.items()
            for module in imports
            if inside(module, package)
            for name in sorted(reached(module, imports))
            if any(inside(name, forbidden) for forbidden in names)
        ),
        *cycles(ours),
    ]


def reached(module: str, imports: dict[str, set[str]]) -> set[str]:
    """All that an import of the module may import in turn."""
    found, pending = set(), [module]
    while pending:
        new = imports.get(pending.pop(), set()) - found
        found |= new
        pending += new
    return found


def cycles(ours: dict[str, set[str]]) -> list[str]:
    try:
        graphlib.TopologicalSorter(ours).prepare()
    except graphlib.CycleError as error:
        return [f"cycle: {' <- '.join(error.args[1])}"]
    return []


def test_imports_follow_the_design():
    imports = read_imports(ROOT)
    assert len(imports) > 20  # the source was found
    assert problems(imports) == []


BREACHES = {
    "pipelines reaches kerasapp": (
        {"pipelines/text.py": "from kerasapp.errors import ConfigError", "kerasapp/errors.py": ""},
        "pipelines.text reaches kerasapp.errors",
    ),
    "a later row": (
        {"kerasapp/layers/a.py": "import kerasapp.task", "kerasapp/task.py": ""},
        "kerasapp.layers.a imports kerasapp.task, which comes later",
    ),
    "a later row, lazily": (
        {"kerasapp/layers/a.py": "def f():\n    from kerasapp import cli", "kerasapp/cli.py": ""},
        "kerasapp.layers.a imports kerasapp.cli, which comes later",
    ),
    "a later row, relatively": (
        {"kerasapp/export/a.py": "from ..serving import b", "kerasapp/serving/b.py": ""},
        "kerasapp.export.a imports kerasapp.serving.b, which comes later",
    ),
    "a later row, by name": (
        {"kerasapp/api.py": "importlib.import_module('kerasapp.cli')", "kerasapp/cli.py": ""},
        "kerasapp.api imports kerasapp.cli, which comes later",
    ),
    "a stage imports a task": (
        {
            "kerasapp/cli.py": "def f():\n    from kerasapp.tasks.a import b",
            "kerasapp/tasks/a/b.py": "",
        },
        "kerasapp.cli imports kerasapp.tasks.a.b, which comes later",
    ),
    "a task imports another": (
        {"kerasapp/tasks/a/task.py": "import kerasapp.tasks.b.task", "kerasapp/tasks/b/task.py": ""},
        "kerasapp.tasks.a.task imports kerasapp.tasks.b.task, of another task",
    ),
    "a cycle within a package": (
        {"pipelines/a.py": "import pipelines.b", "pipelines/b.py": "def f():\n    from pipelines import a"},
        "cycle: pipelines.a <- pipelines.b <- pipelines.a",
    ),
    "a module's own __init__": (
        {
            "kerasapp/layers/__init__.py": "SIZE = 1",
            "kerasapp/layers/a.py": "from kerasapp.layers import SIZE",
        },
        "kerasapp.layers.a imports its own package's __init__, kerasapp.layers",
    ),
    "keras under the server": (
        {"kerasapp/serving/a.py": "import pipelines.b", "pipelines/b.py": "from keras import ops"},
        "kerasapp.serving.a reaches keras.ops",
    ),
    "training under the server": (
        {"kerasapp/serving/a.py": "import kerasapp.training.fit", "kerasapp/training/fit.py": ""},
        "kerasapp.serving.a reaches kerasapp.training.fit",
    ),
    "TensorFlow under the configuration": (
        {"kerasapp/config/a.py": "def f():\n    import tensorflow as tf"},
        "kerasapp.config.a reaches tensorflow",
    ),
    "a module without a row": ({"kerasapp/extra.py": ""}, "kerasapp.extra has no row in ORDER"),
}


@pytest.mark.parametrize(("files", "expected"), BREACHES.values(), ids=BREACHES)
def test_a_breach_is_found(tmp_path, files, expected):
    for name, source in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    assert expected in problems(read_imports(tmp_path))


def test_a_good_tree_has_no_problems(tmp_path):
    for name, source in {
        "kerasapp/__init__.py": "def f():\n    from kerasapp import api",
        "kerasapp/api.py": "",
        "kerasapp/tasks/a/model.py": "from kerasapp.layers.b import C\nfrom pipelines import d\nimport keras",
        "kerasapp/tasks/a/task.py": "from kerasapp.tasks.a.model import C",
        "kerasapp/layers/b.py": "C = 1",
        "pipelines/d.py": "import tensorflow",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    assert problems(read_imports(tmp_path)) == []
