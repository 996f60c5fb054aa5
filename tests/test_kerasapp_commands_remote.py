"""`--server` in place of a run folder: the same output as with the model at hand, and clear errors."""

import argparse
import json
import socket
import subprocess
import sys

import pytest
from embedded import serving
from scripted_server import scripted
from tiny import LETTERS, reversed_words

import kerasapp
from kerasapp import spec
from kerasapp.cli import run
from kerasapp.commands import remote
from kerasapp.tasks.synthesis.audio_config import mel_edges


@pytest.fixture(scope="module")
def models(tmp_path_factory, tiny_export, reversal_export, speech_export):
    """A folder with a model of each task."""
    folder = tmp_path_factory.mktemp("saved_models")
    for export in (tiny_export, reversal_export, speech_export):
        (folder / export.name).symlink_to(export)
    return folder


@pytest.fixture(scope="module")
def served(models):
    with serving(models) as addresses:
        yield addresses


@pytest.fixture(params=["rest", "grpc"])
def server(served, request):
    return served[request.param]


@pytest.fixture(scope="module")
def generator(tiny_export):
    return kerasapp.load(tiny_export)


@pytest.fixture(scope="module")
def translator(reversal_export):
    return kerasapp.load(reversal_export)


def output(capsys, *words):
    """What a command prints; it has to succeed."""
    code = run([str(word) for word in words])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


GENERATE = ("--prompt", "ROMEO:", "--prompt", "人生", "--length", "40", "--seed", "7", "--stop", "你")


def test_generate_gives_the_same_text(models, server, capfd):
    local = output(capfd, "generate", models / "tiny", *GENERATE)
    assert output(capfd, "generate", "--server", server, "--model", "tiny", *GENERATE) == local
    assert local.startswith("ROMEO:") and "---\n人生" in local


@pytest.mark.parametrize("prompt", ["To be", "", b"\xff".decode("utf-8", "surrogateescape")])
def test_generate_streams_the_same_text(generator, served, capfd, prompt):
    words = ("--prompt", prompt, "--length", "30", "--seed", "3", "--stream")
    found = output(capfd, "generate", "--server", served["rest"], "--model", "tiny", *words)
    (text,) = generator.generate([prompt], length=30, seed=3)
    assert found == f"{prompt}{text}\n".encode("utf-8", "surrogateescape").decode(errors="replace")


def test_translate_gives_the_same_lines(models, server, tmp_path, capfd):
    sentences = ["c a f", "", "h g f e d c b a", "b b a", *(" ".join(LETTERS[i:]) for i in range(8))]
    source = tmp_path / "in.txt"
    source.write_text("\n".join(sentences))
    words = ("--input", source, "--n-best", "2", "--beam-size", "3")
    local = output(capfd, "translate", models / "reversal", *words)
    assert output(capfd, "translate", "--server", server, "--model", "reversal", *words) == local
    assert f"0 ||| {reversed_words('c a f')} ||| " in local


def test_translate_draws_the_same_alignment(models, server, tmp_path, capfd):
    plot = tmp_path / "plot.png"
    words = ("c a f", "--scores", "--alignment-plot", plot)
    local = output(capfd, "translate", models / "reversal", *words), plot.read_bytes()
    plot.unlink()
    assert (output(capfd, "translate", "--server", server, *NAME, *words), plot.read_bytes()) == local


NAME = ("--model", "reversal", "--version", "1")


def test_synthesize_writes_the_same_sound(models, server, tmp_path, capfd):
    (tmp_path / "lines.txt").write_text("abc\n\nhgfe\nab\n")
    sounds = []
    for model in ([models / "tones"], ["--server", server, "--model", "tones"]):
        folder = tmp_path / f"out{len(sounds)}"
        output(capfd, "synthesize", *model, "--input", tmp_path / "lines.txt", "--output", folder)
        sounds.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert sounds[0] == sounds[1] and sorted(sounds[0]) == ["0001.wav", "0003.wav", "0004.wav"]


def test_synthesize_draws_a_server_s_voice(models, served, tmp_path, capfd, monkeypatch):
    drawn = []
    monkeypatch.setattr("kerasapp.tasks.synthesis.plots.synthesis", lambda path, **told: drawn.append(told))
    for model in (
        [models / "tones"],
        ["--server", served["rest"]],
        ["--server", served["grpc"], "--model", "tones"],
    ):
        output(
            capfd, "synthesize", *model, "abc", "--output", tmp_path / "a.wav", "--plot", tmp_path / "a.png"
        )
    local, rest, grpc = drawn
    assert local["mel_frequencies"] == pytest.approx(mel_edges(0, 4000, 20)[1:-1])
    assert rest["mel_frequencies"] == pytest.approx(local["mel_frequencies"])
    assert grpc["mel_frequencies"] is None  # TF Serving's protocol does not tell
    assert rest["hop_seconds"] == pytest.approx(local["hop_seconds"])
    assert (rest["mel"] == local["mel"]).all() and rest["tokens"] == local["tokens"]


@pytest.mark.parametrize("text", ["c a f", "-5", "--", ""])
def test_the_only_model_of_a_task_needs_no_name_and_text_may_be_anything(translator, served, capfd, text):
    words = ["--"] if text == "--" else []
    found = output(capfd, "translate", "--server", served["rest"], *words, text)
    assert found == translator.translate([text])[0].text + "\n"


def test_nothing_heavy_is_imported(served):
    script = (
        "import sys; from kerasapp.cli import run; "
        f"code = run(['generate', '--server', {served['rest']!r}, '--prompt', 'a', '--length', '3']); "
        "assert code == 0 and not {'tensorflow', 'keras', 'grpc', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("a"), done.stderr


@pytest.fixture
def away():
    """The address of a server that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


BAD = {
    "away": ("generate --server {away} --model tiny", "{away}: cannot connect: Connection refused"),
    "away, over gRPC": ("generate --server grpc://{away} --model tiny", "cannot connect"),
    "away, without a name": ("translate --server {away} abc", "cannot connect"),
    "no address": ("generate --server here:there", "--server: 'here:there' is not a server's address"),
    "no such model": ("generate --server {rest} --model none", "Latest(none); the server has "),
    "no such version": (
        "generate --server {rest} --model tiny --version 7",
        "Specific(tiny, 7); its versions are 1",
    ),
    "no such label": ("generate --server {rest} --model tiny --label stable", "stable"),
    "another task": ("translate --server {rest} --model tiny abc", "ask it with kerasapp generate"),
    "gRPC does not list": ("translate --server {grpc} abc", "--model: required"),
    "gRPC does not stream": ("generate --server {grpc} --model tiny --stream", "REST"),
    "too much": ("generate --server {rest} --model tiny --length 20000", "at most 10000"),
    "both": ("generate {run} --server {rest}", "not both"),
    "both, with a text": ("translate {run} abc --server {rest}", "not both"),
    "neither": ("generate --prompt a", "RUN|EXPORT, or --server"),
    "--model alone": ("generate {run} --model tiny", "--model: goes with --server"),
    "--label alone": ("synthesize {run} abc --output a.wav --label stable", "--label: goes with --server"),
    "version and label": ("generate --server {rest} --version 1 --label stable", "not both"),
    "version 0": ("generate --server {rest} --version 0", "--version"),
}


@pytest.mark.parametrize(("words", "said"), BAD.values(), ids=BAD)
def test_what_cannot_be_asked_is_one_line(served, away, tiny_run, capfd, monkeypatch, words, said):
    monkeypatch.setattr("kerasapp.serving.client.client.FIRST_PAUSE", 0.01)
    places = {"away": away, "run": tiny_run, **served}
    assert run(words.format(**places).split()) == 2
    out, err = capfd.readouterr()
    assert out == "" and said.format(**places) in err
    assert err.startswith("error: ") and err.count("\n") == 1


def test_several_models_of_a_task_need_a_name(capfd):
    models = [{"name": name, "versions": [{"task": "generation"}]} for name in ("one", "two")]
    with scripted([(200, json.dumps({"models": models}).encode())]) as (address, _):
        assert run(["generate", "--server", address]) == 2
        assert "several of generation, one, two: choose one" in capfd.readouterr().err
        assert run(["translate", "--server", address, "abc"]) == 2
        assert "no model of translation; it has one, two" in capfd.readouterr().err


def test_a_server_without_a_list_or_with_another_model(capfd):
    """As TensorFlow Serving answers: 404 for the list, and metadata of a model of another kind."""
    metadata = {"metadata": {"signature_def": {"signature_def": {"predict": {}}}}}
    answers = [(404, b'{"error": "Not found"}'), (200, json.dumps(metadata).encode())]
    with scripted(answers) as (address, _):
        assert run(["generate", "--server", address]) == 2
        assert "--model: required" in capfd.readouterr().err
        assert run(["generate", "--server", address, "--model", "m"]) == 2
        assert "m: not a model of generation: it has no signature 'generate'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("flags", "highest"),
    [([], 3000), (["--version", "2"], 2000), (["--label", "stable"], 1000), (["--version", "4"], None)],
)
def test_the_frequencies_are_those_of_the_version_that_is_asked(flags, highest):
    metadata = {"metadata": {"signature_def": {"signature_def": {"synthesize": {}}}}}
    versions = [
        {"version": str(n), "labels": ["stable"] if n == 1 else [], "audio": {"f_min": 0, "f_max": 1000 * n}}
        for n in (3, 2, 1)
    ]
    models = {"models": [{"name": "other", "versions": []}, {"name": "v", "versions": versions}]}
    answers = [(200, json.dumps(answer).encode()) for answer in (metadata, models)]
    parser = argparse.ArgumentParser()
    remote.add_flags(parser)
    with scripted(answers) as (address, _):
        args = parser.parse_args(["--server", address, "--model", "v", *flags])
        found = remote.Server(args, spec.spec("synthesis")).audio()
    assert found == (highest and {"f_min": 0, "f_max": highest})
