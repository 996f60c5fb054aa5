"""The quickstart's commands: a story for each task, of commands and data that there are."""

import pytest

from kerasapp.cli import COMMANDS, run
from kerasapp.commands import quickstart
from kerasapp.config import parsing
from kerasapp.config.registry import TASKS


@pytest.fixture
def commands(monkeypatch):
    """What would be run, and what the server would be asked."""
    done = []
    monkeypatch.setattr(quickstart, "command", lambda *words: done.append(list(words)))
    monkeypatch.setattr(quickstart, "serve_and_ask", lambda name, request: done.append((name, request)))
    return done


@pytest.mark.parametrize("task", TASKS)
def test_a_story_for_each_task(task, commands):
    assert run(["quickstart", task]) == 0
    train, evaluate, *answers, export, (name, request) = commands
    folder = f"runs/quickstart-{task}"
    assert train[:2] == ["train", task] and evaluate == ["evaluate", folder] and export == ["export", folder]
    wanted = parsing.parse(task, train[2:])
    assert str(wanted.folder) == folder and wanted.config.training.overwrite
    files = [wanted.config.data.pairs] if task == "translation" else wanted.config.data.files
    assert all(file.startswith("sample:") for file in files)
    assert wanted.config.training.minutes <= 5
    assert answers and all(words[0] in COMMANDS and words[1] == folder for words in answers)
    assert (name, list(request)) == (f"quickstart-{task}", ["instances"])


def test_minutes_replace_the_storys(commands):
    assert run(["quickstart", "translation", "--minutes", "0.5"]) == 0
    assert parsing.parse("translation", commands[0][2:]).config.training.minutes == 0.5
