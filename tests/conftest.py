"""Tiny models, trained, exported and shared by all tests that need one."""

import fcntl
import gc
import os
import random

import pytest
from tiny import ECHO, LETTERS, REVERSAL, SERIES, SMALL, SPEECH, TEXT, TONES, reversed_words

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Two workers share two cores: with a thread each they need a sixth less processor time.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


def pytest_collection_finish():
    """What was imported stays: not to look for garbage in it saves a tenth of the processor time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _cache_folder(tmp_path_factory):
    """Token caches of the tests stay among the tests' files."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def write(tmp_path):
    """Function (content, name) -> the path of a new file."""

    def write_file(content, name="data.txt"):
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / name

    return write_file


@pytest.fixture(scope="session")
def text_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "play.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_run(once, text_file):
    """A finished run folder of a character model."""
    from kerasapp.cli import run

    def train(folder):
        words = ["--run", str(folder / "tiny"), "--data.files", str(text_file), *SMALL]
        assert run(["train", "generation", *words]) == 0

    return once("tiny_run", train) / "tiny"


@pytest.fixture(scope="session")
def tiny_export(once, tiny_run):
    """`saved_models/tiny` with one version."""
    from kerasapp.cli import run

    def export(folder):
        assert run(["export", str(tiny_run), "--to", str(folder), "--no-verify"]) == 0

    return once("tiny_models", export) / "tiny"


def _with_bundle(run, folder):
    """Exports a run with a bundle of every precision; the version is `folder/NAME/1`."""
    from kerasapp.cli import run as kerasapp

    precisions = ["--tflite", "float32", "float16", "dynamic", "int8"]
    assert kerasapp(["export", str(run), "--to", str(folder), "--no-verify", *precisions]) == 0


@pytest.fixture(scope="session")
def tiny_bundle(once, tiny_run):
    """The bundle of `tiny_run`, a folder, in all precisions."""
    return once("tiny_bundle", lambda folder: _with_bundle(tiny_run, folder)) / "tiny/1/tflite"


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """A function that has a folder filled once, even where several processes share the tests."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root

    def filled(name, fill):
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (root / name / "filled").exists():
                (root / name).mkdir()
                fill(root / name)
                (root / name / "filled").touch()
        return root / name

    return filled


@pytest.fixture(scope="session")
def reversal_pairs(tmp_path_factory):
    """A table of 4,000 pairs: three to eight letters, and the same ones reversed."""
    draw = random.Random(7)
    sources = [" ".join(draw.choices(LETTERS, k=draw.randint(3, 8))) for _ in range(4000)]
    path = tmp_path_factory.mktemp("data") / "reversal.tsv"
    path.write_text("".join(f"{source}\t{reversed_words(source)}\n" for source in sources))
    return path


@pytest.fixture(scope="session")
def reversal_run(once, reversal_pairs):
    """A finished run folder of `translation` that has learned to reverse letters."""
    from kerasapp.cli import run

    def train(folder):
        words = ["--run", str(folder / "reversal"), "--data.pairs", str(folder / "reversal.tsv"), *REVERSAL]
        (folder / "reversal.tsv").write_bytes(reversal_pairs.read_bytes())
        assert run(["train", "translation", *words]) == 0

    return once("reversal_run", train) / "reversal"


@pytest.fixture(scope="session")
def reversal_export(once, reversal_run):
    """`saved_models/reversal` with one version."""
    from kerasapp.cli import run

    def export(folder):
        assert run(["export", str(reversal_run), "--to", str(folder), "--no-verify"]) == 0

    return once("saved_models", export) / "reversal"


@pytest.fixture(scope="session")
def reversal_bundle(once, reversal_run):
    """The bundle of `reversal_run` in all precisions."""
    return once("reversal_bundle", lambda folder: _with_bundle(reversal_run, folder)) / "reversal/1/tflite"


@pytest.fixture(scope="session")
def echo_run(once):
    """A finished run folder of an autoencoder of `translation`, which has learned to repeat a few letters."""
    from kerasapp.cli import run

    def train(folder):
        draw = random.Random(11)
        lines = [" ".join(draw.choices(LETTERS[:4], k=draw.randint(1, 5))) for _ in range(2000)]
        (folder / "letters.txt").write_text("".join(f"{line}\n" for line in lines))
        words = ["--run", str(folder / "echo"), "--data.source", str(folder / "letters.txt"), *ECHO]
        assert run(["train", "translation", *words]) == 0

    return once("echo_run", train) / "echo"


@pytest.fixture(scope="session")
def echo_export(once, echo_run):
    """`saved_models/echo` with one version and a bundle for phones."""
    from kerasapp.cli import run

    def export(folder):
        words = ["--no-verify", "--tflite", "float32"]
        assert run(["export", str(echo_run), "--to", str(folder), *words]) == 0

    return once("echo_models", export) / "echo"


@pytest.fixture(scope="session")
def speech_folder(once):
    """Recordings in the form of LJSpeech: words of two to five letters, each letter a tone of its own."""
    import numpy as np
    import soundfile

    def record(folder):
        draw, lines = random.Random(3), []
        (folder / "wavs").mkdir()
        for i in range(60):
            word = "".join(draw.choices(list(TONES), k=draw.randint(2, 5)))
            seconds = np.arange(800) / 8000  # of a letter
            sound = [0.3 * np.sin(2 * np.pi * TONES[letter] * seconds) for letter in word]
            soundfile.write(folder / "wavs" / f"w{i}.wav", np.concatenate(sound), 8000)
            lines.append(f"w{i}|{word}\n")
        (folder / "metadata.csv").write_text("".join(lines))

    return once("speech", record)


@pytest.fixture(scope="session")
def speech_run(once, speech_folder):
    """A finished run folder of `synthesis`, which has learned nothing much."""
    from kerasapp.cli import run

    def train(folder):
        words = ["--run", str(folder / "tones"), "--data.directory", str(speech_folder), *SPEECH]
        assert run(["train", "synthesis", "--preset", "ljspeech", *words]) == 0

    return once("speech_run", train) / "tones"


@pytest.fixture(scope="session")
def speech_export(once, speech_run):
    """`saved_models/tones` with one version."""
    from kerasapp.cli import run

    def export(folder):
        assert run(["export", str(speech_run), "--to", str(folder), "--no-verify"]) == 0

    return once("speech_models", export) / "tones"


@pytest.fixture(scope="session")
def speech_bundle(once, speech_run):
    """The bundle of `speech_run` in all precisions."""
    return once("speech_bundle", lambda folder: _with_bundle(speech_run, folder)) / "tones/1/tflite"


@pytest.fixture(scope="session")
def wave_file(once):
    """A CSV file of 400 days: a wave with noise, and another that follows it."""
    import numpy as np

    def write(folder):
        t, noise = np.arange(400), np.random.default_rng(4).normal(size=[400, 2])
        first, second = 20 + 8 * np.sin(t / 4), 5 + 2 * np.sin(t / 4 - 1)
        days = np.datetime64("2024-01-01") + t
        rows = zip(days, first + noise[:, 0], second + 0.3 * noise[:, 1], strict=True)
        lines = [f"{day},{a:.4f},{b:.4f}\n" for day, a, b in rows]
        (folder / "wave.csv").write_text("day,level,flow\n" + "".join(lines))

    return once("wave", write) / "wave.csv"


@pytest.fixture(scope="session")
def wave_run(once, wave_file):
    """A finished run folder of `series`, of two columns."""
    from kerasapp.cli import run

    def train(folder):
        words = ["--run", str(folder / "wave"), "--data.files", str(wave_file), "--data.date", "day", *SERIES]
        assert run(["train", "series", "--data.transform", "sqrt", *words]) == 0

    return once("wave_run", train) / "wave"


@pytest.fixture(scope="session")
def wave_export(once, wave_run):
    """`saved_models/wave` with one version."""
    from kerasapp.cli import run

    def export(folder):
        assert run(["export", str(wave_run), "--to", str(folder), "--no-verify"]) == 0

    return once("wave_models", export) / "wave"


@pytest.fixture(scope="session")
def wave_bundle(once, wave_run):
    """The bundle of `wave_run`, in two precisions."""

    def export(folder):
        from kerasapp.cli import run

        words = ["--no-verify", "--tflite", "float32", "dynamic"]
        assert run(["export", str(wave_run), "--to", str(folder), *words]) == 0

    return once("wave_bundle", export) / "wave/1/tflite"
