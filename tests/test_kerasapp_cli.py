"""The command line: every bad input is one line and exit code 2; help is quick and teaches."""

import gzip
import importlib.metadata
import io
import json
import os
import shutil
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest
from tiny import SMALL, TEXT
from waiting import PATIENCE

from kerasapp import cli
from kerasapp.cli import commands, main, run
from kerasapp.errors import CheckError, ConfigError, Interrupted, TrainingError
from pipelines.errors import DataError


@pytest.fixture
def files(tmp_path, tiny_run, tiny_export):
    """Named paths for the cases: unusable texts, and a run, an export and an unfinished run that are fine."""
    write = {
        "good": TEXT.encode(),
        "empty": b"",
        "short": b"To be",
        "malformed": b"fine\nstill fine\nnot \xff fine\n" * 50,
        "truncated.gz": gzip.compress(TEXT.encode())[:200],
        "corrupt.gz": b"\x1f\x8b no gzip after all",
        "unknown_key.yaml": b"task: generation\ntraining:\n  learning_rat: 0.1\n",
        "not.yaml": b"training: [\n",
    }
    for name, content in write.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "something").write_text("else")
    shutil.copytree(tiny_run, tmp_path / "finished")
    shutil.copytree(tiny_run, tmp_path / "damaged")
    (tmp_path / "damaged" / "best.keras").write_bytes(b"not a zip")
    shutil.copytree(tiny_run, tmp_path / "misconfigured")
    (tmp_path / "misconfigured" / "config.yaml").write_text("task: 3\n")
    shutil.copytree(tiny_run, tmp_path / "unfinished")
    (tmp_path / "unfinished" / "finished").unlink()
    return {"here": tmp_path, "run": tiny_run, "export": tiny_export, "models": tiny_export.parent}


TRAIN = "train generation --run {here}/new --training.steps 1 --data.files"
BAD = {
    # data
    "missing file": (f"{TRAIN} {{here}}/none.txt", "none.txt"),
    "one of several missing": (f"{TRAIN} {{here}}/good {{here}}/none.txt", "none.txt"),
    "folder as file": (f"{TRAIN} {{here}}/folder", "folder"),
    "empty file": (f"{TRAIN} {{here}}/empty", "empty"),
    "shorter than a window": (f"{TRAIN} {{here}}/short", "short"),
    "malformed UTF-8": (f"{TRAIN} {{here}}/malformed", "byte 20"),
    "truncated gzip": (f"{TRAIN} {{here}}/truncated.gz", "truncated.gz"),
    "corrupt gzip": (f"{TRAIN} {{here}}/corrupt.gz", "corrupt.gz"),
    "unknown sample": (f"{TRAIN} sample:tinyshakespear", "tinyshakespeare"),
    # configuration
    "no data": ("train generation --preset war-and-peace", "data.files"),
    "unknown key": (f"{TRAIN} {{here}}/good --training.learning_rat 1", "training.learning_rate"),
    "unknown key in a file": (f"{TRAIN} {{here}}/good --config {{here}}/unknown_key.yaml", "learning_rate"),
    "not YAML": (f"{TRAIN} {{here}}/good --config {{here}}/not.yaml", "not.yaml"),
    "missing configuration": (f"{TRAIN} {{here}}/good --config {{here}}/none.yaml", "none.yaml"),
    "wrong type": (f"{TRAIN} {{here}}/good --model.units many", "model.units"),
    "out of range": (f"{TRAIN} {{here}}/good --training.learning_rate -1", "training.learning_rate"),
    "unknown cell": (f"{TRAIN} {{here}}/good --model.cell transformer", "model.cell"),
    "fractions": (f"{TRAIN} {{here}}/good --data.split 0.5 0.5 0.5", "data.split"),
    "steps and minutes": (f"{TRAIN} {{here}}/good --training.minutes 1", "training.minutes"),
    "unknown preset": ("train generation --preset tinyshakespear", "tinyshakespeare"),
    "unknown task": ("train generatio", "generation"),
    "unknown command": ("trian", "train"),
    # runs and exports
    "finished run": ("train generation --run {here}/finished", "overwrite"),
    "run of another configuration": (
        "train generation --run {here}/unfinished --model.units 7",
        "model.units",
    ),
    "folder that is no run": (f"{TRAIN.replace('new', 'folder')} {{here}}/good", "folder"),
    "from nowhere": (f"{TRAIN} {{here}}/good --from {{here}}/none", "none"),
    "from another shape": (f"{TRAIN} {{here}}/good --from {{run}} --model.units 7", "model.units"),
    "evaluate nothing": ("evaluate {here}/none", "none"),
    "evaluate a folder": ("evaluate {here}/folder", "folder"),
    "evaluate an empty split": ("evaluate {run} --split test --data.split 0.9 0.1 0", "test"),
    "evaluate with a model key": ("evaluate {run} --model.units 3", "--model.units"),
    "evaluate malformed UTF-8": ("evaluate {run} --data.files {here}/malformed", "byte 20"),
    "export nothing": ("export {here}/none", "none"),
    "export under a number": ("export {run} --to {here} --name 12", "--name"),
    "evaluate with another tokenizer": ("evaluate {run} --data.tokenizer subwords", "--data.tokenizer"),
    "train into a path below a file": (f"{TRAIN.replace('new', 'good/new')} {{here}}/good", "good/new"),
    "unknown user's home": (f"{TRAIN} ~nobody-here/x", "nobody-here"),
    "host that is no name": ("serve {models} --rest-port 0 --host a..b", "a..b"),
    "export under a bad name": ("export {run} --to {here} --name ../up", "--name"),
    "export into a file": ("export {run} --to {here}/good", "good"),
    "generate from a damaged model": ("generate {here}/damaged", "best.keras"),
    "generate from a damaged configuration": ("generate {here}/misconfigured", "config.yaml"),
    "generate from nothing": ("generate {here}/none", "none"),
    "negative temperature": ("generate {run} --temperature -1", "--temperature"),
    "top-p above 1": ("generate {run} --top-p 1.5", "--top-p"),
    "length that is no number": ("generate {run} --length long", "--length"),
    "unknown flag": ("generate {run} --promt a", "--prompt"),
    "stream of two": ("generate {run} --stream --prompt a --prompt b", "--stream"),
    "serve nothing": ("serve {here}/none", "none"),
    "serve a folder without models": ("serve {here}/folder", "folder"),
    "port out of range": ("serve {export} --rest-port 70000", "--rest-port"),
    "quickstart of an unknown task": ("quickstart juggling", "juggling"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_code_2(case, files, capsys):
    words, named = BAD[case]
    before = sorted(files["here"].iterdir())
    assert run([word.format(**files) for word in words.split()]) == 2
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line]
    assert len(lines) == 1 and lines[0].startswith("error: ") and named in lines[0], err
    assert "Traceback" not in out + err
    assert sorted(files["here"].iterdir()) == before  # and nothing is left behind


def test_help_lists_the_commands_and_each_explains_itself(capsys):
    assert run(["--help"]) == 0
    listing = capsys.readouterr().out
    for name in commands():
        assert f"  {name} " in listing
        with pytest.raises(SystemExit) if name != "train" else pytest.MonkeyPatch.context():
            assert run([name, "--help"]) == 0
        assert f"kerasapp {name}" in capsys.readouterr().out


def kerasapp(*words, **options):
    command = [sys.executable, "-m", "kerasapp", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, **options)


def test_help_imports_no_tensorflow():
    code = "import sys; from kerasapp.cli import run; run(['--help']); print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_another_keras_backend_fails_at_once(tmp_path):
    done = kerasapp("generate", tmp_path, env=dict(os.environ, KERAS_BACKEND="jax"))
    assert done.returncode == 2 and "KERAS_BACKEND" in done.stderr and "Traceback" not in done.stderr
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    done = kerasapp("generate", tmp_path, env=dict(environment, KERAS_HOME=str(tmp_path)))
    assert done.returncode == 2 and "keras.json" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_end_no_command(closed, tmp_path):
    """Nor does what is printed get into the next file that is opened."""
    code = """
import os, sys
from kerasapp import cli
def run(argv):
    print("printed"); print("printed", file=sys.stderr); sys.stdout.flush()
    file = os.open(argv[0], os.O_RDWR | os.O_CREAT)
    return 7 if file > 2 and sys.stdin.fileno() == 0 else 1
cli.run = run
cli.main()
"""
    command = f'exec "$0" -c "$1" "$2" {closed}'
    words = ["sh", "-c", command, sys.executable, code, tmp_path / "file"]
    assert subprocess.run(words, timeout=PATIENCE).returncode == 7
    assert (tmp_path / "file").read_text() == ""


def test_another_package_named_pipelines_is_told_apart(tmp_path):
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "__init__.py").write_text("")
    code = "import kerasapp"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode and str(tmp_path) in done.stderr.splitlines()[-1]


def test_evaluate_prints_one_json_object(tiny_run, tiny_export, text_file, capsys):
    reports = []
    for place in (tiny_run, tiny_export):
        assert run(["evaluate", str(place), "--json"]) == 0
        reports.append(json.loads(capsys.readouterr().out))
    keys = ["nats_per_character", "bits_per_character", "perplexity_per_token"]
    assert list(reports[0]) == ["split", "files", "items", "seconds", *keys] and reports[0]["split"] == "test"
    assert reports[0]["files"] == reports[1]["files"] == [str(text_file)]
    assert reports[0]["nats_per_character"] == pytest.approx(reports[1]["nats_per_character"], rel=1e-6)


def test_evaluate_scores_another_file(tiny_run, tmp_path, capsys):
    (tmp_path / "other.txt").write_text("JULIET:\nWhat say you, Romeo?\n" * 20)
    words = ["evaluate", str(tiny_run), "--data.files", str(tmp_path / "other.txt"), "--json"]
    for split, items in (([], 29 * 20), (["--data.split", "0", "0.5", "0.5"], 29 * 10)):
        assert run([*words, *split]) == 0
        assert json.loads(capsys.readouterr().out)["items"] == items


def test_generate_streams_what_it_prints_at_once(tiny_run, capfdbinary):
    words = ["generate", str(tiny_run), "--prompt", "ROMEO:", "--length", "40", "--seed", "5"]
    assert run(words) == 0
    at_once = capfdbinary.readouterr().out
    assert run([*words, "--stream"]) == 0
    assert capfdbinary.readouterr().out == at_once and at_once.startswith(b"ROMEO:") and len(at_once) >= 47


def test_generate_names_the_characters_that_it_does_not_know(tiny_run, capfd):
    words = ["--prompt", "Ж ROMEO☃", "--prompt", "e\u0301Ж", "--length", "3"]
    assert run(["generate", str(tiny_run), *words]) == 0
    told = "--prompt: the model does not know Ж, ☃, é; it reads each as an unknown character\n"
    assert told in capfd.readouterr().err
    assert run(["generate", str(tiny_run), "--prompt", "ROMEO", "--length", "3"]) == 0
    assert "--prompt" not in capfd.readouterr().err


@pytest.mark.parametrize("prompt", ["-x", "--", "--length", "\udcff\udc80", ""])
def test_any_prompt_works(tiny_run, prompt, capfdbinary):
    assert run(["generate", str(tiny_run), "--prompt", prompt, "--length", "3"]) == 0
    shown = prompt.encode("utf-8", "surrogateescape")
    assert capfdbinary.readouterr().out.startswith(shown)


def test_a_run_folder_alone_goes_on_with_its_own_configuration(tmp_path, text_file, tiny_run, capsys):
    shutil.copytree(tiny_run, tmp_path / "run")
    (tmp_path / "run" / "finished").unlink()
    assert run(["train", "generation", "--run", str(tmp_path / "run")]) == 0
    assert "going on with this run" in capsys.readouterr().err


def test_overwrite_begins_anew(tmp_path, text_file, tiny_run):
    shutil.copytree(tiny_run, tmp_path / "run")
    words = ["--run", str(tmp_path / "run"), "--data.files", str(text_file), *SMALL, "--training.steps", "2"]
    assert run(["train", "generation", *words, "--training.overwrite", "true"]) == 0
    assert (tmp_path / "run" / "history.csv").read_text().splitlines()[1].startswith("1,2,")


def test_serve_answers_and_stops(tiny_export):
    import urllib.request

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "kerasapp", "serve", str(tiny_export.parent), "--rest-port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert f":{port}" in server.stdout.readline()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/models/tiny:predict", b'{"instances": ["ROMEO:", ""]}'
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            assert len(json.load(response)["predictions"]) == 2
        request.add_header("Origin", "https://example.org")  # a page of another site, in a browser here
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request, timeout=PATIENCE)
    finally:
        server.terminate()
        assert server.wait(timeout=PATIENCE) == 0


@pytest.mark.parametrize("flag", ["--version", "-V", "version"])
def test_each_way_to_ask_for_the_version(flag, capsys):
    assert run([flag]) == 0
    assert capsys.readouterr().out == f"kerasapp {importlib.metadata.version('kerasapp')}\n"


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", b"\\xe9 \\udce9"), ("utf-8", b"\xc3\xa9 \xe9")])
def test_a_name_that_the_terminal_cannot_show_ends_nothing(monkeypatch, encoding, shown):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with pytest.raises(SystemExit):
        main(["--version"])
    for stream in (out, err):
        stream.write("\xe9 \udce9")  # a letter, and a byte of a file's name that is not UTF-8
        assert stream.buffer.getvalue().endswith(shown)


def test_a_missing_folder_is_named_with_where_it_was_looked_for(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["evaluate", "runs/notes"]) == 2
    assert f"runs/notes: no such folder in {tmp_path}; expected a run" in capsys.readouterr().err
    assert run(["evaluate", str(tmp_path / "notes")]) == 2
    assert f"{tmp_path}/notes: no such folder; expected a run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("a: 1\nis not b"), 2, "error: a: 1 is not b\n"),
        (DataError("x.txt: line 3"), 2, "error: x.txt: line 3\n"),
        (
            OSError(28, "No space left on device", "/full/file"),
            2,
            "error: /full/file: No space left on device\n",
        ),
        (OSError("odd"), 2, "error: system: odd\n"),
        (CheckError("it differs"), 1, "error: it differs\n"),
        (TrainingError("the loss is nan"), 1, "error: the loss is nan\n"),
        (Interrupted("saved in runs/a"), 130, "saved in runs/a\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_how_a_command_ends(monkeypatch, capsys, error, code, said):
    def fail(argv):
        raise error

    monkeypatch.setattr(cli, "_command", lambda name: SimpleNamespace(main=fail))
    assert run(["train"]) == code
    assert capsys.readouterr() == ("", said)


def test_a_reader_that_has_seen_enough_is_no_error():
    """`kerasapp ... | head -1` ends quietly."""
    script = (
        "import types; from kerasapp import cli\n"
        "def main(argv):\n    for i in range(100000): print(i)\n"
        "cli._command = lambda name: types.SimpleNamespace(main=main)\n"
        "cli.main(['train'])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_the_exit_code_of_a_command_is_that_of_the_process(monkeypatch):
    monkeypatch.setattr(cli, "_command", lambda name: SimpleNamespace(main=lambda argv: argv and 1))
    assert (run(["verify"]), run(["verify", "x"])) == (0, 1)
    monkeypatch.setattr(cli, "run", lambda argv: len(argv))
    with pytest.raises(SystemExit, match="3"):
        cli.main(["a", "b", "c"])
