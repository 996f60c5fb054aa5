"""The quickstart's commands: a story for each task, of commands and data that there are."""

import base64
import io
import json
import sys
from contextlib import nullcontext
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from scripted_server import scripted

from kerasapp import spec
from kerasapp.cli import commands as commands_of_all
from kerasapp.cli import run
from kerasapp.commands import quickstart
from kerasapp.commands.train import parse
from kerasapp.config.building import flatten
from kerasapp.config.presets import config_module
from kerasapp.errors import ConfigError
from kerasapp.tasks.synthesis.spec import DIGITS
from pipelines.speech import digits


@pytest.fixture
def commands(monkeypatch):
    """What would be run, and what the server would be asked."""
    done = []
    monkeypatch.setattr(quickstart, "command", lambda *words: done.append(list(words)))
    monkeypatch.setattr(quickstart, "serve_and_ask", lambda name, request: done.append((name, request)))
    return done


@pytest.mark.parametrize("task", spec.names())
def test_a_story_for_each_task(task, commands):
    assert run(["quickstart", task]) == 0
    train, evaluate, *answers, export, (name, request) = commands
    folder = f"runs/quickstart-{task}"
    assert train[:2] == ["train", task] and evaluate == ["evaluate", folder] and export == ["export", folder]
    wanted = parse(task, train[2:])
    assert str(wanted.folder) == folder and wanted.config.training.overwrite
    given = [flatten(wanted.config)[key] for key in config_module(task).CUT]
    files = [file for names in given if names for file in ([names] if isinstance(names, str) else names)]
    assert files and all(file.startswith("sample:") for file in files)
    training = wanted.config.training
    # By the clock a fast machine would train series for four times as many steps as it takes to overfit.
    assert training.steps == 1500 if task == "series" else training.minutes <= 5
    assert answers and all(words[0] in commands_of_all() and words[1] == folder for words in answers)
    assert (name, list(request)) == (f"quickstart-{task}", ["instances"])


def test_minutes_replace_the_storys(commands):
    assert run(["quickstart", "translation", "--minutes", "0.5"]) == 0
    assert parse("translation", commands[0][2:]).config.training.minutes == 0.5


def test_the_model_has_not_seen_what_it_reads():
    string = [digits.WORDS.index(word) for word in DIGITS.split()]
    assert string not in [list(seen) for seen in digits.strings()]


def test_bytes_are_counted_and_not_printed():
    sound = base64.b64encode(bytes(range(256)) * 9).decode()
    row = {"audio_bytes": {"b64": sound}, "sample_rate": 8000, "seconds": 1.5}
    printed = quickstart.shown(json.dumps({"predictions": [row, {"audio_bytes": {"b64": "UklGRg=="}}]}))
    assert len(printed) < 200 and "(2,304 bytes)" in printed and '"seconds": 1.5' in printed
    assert "UklGRg==" in printed
    texts = json.dumps({"predictions": ["b64" * 100]})
    assert quickstart.shown(texts) == texts


@pytest.mark.parametrize(("code", "error"), [(0, None), (130, KeyboardInterrupt), (2, ConfigError)])
def test_a_command_is_shown_and_one_that_fails_ends_the_story(monkeypatch, capsys, code, error):
    """Ctrl-C in the training is no failure: nobody wants to read of one."""
    asked = []
    monkeypatch.setattr(
        quickstart.subprocess, "run", lambda words: asked.append(words) or SimpleNamespace(returncode=code)
    )
    with pytest.raises(error) if error else nullcontext() as caught:
        quickstart.command("train", "a b")
    assert code != 2 or "kerasapp train ended with exit code 2" in str(caught.value)
    assert asked == [[sys.executable, "-m", "kerasapp", "train", "a b"]]
    assert capsys.readouterr().out == "\n$ kerasapp train 'a b'\n"


@pytest.mark.parametrize("ready", [True, False])
def test_the_server_is_asked_without_a_proxy_and_stopped(monkeypatch, capsys, ready):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with scripted([(200, b'{"predictions": ["hey"]}')]) as (address, asked):
        line = f"Serving m at http://{address}\n" if ready else ""
        server = Mock(stdout=io.StringIO(line))
        monkeypatch.setattr(quickstart.subprocess, "Popen", lambda *_, **__: server)
        if ready:
            quickstart.serve_and_ask("m", {"instances": ["人"]})
        else:
            with pytest.raises(ConfigError, match="the server did not start"):
                quickstart.serve_and_ask("m", {"instances": ["人"]})
    server.terminate.assert_called_once_with()
    server.wait.assert_called_once_with()
    assert [body for *_, body, _ in asked] == [{"instances": ["人"]}] * ready
    assert ("hey" in capsys.readouterr().out) == ready
