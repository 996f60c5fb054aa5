"""The tasks of the small runtime: those of kerasapp, and one of another package."""

import json
import re
import sys
from pathlib import Path

import lite_bundles
import pytest

from kerasapp import spec
from kerasapp_lite import cli, tasks

DOCS = Path(__file__).parents[1] / "docs" / "mobile.md"
(SPELLING,) = re.findall(r'```python\n("""my_package/lite\.py.*?)```', DOCS.read_text("utf-8"), re.DOTALL)
KNOB = {"name": "times", "type": "int32", "default": 2, "least": 1, "most": 5, "help": "100% of the word"}


def test_every_task_with_a_bundle_has_a_runtime():
    for own, described in zip(tasks.BUILT_IN, spec.specs(), strict=True):
        assert (own.name, own.command) == (described.name, described.command)
        assert callable(tasks.load(own.runtime)) and callable(tasks.load(own.run))


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that installs the package of docs/mobile.md; its entry point names something in it."""

    def installed(point="my_package.lite:TASK", source=SPELLING):
        for name, content in {
            "my_package/lite.py": source,
            "my_package-1.dist-info/METADATA": "Name: my-package\nVersion: 1\n",
            "my_package-1.dist-info/entry_points.txt": f"[{tasks.GROUP}]\nspelling = {point}\n",
        }.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(content)
        monkeypatch.syspath_prepend(tmp_path)
        for name in ("my_package", "my_package.lite"):
            monkeypatch.delitem(sys.modules, name, raising=False)

    return installed


@pytest.fixture
def bundle(tmp_path):
    folder = lite_bundles.write(tmp_path / "tflite")
    metadata = json.loads((folder / "metadata.json").read_text())
    changed = {**metadata, "task": "spelling", "command": "spell", "knobs": [KNOB]}
    (folder / "metadata.json").write_text(json.dumps(changed))
    return str(folder)


def test_a_task_of_another_package_is_a_command(install, bundle, capsys):
    assert tasks.of_command("spell") is None
    install()
    assert [task.name for task in tasks.tasks()] == [*spec.names(), "spelling"]
    assert cli.main(["spell", bundle, "ab"]) == 0
    assert capsys.readouterr().out == "a-b-a-b\n"
    assert cli.main(["spell", "--times", "1", bundle, "ab"]) == 0
    assert capsys.readouterr().out == "a-b\n"
    with pytest.raises(SystemExit):
        cli.main(["spell", bundle, "ab", "--times", "6"])
    assert "argument --times: '6' is not a whole number from 1 to 5" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert "spell a word" in capsys.readouterr().out
    assert cli.main(["generate", bundle]) == 2
    assert "is a bundle of spelling, not of generation; its command is spell" in capsys.readouterr().err


def test_a_command_has_an_exit_code(install, bundle):
    install(source=SPELLING + "    return 3\n")
    assert cli.main(["spell", bundle, "ab"]) == 3


@pytest.mark.parametrize(
    ("point", "source", "reason"),
    [
        ("my_package.lite:NONE", SPELLING, "cannot be imported"),
        ("my_package.none:TASK", SPELLING, "cannot be imported: No module named 'my_package.none'"),
        ("my_package.lite:Speller", SPELLING, "is no kerasapp_lite.tasks.Task"),
        (
            "my_package.lite:TASK",
            SPELLING.replace('"spell"', '"forecast"'),
            "its name or its command is taken",
        ),
    ],
)
def test_an_entry_point_that_cannot_be_used_is_told(install, capsys, point, source, reason):
    install(point, source)
    assert cli.main(["spell"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"kerasapp-lite: the task spelling ({point})") and reason in error
    assert error.count("\n") == 1
