"""The descriptions of the tasks: complete, light to load, and the only place that knows what a task is."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from kerasapp import spec
from kerasapp.errors import ConfigError
from kerasapp.knobs import Knob, columns

ROOT = Path(__file__).parents[1]
HOMES = (ROOT / "kerasapp" / "tasks", ROOT / "lite" / "kerasapp_lite")  # what one task alone uses may name it


def words():
    return {word for task in spec.specs() for word in (task.name, task.command, task.signature)}


def tables(source, known):
    """Lines of dict literals with two or more keys that are names of tasks, commands or signatures."""
    for node in ast.walk(ast.parse(source)):
        keys = (
            {key.value for key in getattr(node, "keys", ()) if isinstance(key, ast.Constant)}
            if isinstance(node, ast.Dict)
            else set()
        )
        if len(keys & known) >= 2:
            yield node.lineno


def comparisons(source, known):
    """Lines that compare something with the name of a task."""
    for node in ast.walk(ast.parse(source)):
        parts = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        if any(isinstance(part, ast.Constant) and part.value in known for part in parts):
            yield node.lineno


def test_no_table_of_tasks_stands_outside_the_descriptions():
    known, found = words(), []
    for path in sorted((ROOT / "kerasapp").rglob("*.py")):
        if not any(path.is_relative_to(home) for home in HOMES):
            text = path.read_text(encoding="utf-8")
            lines = [*tables(text, known), *comparisons(text, known)]
            found += [f"{path.relative_to(ROOT)}:{line}" for line in lines]
    assert found == []


def test_a_table_and_a_comparison_are_found():
    assert list(tables("x = 1\ny = {'generation': 1, 'series': 2}", {"generation", "series"})) == [2]
    assert list(comparisons("if task == 'series':\n    pass", {"series"})) == [1]


def test_every_task_has_what_is_required_of_it():
    for task in spec.specs():
        assert {"config", "task", "answers", "predictor", "command", "verify"} <= set(task.modules)
        assert task.load("task").name == task.name
        assert task.load("verify").OUTCOMES.keys() >= {task.signature}
        for knob in task.knobs:
            knob.check(knob.default, task.defaults)
            assert knob.help and (knob.at_most is None or task.knob(knob.at_most))


def test_descriptions_and_what_a_phone_needs_load_no_tensorflow():
    code = (
        "import sys\n"
        "from kerasapp import spec\n"
        "for task in spec.specs():\n"
        "    for stage in ('config', 'answers', 'command', 'phone'):\n"
        "        task.load(stage)\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_what_a_task_lacks_is_said_in_a_line():
    bare = spec.TaskSpec(
        "bare", "bear", "", "bear_it", "text", "token", (), (), {"config": "kerasapp.tasks.series.config"}
    )
    with pytest.raises(
        ConfigError, match="bare has no inspection; tasks that have one: generation, translation"
    ):
        bare.load("inspection")


def test_an_unknown_task_is_told_the_nearest():
    with pytest.raises(ConfigError, match="unknown task 'translatoin'; did you mean translation"):
        spec.spec("translatoin")


@pytest.mark.parametrize("key", ["name", "command", "signature"])
def test_two_tasks_cannot_share_a_name(key):
    own = {"name": "bare", "command": "bear", "signature": "bear_it"}
    taken = {**own, key: getattr(spec.spec("series"), key)}
    with pytest.raises(ConfigError, match=f"the task series has the {key}"):
        spec.register(
            spec.TaskSpec(**taken, summary="", input="text", unit="token", knobs=(), files=(), modules={})
        )
    assert "bare" not in spec.names()


def test_a_knob_refuses_what_is_out_of_range():
    knob = Knob("n_best", int, 1, 1, 64, at_most="beam_size")
    knob.check(4, {"beam_size": 4})
    for value, others in ((0, {}), (65, {}), (1.5, {}), (5, {"beam_size": 4}), (float("nan"), {})):
        with pytest.raises(ValueError, match="n_best: "):
            knob.check(value, others)


def test_a_knob_may_not_exceed_another_one_of_its_row():
    knobs = Knob("beam_size", int, 4, 1, 64), Knob("n_best", int, 1, 1, 64, at_most="beam_size")
    assert columns({"n_best": [4, 1]}, knobs, 2, "sentences")["n_best"].tolist() == [4, 1]
    with pytest.raises(ValueError, match="n_best: 2 is above beam_size, 1"):
        columns({"n_best": 2, "beam_size": [2, 1]}, knobs, 2, "sentences")
